//! A client of one server, for all runs of the process.

use std::{
    mem::ManuallyDrop,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use herdbook_client::{ClientError, Durability, Options};
use pyo3::{prelude::*, types::PyAny};

use crate::{
    calls, errors,
    message::Message,
    method::Method,
    pending::{seconds_of, wait},
    process,
    stream::MessageStream,
};

/// The client.
#[pyclass(frozen, module = "herdbook._internal")]
pub(crate) struct Client {
    client: ManuallyDrop<herdbook_client::Client>,
    events: Arc<Mutex<Receiver<(&'static str, String)>>>,
    url: String,
    patience: Duration,
    process: u64,
}

impl Client {
    /// The client, where it has its threads.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&herdbook_client::Client> {
        match self.process == process() {
            true => Ok(&self.client),
            false => Err(errors::of_client(py, &ClientError::Closed)),
        }
    }
}

#[allow(unsafe_code)]
impl Drop for Client {
    fn drop(&mut self) {
        if self.process == process() {
            // SAFETY: it is dropped here alone, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.client) }
        }
    }
}

#[pymethods]
impl Client {
    /// Starts a client; does not wait for the server.
    #[new]
    #[pyo3(signature = (url, *, token=None, workspace=None, ca_file=None, spool=None, spool_bytes, memory, patience, offline=false, writer=None))]
    // They have names in Python.
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        url: String,
        token: Option<String>,
        workspace: Option<String>,
        ca_file: Option<PathBuf>,
        spool: Option<PathBuf>,
        spool_bytes: u64,
        memory: usize,
        patience: f64,
        offline: bool,
        writer: Option<String>,
    ) -> PyResult<Self> {
        let (told, events) = mpsc::channel();
        let patience = seconds_of(patience);
        let mut options = Options::new(&url)
            .memory(memory)
            .spool_bytes(spool_bytes)
            .patience(patience)
            .on_event(move |event| {
                let level = match event.level().as_str() {
                    "INFO" => "info",
                    "WARN" => "warning",
                    _ => "error",
                };
                // Nobody listens any more once the client is closed.
                let _ = told.send((level, event.to_string()));
            });
        if let Some(token) = token {
            options = options.token(token);
        }
        if let Some(workspace) = workspace {
            options = options.workspace(workspace);
        }
        if let Some(file) = ca_file {
            options = options.ca_file(file);
        }
        if let Some(folder) = spool {
            options = options.spool(folder).durability(Durability::Disk);
        }
        if let Some(name) = writer {
            options = options.writer(name);
        }
        if offline {
            options = options.offline();
        }
        let client = herdbook_client::Client::connect(options);
        Ok(Self {
            client: ManuallyDrop::new(client.map_err(|error| errors::of_client(py, &error))?),
            events: Arc::new(Mutex::new(events)),
            url,
            patience,
            process: process(),
        })
    }

    /// Calls a method such as `RunService/GetRun` that answers once, with a dict or a message for its request. Tries
    /// again while the server is away, until `timeout` seconds are over, or those of the client's patience.
    #[pyo3(signature = (method, request, *, timeout=None))]
    fn call(
        &self,
        py: Python<'_>,
        method: &str,
        request: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Message> {
        let method = Method::find(method, false)?;
        let encoded = method.request(request)?;
        let client = self.get(py)?;
        let until = timeout.map(|seconds| Instant::now() + seconds_of(seconds));
        let call = calls::unary(
            client.connection(),
            method.path(),
            encoded,
            Instant::now() + self.patience,
            until,
        );
        let mut task = client.runtime().spawn(call);
        let answered = wait(py, None, &mut task);
        if answered.is_err() {
            task.abort();
        }
        match answered? {
            Some(Ok(Ok(content))) => method.response(&content),
            Some(Ok(Err(status))) => {
                Err(errors::of_status(py, &calls::explained(status, &self.url)))
            }
            Some(Err(_)) | None => Err(errors::of_client(py, &ClientError::Closed)),
        }
    }

    /// Calls a method whose answer is a stream of messages.
    #[pyo3(signature = (method, request, *, timeout=None))]
    fn stream(
        &self,
        py: Python<'_>,
        method: &str,
        request: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<MessageStream> {
        let method = Method::find(method, true)?;
        let encoded = method.request(request)?;
        let client = self.get(py)?;
        let call = calls::streaming(
            client.connection(),
            method.path(),
            encoded,
            Instant::now() + self.patience,
            timeout.map(seconds_of),
        );
        let mut task = client.runtime().spawn(call);
        match wait(py, None, &mut task)? {
            Some(Ok(Ok(answers))) => Ok(MessageStream::new(answers, method, client.runtime())),
            Some(Ok(Err(status))) => {
                Err(errors::of_status(py, &calls::explained(status, &self.url)))
            }
            Some(Err(_)) | None => Err(errors::of_client(py, &ClientError::Closed)),
        }
    }

    /// The next thing that the client did by itself, with how grave it is: `info`, `warning` or `error`. `None` after
    /// `timeout` seconds, and `False` once nothing more will come.
    fn next_event<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Bound<'py, PyAny>> {
        let events = self.events.clone();
        let next = py.detach(move || {
            let events = events.lock().unwrap_or_else(PoisonError::into_inner);
            events.recv_timeout(seconds_of(timeout))
        });
        match next {
            Ok(event) => Ok(event.into_pyobject(py)?.into_any()),
            Err(RecvTimeoutError::Timeout) => Ok(py.None().into_bound(py)),
            Err(RecvTimeoutError::Disconnected) => {
                Ok(false.into_pyobject(py)?.to_owned().into_any())
            }
        }
    }

    /// Whether the server did not answer when it was last called.
    fn is_away(&self) -> bool {
        self.client.is_away()
    }

    /// Points that the server committed, and those that were lost because nothing had room for them.
    fn points(&self) -> (u64, u64) {
        (self.client.committed(), self.client.dropped())
    }

    /// Ends the client within so many seconds: points committed, points left in the spool, points lost, and calls
    /// that are left.
    fn close(&self, py: Python<'_>, within: f64) -> PyResult<(u64, u64, u64, u64)> {
        let mut reply = self.get(py)?.close(seconds_of(within));
        match wait(py, None, &mut reply)? {
            Some(Ok(closed)) => Ok((
                closed.committed,
                closed.in_spool,
                closed.lost,
                closed.acts_left,
            )),
            Some(Err(error)) => Err(errors::of_client(py, &error)),
            None => Err(errors::of_client(py, &ClientError::Closed)),
        }
    }
}
