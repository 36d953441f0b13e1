//! One who watches.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use herdbook_core::WorkspaceId;
use herdbook_proto::registry::v1::AuditRecord;
use tokio::{
    sync::broadcast,
    time::{Instant, timeout_at},
};

use super::{Feeds, Selector};
use crate::RegistryError;

/// How long a watcher hears nothing before it is told how far it has come.
const QUIET: Duration = Duration::from_secs(10);
/// Records that a watcher reads at a time, and so holds at most.
const PAGE: usize = 64;

/// What a watcher is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// A change.
    Record(Arc<AuditRecord>),
    /// Nothing that is selected happened up to this revision.
    Quiet(i64),
}

/// A place in the log of a workspace, from which it is followed.
#[derive(Debug)]
pub(crate) struct Watcher {
    feeds: Feeds,
    workspace: WorkspaceId,
    selector: Selector,
    /// The last revision that was looked at.
    position: i64,
    /// Selected records that were read and not told yet.
    found: VecDeque<AuditRecord>,
    /// What comes after the position; `None` until everything before was read.
    live: Option<broadcast::Receiver<Arc<AuditRecord>>>,
    told: Instant,
}

impl Watcher {
    /// Follows what is selected after the revision `after`, or from now on.
    pub(crate) async fn open(
        feeds: Feeds,
        workspace: WorkspaceId,
        selector: Selector,
        after: Option<i64>,
    ) -> Result<Self, RegistryError> {
        let now = feeds.store.revision(workspace).await?;
        let position = match after {
            Some(asked) if asked > now => return Err(RegistryError::RevisionAhead { asked, now }),
            Some(asked) => asked.max(0),
            None => now,
        };
        Ok(Self {
            feeds,
            workspace,
            selector,
            position,
            found: VecDeque::new(),
            live: None,
            told: Instant::now(),
        })
    }

    /// The last revision that was looked at.
    pub(crate) fn position(&self) -> i64 {
        self.position
    }

    /// The next event, when there is one.
    pub(crate) async fn next(&mut self) -> Result<Event, RegistryError> {
        loop {
            if let Some(record) = self.found.pop_front() {
                return Ok(self.tell(Event::Record(Arc::new(record))));
            }
            let Some(live) = &mut self.live else {
                self.catch_up().await?;
                continue;
            };
            match timeout_at(self.told + QUIET, live.recv()).await {
                Ok(Ok(record)) if record.revision <= self.position => {}
                Ok(Ok(record)) if record.revision == self.position + 1 => {
                    self.position = record.revision;
                    if self.selector.selects(&record) {
                        return Ok(self.tell(Event::Record(record)));
                    }
                }
                // Too slow, or the feed was closed: what was missed is in Postgres.
                Ok(_) => self.live = None,
                Err(_) => return Ok(self.tell(Event::Quiet(self.position))),
            }
        }
    }

    fn tell(&mut self, event: Event) -> Event {
        self.told = Instant::now();
        event
    }

    /// Reads a page, and joins the others once there is nothing more to read.
    async fn catch_up(&mut self) -> Result<(), RegistryError> {
        // Nobody closes it.
        let _reading = self.feeds.reading.acquire().await.ok();
        // Joined before it is asked how far the log goes: what comes after that is handed out.
        let live = self.feeds.join(self.workspace).await?;
        let store = &self.feeds.store;
        let now = store.revision(self.workspace).await?;
        if now <= self.position {
            self.live = Some(live);
            return Ok(());
        }
        let models = self.selector.models();
        let records = store
            .audit_after(self.workspace, models, self.position, now, PAGE)
            .await?;
        self.position = match records.last() {
            Some(last) if records.len() == PAGE => last.revision,
            _ => now,
        };
        if self.position == now {
            self.live = Some(live);
        }
        let selected = |record: &AuditRecord| self.selector.selects(record);
        self.found.extend(records.into_iter().filter(selected));
        Ok(())
    }
}
