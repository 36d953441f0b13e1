//! Tells those who follow runs that there are new points.
//!
//! Points committed by this process are told at once; those of other replicas are found by reading the
//! heads of all followed runs every few milliseconds, in one statement, while anybody follows any.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{run::RunKey, store::Store};

/// How often the heads are read, at least while somebody follows, and at most however much is committed.
const POLL: Duration = Duration::from_millis(20);
const REST: Duration = Duration::from_millis(2);

/// Followed runs, and where each stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse {
    followed: Arc<Mutex<HashMap<RunKey, watch::Sender<i64>>>>,
    wake: Arc<Notify>,
}

impl Pulse {
    fn followed(&self) -> MutexGuard<'_, HashMap<RunKey, watch::Sender<i64>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where `run` stands from now on: the number of its newest block, 0 until it is known.
    pub(crate) fn follow(&self, run: RunKey) -> watch::Receiver<i64> {
        let receiver = self
            .followed()
            .entry(run)
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe();
        self.wake.notify_one();
        receiver
    }

    /// Points of `runs` were committed here.
    pub(crate) fn committed(&self, runs: &HashSet<RunKey>) {
        let followed = self.followed();
        if !followed.is_empty() && runs.iter().any(|run| followed.contains_key(run)) {
            self.wake.notify_one();
        }
    }

    /// Reads where the followed runs stand until `shutdown`.
    pub(crate) async fn beat(self, store: Store, shutdown: CancellationToken) {
        loop {
            let runs: Vec<RunKey> = {
                let mut followed = self.followed();
                followed.retain(|_, sender| sender.receiver_count() > 0);
                followed.keys().copied().collect()
            };
            let wait = if runs.is_empty() { Duration::MAX } else { POLL };
            if !runs.is_empty() {
                match store.positions(&runs).await {
                    Ok(positions) => self.tell(&runs, &positions),
                    Err(error) => tracing::debug!(%error, "followed runs could not be read"),
                }
            }
            tokio::select! {
                () = self.wake.notified() => tokio::time::sleep(REST).await,
                () = tokio::time::sleep(wait) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    fn tell(&self, runs: &[RunKey], positions: &[i64]) {
        let followed = self.followed();
        for (run, position) in runs.iter().zip(positions) {
            if let Some(sender) = followed.get(run) {
                sender.send_if_modified(|known| {
                    let moved = position > known;
                    *known = (*known).max(*position);
                    moved
                });
            }
        }
    }
}
