//! Calls that are answered once, again and again while the server is away.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use herdbook_proto::tracking::v1::{CreateRunRequest, Run, run_service_client::RunServiceClient};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{self, Instant},
};
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use crate::{
    ClientError, Connection, Event,
    engine::tell,
    lane::Shared,
    options::Listener,
    reply::Answer,
    retry::{Backoff, QUOTA_EXCEEDED, Verdict, cause, verdict},
    script::{Script, Starts},
};

/// A call that is asked for.
#[derive(Debug)]
pub(crate) enum Call {
    /// Creates a run; gives up at the time.
    CreateRun(Box<CreateRunRequest>, Instant, Answer<Run>),
    /// Does what will be asked of a run.
    Open(Box<Script>),
    /// Nothing more will come.
    End,
}

/// What all calls of a client share.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) connection: Connection,
    pub(crate) shared: Arc<Shared>,
    pub(crate) listener: Option<Listener>,
    /// Whether nothing is to be sent.
    pub(crate) offline: bool,
}

/// Does what is asked until the end is asked for, or nobody can ask any more, and then what is left of it until that is
/// given up.
pub(crate) async fn make_all(
    caller: Caller,
    starts: Starts,
    left: Vec<Script>,
    mut calls: mpsc::UnboundedReceiver<Call>,
    given_up: oneshot::Receiver<()>,
) {
    let mut at_work = JoinSet::new();
    for script in left {
        at_work.spawn(script.perform(caller.clone(), starts.clone()));
    }
    while let Some(call) = calls.recv().await {
        match call {
            Call::End => calls.close(),
            Call::CreateRun(request, until, answer) => {
                let caller = caller.clone();
                at_work.spawn(async move {
                    // Without a run's handle nobody can do anything with it.
                    let _ = answer.send(caller.create_run(*request, Some(until)).await);
                });
            }
            Call::Open(script) => {
                at_work.spawn(script.perform(caller.clone(), starts.clone()));
            }
        }
        while at_work.try_join_next().is_some() {}
    }
    tokio::select! {
        () = async { while at_work.join_next().await.is_some() {} } => {}
        // With their journals closed, so that others can take these over at once.
        _ = given_up => at_work.shutdown().await,
    }
}

impl Caller {
    pub(crate) fn tell(&self, event: &Event) {
        tell(&self.listener, event);
    }

    pub(crate) async fn create_run(
        &self,
        request: CreateRunRequest,
        until: Option<Instant>,
    ) -> Result<Run, ClientError> {
        let client = RunServiceClient::new(self.connection.clone());
        let made = self.retry(until, || {
            let (mut client, request) = (client.clone(), request.clone());
            async move { client.create_run(request).await }
        });
        Ok(made.await?.run.unwrap_or_default())
    }

    /// Calls until there is an answer that will stay the same, or until `until`.
    pub(crate) async fn retry<T, F: Future<Output = Result<Response<T>, Status>>>(
        &self,
        until: Option<Instant>,
        call: impl Fn() -> F,
    ) -> Result<T, ClientError> {
        let mut backoff = Backoff::default();
        if self.offline {
            std::future::pending::<()>().await;
        }
        loop {
            let status = match call().await {
                Ok(response) => {
                    self.shared.away.store(false, Ordering::Relaxed);
                    return Ok(response.into_inner());
                }
                Err(status) => status,
            };
            let passes = verdict(status.code()) == Verdict::Retry;
            if passes && !self.shared.away.swap(true, Ordering::Relaxed) {
                let reason = cause(&status);
                self.tell(&Event::ServerAway { reason });
            }
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
}

/// Whether the workspace may not have more: whoever waits for the answer decides what to do.
fn full(status: &Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.reason == QUOTA_EXCEEDED)
}
