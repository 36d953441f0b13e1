//! An answer that comes in many messages.

use std::sync::Arc;

use bytes::Bytes;
use herdbook_client::ClientError;
use pyo3::prelude::*;
use tokio::{runtime::Handle, sync::Mutex};
use tonic::Streaming;

use crate::{errors, message::Message, method::Method, pending::wait};

/// Messages, one after the other, as they come. Ends the call when it is dropped.
#[pyclass(frozen, module = "herdbook._internal")]
pub(crate) struct MessageStream {
    answers: Arc<Mutex<Streaming<Bytes>>>,
    method: Method,
    runtime: Handle,
}

impl MessageStream {
    pub(crate) fn new(answers: Streaming<Bytes>, method: Method, runtime: Handle) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers)),
            method,
            runtime,
        }
    }
}

#[pymethods]
impl MessageStream {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Message>> {
        let answers = self.answers.clone();
        let next = async move { answers.lock().await.message().await };
        let mut task = self.runtime.spawn(next);
        let next = wait(py, None, &mut task);
        if next.is_err() {
            task.abort();
        }
        match next? {
            Some(Ok(Ok(next))) => next
                .map(|content| self.method.response(&content))
                .transpose(),
            Some(Ok(Err(status))) => Err(errors::of_status(py, &status)),
            Some(Err(_)) | None => Err(errors::of_client(py, &ClientError::Closed)),
        }
    }
}
