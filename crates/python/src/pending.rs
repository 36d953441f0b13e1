//! Waiting for an answer without holding up other threads of Python, and so that Ctrl-C ends it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use herdbook_client::Reply;
use pyo3::prelude::*;

use crate::errors;

/// How long Python's signals may wait.
const ATTENTION: Duration = Duration::from_millis(50);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What a future that is worked on elsewhere comes to; `None` if the time is over before.
pub(crate) fn wait<F: Future + Unpin>(
    py: Python<'_>,
    until: Option<Instant>,
    future: &mut F,
) -> PyResult<Option<F::Output>> {
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = Pin::new(&mut *future).poll(&mut context) {
            return Ok(Some(answer));
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        let turn = left.map_or(ATTENTION, |left| left.min(ATTENTION));
        py.detach(|| thread::park_timeout(turn));
        py.check_signals()?;
    }
}

/// Something that was asked of a run and is done in the background, whether anybody waits for it or not.
#[pyclass(module = "herdbook._internal")]
pub(crate) struct Pending(Option<Reply<()>>);

impl Pending {
    pub(crate) fn new(reply: Reply<()>) -> Self {
        Self(Some(reply))
    }
}

#[pymethods]
impl Pending {
    /// Waits until it is done, for `timeout` seconds at most. Whether it is; raises what went wrong.
    #[pyo3(signature = (timeout=None))]
    fn wait(&mut self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let Some(reply) = &mut self.0 else {
            return Ok(true);
        };
        let until = timeout.map(|seconds| Instant::now() + seconds_of(seconds));
        let answer = wait(py, until, reply)?;
        if answer.is_some() {
            self.0 = None;
        }
        match answer {
            Some(Ok(())) => Ok(true),
            Some(Err(error)) => Err(errors::of_client(py, &error)),
            None => Ok(false),
        }
    }
}

/// Seconds as a span of time; the longest there is for what is none.
pub(crate) fn seconds_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::from_secs(u32::MAX.into()))
}
