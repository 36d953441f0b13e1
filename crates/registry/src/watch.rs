//! Waking those who watch: at once for changes of this process, within milliseconds for those of other
//! replicas, by one look a beat at the workspaces' revisions for all who watch here. Nobody watching,
//! nobody looks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use herdbook_core::WorkspaceId;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How often the revisions are looked at while somebody watches.
const BEAT: Duration = Duration::from_millis(25);

/// The last revision of each workspace.
type Revisions = HashMap<WorkspaceId, i64>;

/// Tells watchers that there is something to read; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    revisions: watch::Sender<Revisions>,
    nudge: Arc<Notify>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            revisions: watch::Sender::new(Revisions::new()),
            nudge: Arc::default(),
        }
    }
}

impl Pulse {
    /// Says that something was committed in this process.
    pub(crate) fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Starts to listen.
    pub(crate) fn listen(&self) -> Listener {
        let receiver = self.revisions.subscribe();
        self.nudge.notify_one();
        Listener(receiver)
    }
}

/// Hears of new revisions.
pub(crate) struct Listener(watch::Receiver<Revisions>);

impl Listener {
    /// Waits until `workspace` is past `revision`.
    pub(crate) async fn past(&mut self, workspace: WorkspaceId, revision: i64) {
        let later =
            |revisions: &Revisions| revisions.get(&workspace).is_some_and(|r| *r > revision);
        // An error means that the sender is gone, and with it the service: the caller is told by the
        // shutdown it also waits for.
        if self.0.wait_for(later).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Looks at the revisions while somebody listens, until `shutdown`.
pub(crate) async fn beat(store: Store, pulse: Pulse, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let listening = pulse.revisions.receiver_count() > 0;
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = pulse.nudge.notified() => {}
            () = tokio::time::sleep(BEAT), if listening => {}
        }
        if pulse.revisions.receiver_count() == 0 {
            continue;
        }
        match store.revisions().await {
            Ok(revisions) => {
                pulse.revisions.send_if_modified(|known| {
                    let changed = *known != revisions;
                    if changed {
                        *known = revisions;
                    }
                    changed
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the revisions could not be read");
                tokio::time::sleep(BEAT * 10).await;
            }
        }
    }
}
