//! Calls that are answered once: creating runs, params, tags, status. They are made one after the other,
//! in the order in which they were asked for, and again while the server is away.

use std::time::Duration;

use herdbook_proto::tracking::v1::{
    CreateRunRequest, LogBatchRequest, Run, UpdateRunRequest, run_service_client::RunServiceClient,
};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use crate::{
    ClientError, Connection, Event,
    options::Listener,
    reply::{Answer, Reply},
    retry::{Backoff, QUOTA_EXCEEDED, cause},
};

/// A call that is asked for.
#[derive(Debug)]
pub(crate) enum Call {
    /// Creates a run; gives up at the time.
    CreateRun(Box<CreateRunRequest>, Instant, Answer<Run>),
    /// Logs params or tags.
    LogBatch(LogBatchRequest, Answer<()>),
    /// Sets the status of a run whose points are committed.
    Finish(Reply<()>, Box<UpdateRunRequest>, Answer<()>),
    /// Nothing more will come.
    End,
}

/// Makes the calls that come until the end is asked for, or nobody can ask any more.
pub(crate) async fn make_all(
    connection: Connection,
    mut calls: mpsc::UnboundedReceiver<Call>,
    listener: Option<Listener>,
) {
    let client = RunServiceClient::new(connection);
    while let Some(call) = calls.recv().await {
        match call {
            Call::End => calls.close(),
            Call::CreateRun(request, until, answer) => {
                let made = retry(Some(until), || {
                    let (mut client, request) = (client.clone(), (*request).clone());
                    async move { client.create_run(request).await }
                });
                let made = made.await.map(|made| made.run.unwrap_or_default());
                // Without a run's handle nobody can do anything with it.
                let _ = answer.send(made);
            }
            Call::LogBatch(request, answer) => {
                let made = retry(None, || {
                    let (mut client, request) = (client.clone(), request.clone());
                    async move { client.log_batch(request).await }
                });
                let made = made.await.map(|_| ());
                tell(&listener, "params or tags were not taken", answer, made);
            }
            Call::Finish(flushed, request, answer) => {
                let update = retry(None, || {
                    let (mut client, request) = (client.clone(), (*request).clone());
                    async move { client.update_run(request).await }
                });
                let made = match flushed.await {
                    Ok(()) => update.await.map(|_| ()),
                    Err(error) => Err(error),
                };
                tell(&listener, "the status was not taken", answer, made);
            }
        }
    }
}

/// Answers, or tells the listener of a failure that nobody waits for.
fn tell(
    listener: &Option<Listener>,
    what: &'static str,
    answer: Answer<()>,
    made: Result<(), ClientError>,
) {
    if let Err(Err(error)) = answer.send(made) {
        let error = error.to_string();
        crate::engine::tell(listener, &Event::CallFailed { what, error });
    }
}

/// Whether the workspace may not have more: whoever waits for the answer decides what to do.
fn full(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.reason == QUOTA_EXCEEDED)
}

/// Calls until there is an answer that will stay the same, or until `until`.
async fn retry<T, F: Future<Output = Result<Response<T>, Status>>>(
    until: Option<Instant>,
    call: impl Fn() -> F,
) -> Result<T, ClientError> {
    let mut backoff = Backoff::default();
    loop {
        let status = match call().await {
            Ok(response) => return Ok(response.into_inner()),
            Err(status) => status,
        };
        let wait = match full(&status) {
            true => None,
            false => backoff.after(status.code()),
        };
        let late = |wait: Duration| until.is_some_and(|until| Instant::now() + wait > until);
        match wait {
            Some(wait) if !late(wait) => time::sleep(wait).await,
            _ => {
                return Err(ClientError::Call {
                    code: status.code(),
                    message: cause(&status),
                });
            }
        }
    }
}
