//! What follows on an attempt.

use std::time::Duration;

use super::{Answer, WebhookSettings};

/// Failed attempts after which a change is given up.
const ATTEMPTS: u32 = 10;
/// A webhook that acknowledged nothing for so long is disabled.
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// The status by which a receiver says that it wants no more.
const GONE: u16 = 410;

/// What follows on an attempt at a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It was acknowledged: the next change.
    Acknowledged,
    /// The same again, after a time.
    Retry(Duration),
    /// It becomes a dead letter: the next change.
    GiveUp,
}

/// How long is waited between attempts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    first: Duration,
    longest: Duration,
}

impl Pace {
    pub(crate) fn new(settings: &WebhookSettings) -> Self {
        Self {
            first: settings.first_retry,
            longest: settings.longest_retry,
        }
    }

    /// What follows on `answer`, after `failed` attempts at the same change. `jitter`, from 0 to 1, takes up
    /// to a fifth off the time, so that those who failed together do not come back together.
    pub(crate) fn next(&self, answer: &Answer, failed: u32, jitter: f64) -> Next {
        if answer.acknowledged() {
            return Next::Acknowledged;
        }
        if failed + 1 >= ATTEMPTS && answer.status != Some(GONE) {
            return Next::GiveUp;
        }
        let doubled = self.first.saturating_mul(1 << failed.min(ATTEMPTS));
        Next::Retry(doubled.min(self.longest).mul_f64(1.0 - jitter / 5.0))
    }
}

/// Why a webhook is disabled that answered `answer`, and acknowledged nothing for `failing_for`.
pub(crate) fn disables(answer: &Answer, failing_for: Duration) -> Option<&'static str> {
    if answer.status == Some(GONE) {
        Some("the receiver answered 410: it is gone")
    } else if failing_for > PATIENCE {
        Some("nothing was acknowledged for three days")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Answer {
        Answer {
            status: Some(status),
            error: "no".to_owned(),
            latency: Duration::ZERO,
        }
    }

    #[test]
    fn a_change_is_tried_ten_times_ever_more_slowly() {
        let pace = Pace::new(&WebhookSettings::default());
        let waits: Vec<_> = (0..9)
            .map(|failed| match pace.next(&answer(500), failed, 0.0) {
                Next::Retry(wait) => wait.as_secs(),
                next => panic!("{next:?}"),
            })
            .collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(pace.next(&answer(500), 9, 0.0), Next::GiveUp);
        assert_eq!(
            pace.next(&answer(500), 0, 1.0),
            Next::Retry(Duration::from_secs(4))
        );
    }

    #[test]
    fn two_hundreds_alone_acknowledge() {
        let pace = Pace::new(&WebhookSettings::default());
        for status in [200, 204, 299] {
            assert_eq!(pace.next(&answer(status), 9, 0.5), Next::Acknowledged);
        }
        for status in [100, 199, 300, 302, 404, 503] {
            assert_eq!(pace.next(&answer(status), 9, 0.5), Next::GiveUp);
        }
    }

    #[test]
    fn gone_and_three_days_of_silence_disable() {
        let day = Duration::from_secs(86_400);
        assert!(disables(&answer(410), Duration::ZERO).is_some());
        assert!(disables(&answer(500), 3 * day + day / 9).is_some());
        assert_eq!(disables(&answer(500), 3 * day), None);
        // What answered so stays next: it is not given up.
        let pace = Pace::new(&WebhookSettings::default());
        assert!(matches!(pace.next(&answer(410), 9, 0.0), Next::Retry(_)));
    }
}
