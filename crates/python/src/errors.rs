//! Failures as exceptions of `herdbook.errors`.

use herdbook_client::ClientError;
use pyo3::{prelude::*, types::PyDict};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The exception for what the client says.
pub(crate) fn of_client(py: Python<'_>, error: &ClientError) -> PyErr {
    exception(py, error.code(), &error.to_string(), &PyDict::new(py))
}

/// The exception for what the server says, with its typed details.
pub(crate) fn of_status(py: Python<'_>, status: &Status) -> PyErr {
    match details(py, status) {
        Ok(details) => exception(py, status.code(), status.message(), &details),
        Err(error) => error,
    }
}

fn details<'py>(py: Python<'py>, status: &Status) -> PyResult<Bound<'py, PyDict>> {
    let found = status.get_error_details();
    let details = PyDict::new(py);
    if let Some(info) = found.error_info() {
        details.set_item("reason", &info.reason)?;
        details.set_item("metadata", info.metadata.clone())?;
    }
    if let Some(failure) = found.precondition_failure() {
        let violations = failure.violations.iter();
        let failures = violations.map(|one| (&*one.r#type, &*one.subject, &*one.description));
        details.set_item("failures", failures.collect::<Vec<_>>())?;
    }
    if let Some(request) = found.bad_request() {
        let violations = request.field_violations.iter();
        let fields = violations.map(|one| (&*one.field, &*one.description));
        details.set_item("fields", fields.collect::<Vec<_>>())?;
    }
    if let Some(resource) = found.resource_info() {
        details.set_item(
            "resource",
            (&resource.resource_type, &resource.resource_name),
        )?;
    }
    if let Some(info) = found.request_info() {
        details.set_item("request_id", &info.request_id)?;
    }
    Ok(details)
}

fn exception(py: Python<'_>, code: Code, message: &str, details: &Bound<'_, PyDict>) -> PyErr {
    let made = py
        .import("herdbook.errors")
        .and_then(|errors| errors.getattr("of_status"))
        .and_then(|of_status| of_status.call1((name(code), message, details)));
    match made {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// As the contract writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
