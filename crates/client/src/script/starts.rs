//! Which runs are made, for those that are part of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use herdbook_core::RunId;
use tokio::sync::watch;

/// Which runs are made by now, of those that this client begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Starts(Arc<Mutex<HashMap<RunId, watch::Receiver<bool>>>>);

impl Starts {
    pub(super) fn expect(&self, run: RunId) -> watch::Sender<bool> {
        let (made, seen) = watch::channel(false);
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run, seen);
        made
    }

    /// Nobody needs to wait for it any more.
    pub(super) fn forget(&self, run: RunId) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.remove(&run);
    }

    /// Waits until a run is made, if this client makes it.
    pub(super) async fn made(&self, run: &str) {
        let expected = run.parse::<RunId>().ok().and_then(|run| {
            let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            runs.get(&run).cloned()
        });
        if let Some(mut seen) = expected {
            // One that will not be made is the server's to refuse.
            let _ = seen.wait_for(|made| *made).await;
        }
    }
}
