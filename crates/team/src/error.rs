//! What a caller of the team service can act on.

use herdbook_core::{Code, Details, InvalidPageToken, ServiceError};
use herdbook_postgres::DatabaseError;
use herdbook_proto::InvalidRequest;

/// Why a call of the team service failed.
#[derive(Debug, thiserror::Error)]
pub enum TeamError {
    /// Fields of the request are wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// What is written about is not there.
    #[error("there is no {kind} {name:?} in this workspace to write about")]
    SubjectNotFound {
        /// Such as `run`.
        kind: &'static str,
        /// As the caller named it.
        name: String,
    },
    /// No such comment.
    #[error("there is no comment {0:?} in this workspace")]
    CommentNotFound(String),
    /// Only who wrote it may change a comment.
    #[error(
        "the comment is {0}'s; only its author can change it, and its author or an admin delete it"
    )]
    NotAuthor(String),
    /// The comment was deleted.
    #[error("the comment was deleted; write another")]
    CommentDeleted,
    /// No such report.
    #[error("there is no report {0:?} in this workspace")]
    ReportNotFound(String),
    /// The report has no such revision.
    #[error("the report has no revision {0}; ListReportRevisions lists those it has")]
    RevisionNotFound(i64),
    /// Somebody saved the report since the caller read it.
    #[error(
        "{by} saved revision {newest} since you read revision {seen}; nothing was written: read it, bring both \
         texts together, and save with expected_revision {newest}"
    )]
    ReportChanged {
        /// Who saved it.
        by: String,
        /// The revision there is.
        newest: i64,
        /// The revision that the caller had seen.
        seen: i64,
    },
    /// The report is in the bin.
    #[error("the report is deleted; restore it before you save it")]
    ReportDeleted,
    /// No such view.
    #[error("there is no view {0:?} of this; ListViews lists those there are")]
    ViewNotFound(String),
    /// As many views or preferences as may be.
    #[error("there may be at most {limit} {what}; remove some first")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Another service did not answer.
    #[error("{service} does not answer at the moment; nothing was changed, try again")]
    PeerUnavailable {
        /// Such as `tracking`.
        service: &'static str,
        /// What it said.
        #[source]
        said: Box<tonic::Status>,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for TeamError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<InvalidPageToken> for TeamError {
    fn from(error: InvalidPageToken) -> Self {
        Self::Invalid(InvalidRequest::field("page_token", error))
    }
}

impl ServiceError for TeamError {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(error) => error.code(),
            Self::SubjectNotFound { .. }
            | Self::CommentNotFound(_)
            | Self::ReportNotFound(_)
            | Self::RevisionNotFound(_)
            | Self::ViewNotFound(_) => Code::NotFound,
            Self::NotAuthor(_) => Code::PermissionDenied,
            Self::CommentDeleted | Self::ReportDeleted => Code::FailedPrecondition,
            Self::ReportChanged { .. } => Code::Aborted,
            Self::TooMany { .. } => Code::ResourceExhausted,
            Self::PeerUnavailable { .. } => Code::Unavailable,
            Self::Database(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::SubjectNotFound { .. } => "SUBJECT_NOT_FOUND",
            Self::CommentNotFound(_) => "COMMENT_NOT_FOUND",
            Self::NotAuthor(_) => "NOT_AUTHOR",
            Self::CommentDeleted => "COMMENT_DELETED",
            Self::ReportNotFound(_) => "REPORT_NOT_FOUND",
            Self::RevisionNotFound(_) => "REVISION_NOT_FOUND",
            Self::ReportChanged { .. } => "REPORT_CHANGED",
            Self::ReportDeleted => "REPORT_DELETED",
            Self::ViewNotFound(_) => "VIEW_NOT_FOUND",
            Self::TooMany { .. } => "TOO_MANY",
            Self::PeerUnavailable { .. } => "PEER_UNAVAILABLE",
            Self::Database(error) => error.reason(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Invalid(error) => error.details(),
            Self::SubjectNotFound { kind, name } => Details::resource(kind, name),
            Self::CommentNotFound(id) => Details::resource("comment", id),
            Self::ReportNotFound(id) => Details::resource("report", id),
            Self::ViewNotFound(name) => Details::resource("view", name),
            Self::ReportChanged { by, newest, .. } => Details {
                metadata: vec![("saved_by", by.clone()), ("revision", newest.to_string())],
                ..Details::default()
            },
            Self::Database(error) => error.details(),
            _ => Details::default(),
        }
    }
}
