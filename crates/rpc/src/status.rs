//! From a domain's error to what a caller sees: the only place where a status is made.

use herdbook_core::{Code, Details, ServiceError};
use tonic::{Code as GrpcCode, Response, Status};
use tonic_types::{
    ErrorDetails, FieldViolation, PreconditionViolation, QuotaViolation, StatusExt as _,
};

use crate::telemetry::current_request_id;

/// Domain of the reasons in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "herdbook";

/// The status of `error`, with `google.rpc` details. An internal one is logged here, once, and told
/// to the caller as nothing but a request id.
pub fn status<E: ServiceError>(error: E) -> Status {
    status_of(&error)
}

/// A domain's result as the answer of an rpc.
pub fn answer<T, E: ServiceError>(result: Result<T, E>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(status)
}

/// The status of an error whose type is not known.
pub(crate) fn status_of(error: &dyn ServiceError) -> Status {
    let request_id = current_request_id();
    let code = error.code();
    let details = error.details();
    let message = if code == Code::Internal {
        let causes = causes(error);
        tracing::error!(%error, causes, request_id, "internal error");
        format!("internal error; the server's log has it under request id {request_id}")
    } else {
        if code == Code::DataLoss {
            tracing::error!(%error, request_id, "data is lost");
        }
        error.to_string()
    };
    let encoded = encode(error, details, &request_id);
    Status::with_error_details(grpc_code(code), message, encoded)
}

/// What a client's failed connection to another service means to our own caller.
pub fn connection_error(error: &Status) -> bool {
    matches!(
        error.code(),
        GrpcCode::Unavailable | GrpcCode::Unknown | GrpcCode::Cancelled
    )
}

fn causes(error: &dyn ServiceError) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.join(": ")
}

fn encode(error: &dyn ServiceError, details: Details, request_id: &str) -> ErrorDetails {
    let metadata: Vec<(String, String)> = details
        .metadata
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let mut encoded = ErrorDetails::with_error_info(
        error.reason(),
        DOMAIN,
        metadata
            .into_iter()
            .collect::<std::collections::HashMap<_, _>>(),
    );
    encoded.set_request_info(request_id, "");
    if !details.fields.is_empty() {
        let fields = details.fields.into_iter();
        encoded.set_bad_request(
            fields
                .map(|field| FieldViolation::new(field.field, field.description))
                .collect::<Vec<_>>(),
        );
    }
    if !details.preconditions.is_empty() {
        let violations = details.preconditions.into_iter();
        encoded.set_precondition_failure(
            violations
                .map(|v| PreconditionViolation::new(v.kind, v.subject, v.description))
                .collect::<Vec<_>>(),
        );
    }
    if !details.quotas.is_empty() {
        let violations = details.quotas.into_iter();
        encoded.set_quota_failure(
            violations
                .map(|v| QuotaViolation::new(v.subject, v.description))
                .collect::<Vec<_>>(),
        );
    }
    if let Some(resource) = details.resource {
        encoded.set_resource_info(resource.kind, resource.name, "", "");
    }
    if details.retry_after.is_some() {
        encoded.set_retry_info(details.retry_after);
    }
    encoded
}

fn grpc_code(code: Code) -> GrpcCode {
    match code {
        Code::InvalidArgument => GrpcCode::InvalidArgument,
        Code::NotFound => GrpcCode::NotFound,
        Code::AlreadyExists => GrpcCode::AlreadyExists,
        Code::FailedPrecondition => GrpcCode::FailedPrecondition,
        Code::Aborted => GrpcCode::Aborted,
        Code::OutOfRange => GrpcCode::OutOfRange,
        Code::ResourceExhausted => GrpcCode::ResourceExhausted,
        Code::Unauthenticated => GrpcCode::Unauthenticated,
        Code::PermissionDenied => GrpcCode::PermissionDenied,
        Code::Unavailable => GrpcCode::Unavailable,
        Code::DeadlineExceeded => GrpcCode::DeadlineExceeded,
        Code::Unimplemented => GrpcCode::Unimplemented,
        Code::DataLoss => GrpcCode::DataLoss,
        Code::Internal => GrpcCode::Internal,
    }
}
