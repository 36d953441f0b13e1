//! The services for async programs: any call, files, references, the changes of the registry.

mod artifacts;
mod failure;
mod watch;

use std::time::Duration;

use herdbook_proto::{
    Call,
    registry::v1::{GetVersionRequest, Version},
};
use tokio::time::{self, Instant};
use tonic::service::interceptor::InterceptedService;
use uuid::Uuid;

use crate::{ClientError, Connection, Credentials, Options, endpoint, retry::Backoff};

pub use failure::{Error, Failed, FieldProblem, RuleFailure};
pub use watch::Watch;

/// A connection to a server, cheap to clone. Its calls are tried again while the server is away or advises
/// it, for as long as the [patience](Options::patience) lasts.
#[derive(Debug, Clone)]
pub struct Herdbook {
    connection: Connection,
    server: String,
    patience: Duration,
}

impl Herdbook {
    /// Prepares a connection, in a Tokio runtime; the first call makes it.
    ///
    /// # Errors
    ///
    /// If an option cannot be used.
    pub fn connect(options: Options) -> Result<Self, ClientError> {
        let credentials = Credentials::new(options.token.as_deref(), options.workspace.as_deref())?;
        let channel = endpoint(&options.server, options.ca_file.as_deref())?.connect_lazy();
        Ok(Self {
            connection: InterceptedService::new(channel, credentials),
            server: options.server,
            patience: options.patience,
        })
    }

    /// For streams, on the clients that are generated from the contract.
    #[must_use]
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Makes any call that has one answer: `herdbook.call(GetRunRequest { run_id }).await?.run`. An empty
    /// `request_id` is filled in, so that a repeat does nothing twice.
    ///
    /// # Errors
    ///
    /// As the server says; UNAVAILABLE, naming the address, if it stays away.
    pub async fn call<Q: Call>(&self, mut request: Q) -> Result<Q::Answer, Error> {
        if let Some(id) = request.request_id()
            && id.is_empty()
        {
            *id = Uuid::now_v7().simple().to_string();
        }
        let mut patience = self.patience();
        loop {
            match request.clone().send(self.connection()).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => patience.after(status.into()).await?,
            }
        }
    }

    /// Finds the version of a reference: `fraud-detector/3`, `fraud-detector@Production` (a stage, an alias
    /// or a label) or `fraud-detector@latest`.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); NOT_FOUND if it means nothing.
    pub async fn resolve(&self, reference: impl Into<String>) -> Result<Version, Error> {
        let reference = reference.into();
        let found = self.call(GetVersionRequest { reference }).await?;
        Ok(found.version.unwrap_or_default())
    }

    fn patience(&self) -> Patience<'_> {
        Patience {
            herdbook: self,
            backoff: Backoff::default(),
            until: Instant::now() + self.patience,
        }
    }
}

/// How often and how long something is tried.
struct Patience<'a> {
    herdbook: &'a Herdbook,
    backoff: Backoff,
    until: Instant,
}

impl Patience<'_> {
    /// Waits before the next attempt; fails if there is none.
    async fn after(&mut self, failed: Failed) -> Result<(), Error> {
        let wait = match failed.passes() {
            true => failed
                .retry_after
                .or_else(|| self.backoff.after(failed.code)),
            false => None,
        };
        match wait {
            Some(wait) if Instant::now() + wait <= self.until => {
                time::sleep(wait).await;
                Ok(())
            }
            Some(_) => Err(failed.at(&self.herdbook.server).into()),
            None => Err(failed.into()),
        }
    }

    /// It got on: there is reason to be patient anew.
    fn renew(&mut self) {
        self.backoff.reset();
        self.until = Instant::now() + self.herdbook.patience;
    }
}
