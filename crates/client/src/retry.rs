//! When to try again.

use std::time::Duration;

use tonic::{Code, Status};

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(10);
/// Failures in a row, each of which may be a defect of the server, after which it is taken for one.
const DOUBTFUL: u32 = 12;

/// The reason of what the workspace may not have.
pub(crate) const QUOTA_EXCEEDED: &str = "QUOTA_EXCEEDED";

/// What a failure asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes by itself.
    Retry,
    /// It may pass; not for ever.
    Doubtful,
    /// It will be the same next time.
    Permanent,
}

/// What a code of the server asks for.
pub(crate) fn verdict(code: Code) -> Verdict {
    match code {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Ok => Verdict::Retry,
        Code::Internal | Code::Unknown | Code::ResourceExhausted | Code::DataLoss => {
            Verdict::Doubtful
        }
        _ => Verdict::Permanent,
    }
}

/// Waits that grow: each up to twice the one before, anywhere in its upper half, so that clients that
/// lost a server together do not come back together.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    doubtful: u32,
}

impl Backoff {
    /// How long to wait after a failure; `None` if it will not pass.
    pub(crate) fn after(&mut self, code: Code) -> Option<Duration> {
        match verdict(code) {
            Verdict::Permanent => return None,
            Verdict::Doubtful => self.doubtful += 1,
            Verdict::Retry => {}
        }
        if self.doubtful > DOUBTFUL {
            return None;
        }
        let wait = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures += 1;
        Some(wait.mul_f64(0.5 + rand::random::<f64>() / 2.0))
    }

    /// It works again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// What went wrong on the way to the server, down to the cause.
pub(crate) fn cause(status: &Status) -> String {
    let mut cause: &dyn std::error::Error = status;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<Status>() {
        Some(status) => status.message().to_owned(),
        None => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_limit_and_start_again_when_it_works() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20)
            .map(|_| backoff.after(Code::Unavailable).unwrap())
            .collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits[19] <= LONGEST && waits[19] >= LONGEST / 2);
        backoff.reset();
        assert!(backoff.after(Code::Unavailable).unwrap() <= FIRST);
    }

    #[test]
    fn what_will_not_pass_is_not_tried_again_and_doubts_end() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.after(Code::Unauthenticated), None);
        let tries = (0..100).take_while(|_| backoff.after(Code::Internal).is_some());
        assert_eq!(tries.count(), DOUBTFUL as usize);
    }
}
