//! Errors as MLflow's clients read them: `{"error_code", "message"}`, and a status for each code.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use herdbook_core::ServiceError;
use herdbook_rpc::status;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a handler answers.
pub(super) type Answer<T> = Result<T, Error>;

/// MLflow's codes (databricks.proto), those that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorCode {
    BadRequest,
    DeadlineExceeded,
    EndpointNotFound,
    InternalError,
    InvalidParameterValue,
    InvalidState,
    NotImplemented,
    PermissionDenied,
    RequestLimitExceeded,
    ResourceAlreadyExists,
    ResourceConflict,
    ResourceDoesNotExist,
    TemporarilyUnavailable,
    Unauthenticated,
}

impl ErrorCode {
    fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::EndpointNotFound => "ENDPOINT_NOT_FOUND",
            Self::InternalError => "INTERNAL_ERROR",
            Self::InvalidParameterValue => "INVALID_PARAMETER_VALUE",
            Self::InvalidState => "INVALID_STATE",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::RequestLimitExceeded => "REQUEST_LIMIT_EXCEEDED",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::ResourceConflict => "RESOURCE_CONFLICT",
            Self::ResourceDoesNotExist => "RESOURCE_DOES_NOT_EXIST",
            Self::TemporarilyUnavailable => "TEMPORARILY_UNAVAILABLE",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// Clients try 408, 429, 500, 502, 503 and 504 again, for minutes: those are only for what passes.
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest
            | Self::InvalidParameterValue
            | Self::InvalidState
            | Self::ResourceAlreadyExists => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::PermissionDenied => StatusCode::FORBIDDEN,
            Self::EndpointNotFound | Self::ResourceDoesNotExist => StatusCode::NOT_FOUND,
            Self::ResourceConflict => StatusCode::CONFLICT,
            Self::RequestLimitExceeded => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// Why a call is refused.
#[derive(Debug)]
pub(super) struct Error {
    code: ErrorCode,
    message: String,
    /// What the service said, for those who ask for its reason.
    cause: Option<Box<Status>>,
}

impl Error {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
        }
    }

    /// A field that is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    /// Something that is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceDoesNotExist, message)
    }

    /// An error of ours.
    pub(super) fn of<E: ServiceError>(error: E) -> Self {
        status(error).into()
    }

    /// Whether a service refused for this reason.
    pub(super) fn is_for(&self, reason: &str) -> bool {
        self.cause.as_deref().and_then(reason_of).as_deref() == Some(reason)
    }

    /// The same refusal by another code.
    #[must_use]
    pub(super) fn with_code(mut self, code: ErrorCode) -> Self {
        self.code = code;
        self
    }

    /// What the service's error has at `name`.
    pub(super) fn detail(&self, name: &str) -> Option<String> {
        let details = self.cause.as_deref()?.get_error_details();
        details.error_info()?.metadata.get(name).cloned()
    }

    /// The same refusal in other words.
    #[must_use]
    pub(super) fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let reason = reason_of(&status);
        let code = match status.code() {
            Code::NotFound => ErrorCode::ResourceDoesNotExist,
            Code::AlreadyExists => ErrorCode::ResourceAlreadyExists,
            Code::InvalidArgument | Code::OutOfRange => ErrorCode::InvalidParameterValue,
            Code::PermissionDenied => ErrorCode::PermissionDenied,
            Code::Unauthenticated => ErrorCode::Unauthenticated,
            Code::FailedPrecondition => ErrorCode::InvalidState,
            Code::Aborted => ErrorCode::ResourceConflict,
            // A quota is no matter of a minute: a client that tries again only loses time.
            Code::ResourceExhausted if reason.as_deref() == Some("QUOTA_EXCEEDED") => {
                ErrorCode::InvalidState
            }
            Code::ResourceExhausted => ErrorCode::RequestLimitExceeded,
            Code::Unimplemented => ErrorCode::NotImplemented,
            Code::Unavailable | Code::Cancelled => ErrorCode::TemporarilyUnavailable,
            Code::DeadlineExceeded => ErrorCode::DeadlineExceeded,
            _ => ErrorCode::InternalError,
        };
        Self {
            code,
            message: status.message().to_owned(),
            cause: Some(Box::new(status)),
        }
    }
}

fn reason_of(status: &Status) -> Option<String> {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone())
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let body = json!({ "error_code": self.code.name(), "message": self.message });
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Basic realm=\"mlflow\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
