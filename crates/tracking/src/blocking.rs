//! Work that would hold up the threads that serve everybody.

use herdbook_postgres::DatabaseError;

use crate::TrackingError;

/// Does work that takes a while on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TrackingError> + Send + 'static,
) -> Result<T, TrackingError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(DatabaseError::unavailable("the process ends").into()),
    })
}
