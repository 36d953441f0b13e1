//! What can go wrong between a service and Postgres.

use std::time::Duration;

use herdbook_core::{Code, Details, ServiceError};

use crate::sqlstate;

/// A statement that failed. Domains embed it with `#[from]` and ask it for the violated constraint
/// where that has a meaning of its own.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database's disk is full.
    #[error(
        "the database's disk is full; nothing was changed: have somebody make room there, then try again"
    )]
    Full(#[source] sqlx::Error),
    /// The database is away, restarting, or out of memory or connections.
    #[error("the database is not available at the moment; nothing was changed, try again")]
    Unavailable(#[source] sqlx::Error),
    /// The transaction lost against a concurrent one.
    #[error("a concurrent change got in the way; nothing was changed, try again")]
    Conflict(#[source] sqlx::Error),
    /// The statement took longer than it may.
    #[error("the question takes too long to answer; ask for less at a time")]
    Timeout(#[source] sqlx::Error),
    /// A defect of ours.
    #[error("a database statement failed")]
    Other(#[source] sqlx::Error),
}

impl DatabaseError {
    /// Nothing was changed, and the same call may succeed in a moment; `why` is for the log.
    #[must_use]
    pub fn unavailable(why: &'static str) -> Self {
        Self::Unavailable(std::io::Error::other(why).into())
    }

    /// Nothing was changed, for the disk is full; `why` is for the log.
    #[must_use]
    pub fn full(why: &'static str) -> Self {
        Self::Full(std::io::Error::other(why).into())
    }

    /// Somebody else was faster; `why` is for the log.
    #[must_use]
    pub fn conflict(why: &'static str) -> Self {
        Self::Conflict(std::io::Error::other(why).into())
    }

    /// The name of the unique constraint or index that was violated, if that is what happened.
    #[must_use]
    pub fn unique_violation(&self) -> Option<&str> {
        let Self::Other(sqlx::Error::Database(error)) = self else {
            return None;
        };
        (error.code().as_deref() == Some(sqlstate::UNIQUE_VIOLATION))
            .then(|| error.constraint().unwrap_or_default())
    }

    /// Whether a single statement that failed with it may have taken effect all the same: the connection
    /// broke before the answer.
    #[must_use]
    pub fn may_have_applied(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::WorkerCrashed
            )
        )
    }

    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Full(_) | Self::Unavailable(_) | Self::Conflict(_)
        )
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(inner) => match inner.code().as_deref() {
                Some(code) if sqlstate::is_conflict(code) => Self::Conflict(error),
                Some(sqlstate::DISK_FULL) => Self::Full(error),
                Some(sqlstate::QUERY_CANCELED) => Self::Timeout(error),
                Some(code) if sqlstate::is_passing(code) => Self::Unavailable(error),
                _ => Self::Other(error),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Other(error),
        }
    }
}

impl ServiceError for DatabaseError {
    fn code(&self) -> Code {
        match self {
            Self::Full(_) | Self::Unavailable(_) => Code::Unavailable,
            Self::Conflict(_) => Code::Aborted,
            Self::Timeout(_) => Code::DeadlineExceeded,
            Self::Other(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Full(_) => "DATABASE_FULL",
            Self::Unavailable(_) => "DATABASE_UNAVAILABLE",
            Self::Conflict(_) => "CONCURRENT_CHANGE",
            Self::Timeout(_) => "TOO_SLOW",
            Self::Other(_) => "INTERNAL",
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Full(_) => Details::retry_after(Duration::from_secs(10)),
            Self::Unavailable(_) => Details::retry_after(Duration::from_secs(1)),
            Self::Conflict(_) => Details::retry_after(Duration::from_millis(50)),
            Self::Timeout(_) | Self::Other(_) => Details::default(),
        }
    }
}
