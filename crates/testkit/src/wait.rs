//! Waiting for what other tasks and processes do.

use std::time::{Duration, Instant};

/// How long anything in a test may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until `ask` answers `Some`; panics, naming `what`, if it takes too long.
pub async fn wait_until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    wait_up_to(PATIENCE, what, ask).await
}

/// Does so for what may take longer than other things.
pub async fn wait_up_to<T>(
    patience: Duration,
    what: &str,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            start.elapsed() < patience,
            "waited {patience:?} in vain for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
