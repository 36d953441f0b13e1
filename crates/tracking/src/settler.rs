//! The chore that folds quiet runs into the columns for search.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{TrackingError, store::Store};

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Folds until `shutdown`. Any number of processes may: one at a time does.
pub(crate) async fn run(store: Store, shutdown: CancellationToken) {
    loop {
        let wait = match fold_all(&store, &shutdown).await {
            Ok(()) => INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "runs could not be folded into the columns for search");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn fold_all(store: &Store, shutdown: &CancellationToken) -> Result<(), TrackingError> {
    for due in store.segments_to_fold().await? {
        while !shutdown.is_cancelled() && store.fold(due).await? {}
    }
    Ok(())
}
