//! The chore that compacts, on any replica; one does it at a time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{TrackingError, store::Store};

/// How often it looks whether there is something to do.
const PAUSE: Duration = Duration::from_secs(1);

/// Closes generations of blocks that are full or so old, and compacts them, until `shutdown`.
pub(crate) async fn compact(store: Store, old: Duration, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PAUSE.min(old)) => {}
        }
        if let Err(error) = turn(&store, old, &shutdown).await {
            tracing::warn!(%error, "metric blocks could not be compacted; they are tried again");
        }
    }
}

/// Closes a generation if it is time, and compacts those that are closed.
async fn turn(
    store: &Store,
    old: Duration,
    shutdown: &CancellationToken,
) -> Result<(), TrackingError> {
    store.rotate_generation(old).await?;
    while let Some(closed) = store.closed_generation().await? {
        loop {
            let runs = store.uncompacted(closed).await?;
            if runs.is_empty() {
                break;
            }
            if shutdown.is_cancelled() || store.compact(closed, &runs).await? == 0 {
                return Ok(());
            }
        }
        if !store.free_generation(closed).await? {
            return Ok(());
        }
        tracing::debug!(generation = closed.id, "metric blocks are compacted");
        store.rotate_generation(old).await?;
    }
    Ok(())
}
