//! Errors as HTTP has them: one table of status codes, and one form of JSON.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use herdbook_core::ServiceError;
use herdbook_rpc::status;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a handler answers.
pub(crate) type Answer<T> = Result<T, Refusal>;

/// Why a request is refused. Its JSON is
/// `{"error": {"code", "status", "reason", "message", "fields", "request_id"}}`.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Status>);

impl Refusal {
    /// A refusal by the door itself.
    pub(crate) fn of<E: ServiceError>(error: E) -> Self {
        Self(Box::new(status(error)))
    }

    /// What a service answered.
    pub(crate) fn by_service(status: Status) -> Self {
        Self(Box::new(status))
    }

    /// Whether a service refused for this reason.
    pub(crate) fn is_for(&self, reason: &str) -> bool {
        let details = self.0.get_error_details();
        details
            .error_info()
            .is_some_and(|info| info.reason == reason)
    }

    /// Whether the same request may succeed later.
    pub(crate) fn retriable(&self) -> bool {
        matches!(
            self.status(),
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        )
    }

    /// The status code.
    pub(crate) fn status(&self) -> StatusCode {
        match self.0.code() {
            _ if self.is_for("BODY_TOO_LARGE") => StatusCode::PAYLOAD_TOO_LARGE,
            _ if self.is_for("BODY_NOT_JSON") || self.is_for("BODY_ENCODING_UNKNOWN") => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => StatusCode::CONFLICT,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error as JSON.
    pub(crate) fn to_json(&self) -> Value {
        let details = self.0.get_error_details();
        let reason = details.error_info().map(|info| info.reason.as_str());
        let fields = details.bad_request().map(|bad| {
            let fields = bad.field_violations.iter();
            fields
                .map(|wrong| json!({ "field": wrong.field, "description": wrong.description }))
                .collect::<Vec<_>>()
        });
        json!({
            "code": self.status().as_u16(),
            "status": format!("{:?}", self.0.code()),
            "reason": reason.unwrap_or_default(),
            "message": self.0.message(),
            "fields": fields.unwrap_or_default(),
            "request_id": details.request_info().map(|info| info.request_id.as_str()),
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Json(json!({ "error": self.to_json() }));
        let mut response = (status, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
