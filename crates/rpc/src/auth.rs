//! The layer that finds out who calls and whether they may.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use herdbook_core::{Code, Details, PrincipalId, ServiceError, WorkspaceId};
use http::HeaderMap;
use uuid::Uuid;

use crate::{Caller, Role, methods, status::status};

/// Metadata that names the workspace of a call.
pub const WORKSPACE: &str = "herdbook-workspace";
/// Metadata with the signed assertion of a call between services.
pub const ASSERTION: &str = "herdbook-assertion";

/// What [`Authenticate`] answers in time.
pub type AuthFuture<'a> = Pin<Box<dyn Future<Output = Result<Caller, Unauthorized>> + Send + 'a>>;

/// Finds out who calls.
pub trait Authenticate: Send + Sync + 'static {
    /// The caller of a request with `headers` to `service`, such as `herdbook.tracking.v1.RunService`.
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap, service: &'a str) -> AuthFuture<'a>;
}

/// What [`Roles`] answers in time.
pub type RoleFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Role>, Box<dyn ServiceError>>> + Send + 'a>>;

/// Knows what others than the caller may do now: those whose word was taken before.
pub trait Roles: Send + Sync + 'static {
    /// The role of `principal` in `workspace`; `None` if it has none, or has it no more.
    fn role_of(&self, workspace: WorkspaceId, principal: PrincipalId) -> RoleFuture<'_>;
}

/// Why a call is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Unauthorized {
    /// No token, where one is needed.
    #[error(
        "no token was sent; send one as `authorization: Bearer hbk_…` (an admin makes one with `herdbook tokens create`)"
    )]
    MissingToken,
    /// Not a token of this installation.
    #[error("the token is not known here; check it, or ask an admin for another")]
    UnknownToken,
    /// Past its time.
    #[error("the token has expired; ask an admin for another")]
    ExpiredToken,
    /// Taken back.
    #[error("the token was revoked; ask an admin for another")]
    RevokedToken,
    /// A browser's session that is over.
    #[error("you are signed out; sign in again")]
    ExpiredSession,
    /// An assertion that is forged, too old, or meant for another service.
    #[error("the assertion of the calling service is not valid")]
    InvalidAssertion,
    /// No such workspace, or no role in it: the two are not told apart.
    #[error("there is no workspace {0:?} that you have a role in")]
    UnknownWorkspace(String),
    /// The role is not enough.
    #[error("this needs the role {needed}, and {name} is {has}; ask an admin of the workspace")]
    RoleTooLow {
        /// The least role.
        needed: Role,
        /// The role of the caller.
        has: Role,
        /// The caller.
        name: String,
    },
    /// It could not be found out.
    #[error("{0}")]
    Backend(Box<dyn ServiceError>),
}

impl ServiceError for Unauthorized {
    fn code(&self) -> Code {
        match self {
            Self::MissingToken
            | Self::UnknownToken
            | Self::ExpiredToken
            | Self::RevokedToken
            | Self::ExpiredSession
            | Self::InvalidAssertion => Code::Unauthenticated,
            Self::UnknownWorkspace(_) => Code::NotFound,
            Self::RoleTooLow { .. } => Code::PermissionDenied,
            Self::Backend(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::MissingToken => "TOKEN_MISSING",
            Self::UnknownToken => "TOKEN_UNKNOWN",
            Self::ExpiredToken => "TOKEN_EXPIRED",
            Self::RevokedToken => "TOKEN_REVOKED",
            Self::ExpiredSession => "SESSION_EXPIRED",
            Self::InvalidAssertion => "ASSERTION_INVALID",
            Self::UnknownWorkspace(_) => "WORKSPACE_NOT_FOUND",
            Self::RoleTooLow { .. } => "ROLE_TOO_LOW",
            Self::Backend(error) => error.reason(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::UnknownWorkspace(name) => Details::resource("workspace", name),
            Self::RoleTooLow { needed, has, .. } => Details {
                metadata: vec![("needed", needed.to_string()), ("has", has.to_string())],
                ..Details::default()
            },
            Self::Backend(error) => error.details(),
            _ => Details::default(),
        }
    }
}

/// Lets a call of the contract pass if its caller may make it. Other paths (health, reflection,
/// metrics) are open.
pub(crate) async fn authorise(
    State(authenticator): State<Arc<dyn Authenticate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let Some(required) = methods::required_role(path).filter(|_| path.starts_with("/herdbook."))
    else {
        return next.run(request).await;
    };
    let service = methods::service_of(path).unwrap_or_default();
    let allowed = match authenticator.authenticate(request.headers(), service).await {
        Ok(caller) => check_role(caller, required),
        Err(refused) => Err(refused),
    };
    match allowed {
        Ok(caller) => {
            tracing::Span::current().record("caller", &*caller.name);
            tracing::Span::current().record("workspace", caller.workspace.0);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => status(refused).into_http::<Body>(),
    }
}

fn check_role(caller: Caller, required: Option<Role>) -> Result<Caller, Unauthorized> {
    match required {
        Some(needed) if caller.role < needed => {
            let name = caller.name.to_string();
            Err(Unauthorized::RoleTooLow {
                needed,
                has: caller.role,
                name,
            })
        }
        _ => Ok(caller),
    }
}

/// Takes everybody for the same caller: for tests of a service by itself.
#[derive(Debug, Clone)]
pub struct FixedCaller(pub Caller);

impl FixedCaller {
    /// A caller with `role` in `workspace`.
    #[must_use]
    pub fn new(name: &str, workspace: WorkspaceId, role: Role) -> Self {
        Self(Caller {
            principal: PrincipalId::from(Uuid::nil()),
            name: name.into(),
            workspace,
            role,
        })
    }
}

impl Authenticate for FixedCaller {
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap, _service: &'a str) -> AuthFuture<'a> {
        // A workspace by number, so that a test can be a stranger in another one.
        let workspace = headers
            .get(WORKSPACE)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut caller = self.0.clone();
        caller.workspace = workspace.unwrap_or(caller.workspace);
        Box::pin(std::future::ready(Ok(caller)))
    }
}
