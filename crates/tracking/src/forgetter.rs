//! The chore that forgets calls that nobody repeats any more, and uploads that nobody goes on with, on any replica.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{TrackingError, store::Store};

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(600);

/// Forgets until `shutdown`.
pub(crate) async fn run(store: Store, shutdown: CancellationToken) {
    loop {
        let wait = match forget(&store).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => INTERVAL,
            Err(error) => {
                tracing::warn!(%error, "what is old could not be forgotten; it is tried again");
                INTERVAL
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Forgets some; whether there may be more.
async fn forget(store: &Store) -> Result<bool, TrackingError> {
    let requests = store.forget_requests().await?;
    Ok(store.forget_uploads().await? || requests)
}
