//! Waiting for what other tasks and processes do.

use std::time::{Duration, Instant};

/// How long anything in a test may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until `ask` answers `Some`; panics, naming `what`, if it takes too long.
pub async fn wait_until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
