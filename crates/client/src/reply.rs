//! An answer that is on its way.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use crate::ClientError;

/// The answer to a call that the client makes in the background. Await it, or [`wait`](Self::wait) for
/// it in code that is not async, or drop it: the call is made all the same, and if it fails the
/// client's listener hears of it.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Receiver<Result<T, ClientError>>);

/// The other end of a [`Reply`].
pub(crate) type Answer<T> = oneshot::Sender<Result<T, ClientError>>;

impl<T> Reply<T> {
    /// A reply and its other end.
    pub(crate) fn new() -> (Answer<T>, Self) {
        let (answer, receiver) = oneshot::channel();
        (answer, Self(receiver))
    }

    /// Blocks the thread until the answer is there; in async code, await the reply instead.
    pub fn wait(self) -> Result<T, ClientError> {
        futures::executor::block_on(self)
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // The other end is dropped unanswered only when the client ends.
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or(Err(ClientError::Closed)))
    }
}
