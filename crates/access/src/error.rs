//! What a caller of the access service can act on.

use herdbook_core::{Code, Details, InvalidPageToken, ServiceError};
use herdbook_postgres::DatabaseError;
use herdbook_proto::InvalidRequest;

use crate::oidc::SignInError;

/// Why a call of the access service failed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Fields of the request are wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// No such workspace.
    #[error("there is no workspace {0:?}; `herdbook workspaces list` shows those there are")]
    WorkspaceNotFound(String),
    /// No such principal in the workspace.
    #[error("there is no principal {0:?} in this workspace; create it first")]
    PrincipalNotFound(String),
    /// No such token in the workspace.
    #[error("there is no token {0:?} in this workspace")]
    TokenNotFound(String),
    /// The name of a workspace or principal is taken.
    #[error("the {kind} {name:?} is there already")]
    NameTaken {
        /// Workspace or principal.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Only an admin of the first workspace makes others.
    #[error("only an admin of the workspace default may create workspaces; ask one")]
    NotInstallationAdmin,
    /// Somebody must be left to manage the workspace.
    #[error("{0} is the last admin of the workspace; make somebody else admin first")]
    LastAdmin(String),
    /// Signing in by the identity provider did not work.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<InvalidPageToken> for AccessError {
    fn from(error: InvalidPageToken) -> Self {
        Self::Invalid(InvalidRequest::field("page_token", error))
    }
}

impl From<sqlx::Error> for AccessError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl ServiceError for AccessError {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(error) => error.code(),
            Self::WorkspaceNotFound(_) | Self::PrincipalNotFound(_) | Self::TokenNotFound(_) => {
                Code::NotFound
            }
            Self::NameTaken { .. } => Code::AlreadyExists,
            Self::NotInstallationAdmin => Code::PermissionDenied,
            Self::LastAdmin(_) => Code::FailedPrecondition,
            Self::SignIn(error) => error.code(),
            Self::Database(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::WorkspaceNotFound(_) => "WORKSPACE_NOT_FOUND",
            Self::PrincipalNotFound(_) => "PRINCIPAL_NOT_FOUND",
            Self::TokenNotFound(_) => "TOKEN_NOT_FOUND",
            Self::NameTaken { .. } => "NAME_TAKEN",
            Self::NotInstallationAdmin => "NOT_INSTALLATION_ADMIN",
            Self::LastAdmin(_) => "LAST_ADMIN",
            Self::SignIn(error) => error.reason(),
            Self::Database(error) => error.reason(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Invalid(error) => error.details(),
            Self::WorkspaceNotFound(name) => Details::resource("workspace", name),
            Self::PrincipalNotFound(name) => Details::resource("principal", name),
            Self::TokenNotFound(name) => Details::resource("token", name),
            Self::NameTaken { kind, name } => Details::resource(kind, name),
            Self::NotInstallationAdmin | Self::LastAdmin(_) | Self::SignIn(_) => Details::default(),
            Self::Database(error) => error.details(),
        }
    }
}
