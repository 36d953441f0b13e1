//! When something held, and of which time a question is.

use chrono::{DateTime, Utc};

/// When a node was or an edge held, as its recorder says: what is not said holds without a bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) from: Option<DateTime<Utc>>,
    /// Excluded itself.
    pub(crate) until: Option<DateTime<Utc>>,
}

/// A time that ends before it began.
#[derive(Debug, thiserror::Error)]
#[error("must be after held_from")]
pub(crate) struct EndsBeforeItBegins;

impl Held {
    /// Checks that it holds at some time.
    pub(crate) fn check(&self) -> Result<(), EndsBeforeItBegins> {
        match (self.from, self.until) {
            (Some(from), Some(until)) if until <= from => Err(EndsBeforeItBegins),
            _ => Ok(()),
        }
    }

    /// Takes in what `news` says.
    pub(crate) fn merge(&mut self, news: &Self) {
        self.from = news.from.or(self.from);
        self.until = news.until.or(self.until);
    }
}

/// The time that a question is about; what is known now, whenever it held, by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// As was known then.
    pub(crate) known_at: Option<DateTime<Utc>>,
    /// What held then.
    pub(crate) held_at: Option<DateTime<Utc>>,
}
