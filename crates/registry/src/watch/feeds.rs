//! One reader of each watched log for all who watch it here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use herdbook_core::WorkspaceId;
use herdbook_proto::registry::v1::AuditRecord;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use crate::{RegistryError, store::Store};

/// How often the revisions are looked at while somebody watches: changes of other replicas are seen by
/// then, those of this process at once.
const BEAT: Duration = Duration::from_millis(25);
/// How long the reader rests after Postgres failed.
const REST: Duration = Duration::from_millis(250);
/// Records that a watcher may lie behind before it has to read them from Postgres.
const KEPT: usize = 1_024;
/// Records that the reader reads at a time.
const PAGE: usize = 256;
/// Watchers that read from Postgres at a time, so that they leave connections to others when all of them
/// come at once.
const READING: usize = 8;

/// The watched logs of a process; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Feeds {
    pub(super) store: Store,
    open: Arc<Mutex<HashMap<WorkspaceId, Feed>>>,
    opened: Arc<Notify>,
    pub(super) reading: Arc<Semaphore>,
}

/// A watched log.
#[derive(Debug)]
struct Feed {
    /// The last revision that was handed out.
    position: i64,
    watchers: broadcast::Sender<Arc<AuditRecord>>,
}

impl Feeds {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            open: Arc::default(),
            opened: Arc::default(),
            reading: Arc::new(Semaphore::new(READING)),
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Feed>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every record that is committed from now on, unless the receiver falls behind.
    pub(super) async fn join(
        &self,
        workspace: WorkspaceId,
    ) -> Result<broadcast::Receiver<Arc<AuditRecord>>, RegistryError> {
        if let Some(feed) = self.open().get(&workspace) {
            return Ok(feed.watchers.subscribe());
        }
        let position = self.store.revision(workspace).await?;
        let mut open = self.open();
        let feed = open.entry(workspace).or_insert_with(|| Feed {
            position,
            watchers: broadcast::Sender::new(KEPT),
        });
        let receiver = feed.watchers.subscribe();
        self.opened.notify_one();
        Ok(receiver)
    }

    /// Reads what is new until `shutdown`. Nobody watching, nothing is read.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut committed = self.store.pulse().listen();
        loop {
            let watched = self.watched();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.opened.notified() => {}
                _ = committed.changed(), if !watched.is_empty() => {}
                () = tokio::time::sleep(BEAT), if !watched.is_empty() => {}
            }
            if let Err(error) = self.read(&watched).await {
                tracing::warn!(%error, "the logs that are watched could not be read");
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// Workspaces that somebody watches, and the last revision handed out in each.
    fn watched(&self) -> Vec<(WorkspaceId, i64)> {
        let mut open = self.open();
        open.retain(|_, feed| feed.watchers.receiver_count() > 0);
        open.iter()
            .map(|(workspace, feed)| (*workspace, feed.position))
            .collect()
    }

    async fn read(&self, watched: &[(WorkspaceId, i64)]) -> Result<(), RegistryError> {
        let workspaces: Vec<_> = watched.iter().map(|(workspace, _)| *workspace).collect();
        let revisions = self.store.revisions(&workspaces).await?;
        for (workspace, position) in watched {
            let revision = revisions.get(workspace).copied().unwrap_or_default();
            match self.hand_out(*workspace, *position, revision).await {
                // Closed, so that each watcher meets the record itself and says so.
                Err(RegistryError::Damaged) => drop(self.open().remove(workspace)),
                done => done?,
            }
        }
        Ok(())
    }

    /// Hands out the records after `position` up to `revision`.
    async fn hand_out(
        &self,
        workspace: WorkspaceId,
        mut position: i64,
        revision: i64,
    ) -> Result<(), RegistryError> {
        while position < revision {
            let records = self
                .store
                .audit_after(workspace, &[], position, revision, PAGE)
                .await?;
            let Some(last) = records.last() else {
                return Err(RegistryError::Damaged);
            };
            position = last.revision;
            let mut open = self.open();
            let Some(feed) = open.get_mut(&workspace) else {
                return Ok(());
            };
            feed.position = position;
            for record in records {
                // Fails if the last watcher has just left.
                let _ = feed.watchers.send(Arc::new(record));
            }
        }
        Ok(())
    }
}
