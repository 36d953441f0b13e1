//! Every change of the registry, once and in order.

use std::{fmt, future::Future, pin::Pin};

use herdbook_proto::registry::v1::{
    AuditRecord, WatchRequest, WatchResponse, transition_service_client::TransitionServiceClient,
    watch_response::Event,
};
use tonic::{Code, Status, Streaming};

use super::{Error, Failed, Herdbook};

type Relist = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = Result<i64, Error>> + Send>> + Send>;

/// Changes, over as many connections as that takes. Dropped, it ends.
pub struct Watch {
    herdbook: Herdbook,
    request: WatchRequest,
    relist: Option<Relist>,
    events: Option<Streaming<WatchResponse>>,
}

impl Herdbook {
    /// Follows the registry. Each change comes once and in order, across lost connections and restarts of the
    /// server.
    #[must_use]
    pub fn watch(&self, request: WatchRequest) -> Watch {
        Watch {
            herdbook: self.clone(),
            request,
            relist: None,
            events: None,
        }
    }
}

impl Watch {
    /// Calls `relist` when the revision to watch from lies ahead of the workspace, as after a restored backup:
    /// it lists anew what it watches over, and returns the revision of that list. Without it that is an error,
    /// OUT_OF_RANGE.
    #[must_use]
    pub fn relisting<F>(mut self, mut relist: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<i64, Error>> + Send + 'static,
    {
        self.relist = Some(Box::new(move || Box::pin(relist())));
        self
    }

    /// Waits for the next change.
    ///
    /// # Errors
    ///
    /// As [`Herdbook::call`], or as listing anew fails. The next call tries again.
    pub async fn next(&mut self) -> Result<AuditRecord, Error> {
        let herdbook = self.herdbook.clone();
        let mut patience = herdbook.patience();
        loop {
            match self.event().await {
                Ok(Some(Event::Record(record))) => {
                    self.request.after_revision = Some(record.revision);
                    return Ok(record);
                }
                Ok(Some(Event::Bookmark(revision))) => {
                    self.request.after_revision = Some(revision);
                    patience.renew();
                }
                // Of a later contract.
                Ok(None) => {}
                Err(status) => {
                    self.events = None;
                    match (status.code(), &mut self.relist) {
                        (Code::OutOfRange, Some(relist)) => {
                            self.request.after_revision = Some(relist().await?);
                        }
                        _ => patience.after(Failed::from(status)).await?,
                    }
                }
            }
        }
    }

    async fn event(&mut self) -> Result<Option<Event>, Status> {
        let events = match &mut self.events {
            Some(events) => events,
            none => {
                let mut transitions = TransitionServiceClient::new(self.herdbook.connection());
                let opened = transitions.watch(self.request.clone()).await?;
                none.insert(opened.into_inner())
            }
        };
        let ended = || Status::unavailable("the server ended the stream");
        Ok(events.message().await?.ok_or_else(ended)?.event)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
