//! Why an import stops.

use std::fmt::Display;

/// What keeps an import from going on. What concerns one record alone is in the report instead.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The address of the source is none of those that are understood.
    #[error("{0}")]
    Address(String),
    /// The source cannot be read.
    #[error("{what}: {cause}")]
    Source {
        /// What was to be read, such as a file, a table or a URL.
        what: String,
        /// Why that failed.
        cause: String,
    },
    /// Herdbook refused or could not be reached.
    #[error("{0}")]
    Destination(Box<tonic::Status>),
}

impl ImportError {
    /// The source cannot be read.
    pub(crate) fn source(what: impl Display, cause: impl Display) -> Self {
        Self::Source {
            what: what.to_string(),
            cause: cause.to_string(),
        }
    }
}

impl From<tonic::Status> for ImportError {
    fn from(status: tonic::Status) -> Self {
        Self::Destination(Box::new(status))
    }
}
