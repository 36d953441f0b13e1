//! What the server says about a failed call, from its typed details.

use std::{collections::HashMap, error::Error as _, io, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{ClientError, retry::cause};

/// Why a call, or what is made of several, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option cannot be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A call failed.
    #[error("{0}")]
    Failed(Box<Failed>),
    /// A file of this machine cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Bytes arrived that are not those that were asked for.
    #[error("{path} arrived as {found}, not as {expected}; read it again")]
    Damaged {
        /// The file.
        path: String,
        /// Digest of the bytes that arrived.
        found: String,
        /// Digest of the file.
        expected: String,
    },
    /// A file became another one between two attempts to read it.
    #[error("{path} was replaced while it was read; read it again")]
    Replaced {
        /// The file.
        path: String,
    },
}

impl Error {
    /// What the server said, if it was a call that failed.
    #[must_use]
    pub fn failed(&self) -> Option<&Failed> {
        match self {
            Self::Failed(failed) => Some(failed),
            _ => None,
        }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        Self::Failed(Box::new(failed))
    }
}

/// A failed call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failed {
    /// Its code.
    pub code: Code,
    /// What happened and what to do.
    pub message: String,
    /// Stable and upper case, such as `TRANSITION_REFUSED`; empty if the server was not reached.
    pub reason: String,
    /// What the reason is about, such as the revision.
    pub metadata: HashMap<String, String>,
    /// Fields of the request that are wrong.
    pub fields: Vec<FieldProblem>,
    /// Rules that refused a move.
    pub failures: Vec<RuleFailure>,
    /// When the server advises to try again.
    pub retry_after: Option<Duration>,
    /// By which the server's log has the call.
    pub request_id: String,
}

/// A field of a request, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field, such as `policy.moves[2].rules[0]`.
    pub field: String,
    /// What is wrong.
    pub description: String,
}

/// A rule that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFailure {
    /// Its kind.
    pub kind: String,
    /// The version, such as `fraud-detector/3`.
    pub version: String,
    /// What it asks for, and what would satisfy it.
    pub description: String,
}

impl Failed {
    /// Whether it passes by itself: the server is away, or advises to try again.
    pub(super) fn passes(&self) -> bool {
        self.code == Code::Unavailable || self.retry_after.is_some()
    }

    /// Says where no server was reached.
    pub(super) fn at(mut self, server: &str) -> Self {
        if self.code == Code::Unavailable && self.reason.is_empty() {
            let cause = &self.message;
            self.message = format!(
                "no Herdbook answers at {server}; start one there or set HERDBOOK_URL ({cause})"
            );
        }
        self
    }
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let fields = details.bad_request().into_iter();
        let rules = details.precondition_failure().into_iter();
        Self {
            code: code(&status),
            message: cause(&status),
            reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
            metadata: info.map(|info| info.metadata.clone()).unwrap_or_default(),
            fields: fields
                .flat_map(|bad| &bad.field_violations)
                .map(|field| FieldProblem {
                    field: field.field.clone(),
                    description: field.description.clone(),
                })
                .collect(),
            failures: rules
                .flat_map(|refused| &refused.violations)
                .map(|rule| RuleFailure {
                    kind: rule.r#type.clone(),
                    version: rule.subject.clone(),
                    description: rule.description.clone(),
                })
                .collect(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            request_id: details
                .request_info()
                .map(|request| request.request_id.clone())
                .unwrap_or_default(),
        }
    }
}

/// The code. What did not come from the server has a cause in the connection, which tonic tells by various
/// codes: the server is away.
fn code(status: &Status) -> Code {
    match status.source() {
        Some(_) => Code::Unavailable,
        None => status.code(),
    }
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::Failed;

    #[test]
    fn details_are_read() {
        let mut details = ErrorDetails::new();
        details
            .set_error_info(
                "TRANSITION_REFUSED",
                "herdbook",
                [("revision".to_owned(), "7".to_owned())],
            )
            .add_precondition_failure_violation("RULE", "fraud/3", "train longer")
            .add_bad_request_violation("model", "is missing")
            .set_retry_info(Some(Duration::from_millis(250)))
            .set_request_info("0198", "");
        let status = Status::with_error_details(Code::FailedPrecondition, "refused", details);
        let failed = Failed::from(status);
        assert_eq!(
            (failed.reason.as_str(), failed.metadata["revision"].as_str()),
            ("TRANSITION_REFUSED", "7")
        );
        assert_eq!(failed.failures[0].version, "fraud/3");
        assert_eq!(failed.fields[0].field, "model");
        assert_eq!(failed.retry_after, Some(Duration::from_millis(250)));
        assert_eq!(failed.request_id, "0198");
        assert!(failed.passes());
        assert_eq!(failed.clone().at("http://x").message, "refused");
    }

    #[test]
    fn a_connection_that_broke_is_the_server_being_away() {
        let broken = io::Error::from(io::ErrorKind::BrokenPipe);
        let failed = Failed::from(Status::from_error(Box::new(broken)));
        assert_eq!((failed.code, failed.passes()), (Code::Unavailable, true));
        assert!(!Failed::from(Status::unknown("a defect")).passes());
    }

    #[test]
    fn where_nobody_answers_is_said() {
        let failed = Failed::from(Status::unavailable("connection refused")).at("http://x");
        assert_eq!(
            failed.message,
            "no Herdbook answers at http://x; start one there or set HERDBOOK_URL (connection refused)"
        );
    }
}
