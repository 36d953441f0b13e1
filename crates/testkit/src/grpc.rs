//! Services under test, called over real gRPC, and the details of what they refuse.

use std::sync::Arc;

use herdbook_core::ServiceError;
use herdbook_rpc::{Assertions, Authenticate, Caller, RoutesBuilder, Server};
use http::HeaderValue;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status, metadata::MetadataValue, transport::Channel};
use tonic_types::StatusExt as _;

/// Signs nothing: for services of which everybody is the same caller.
#[derive(Debug)]
pub struct Unsigned;

impl Assertions for Unsigned {
    fn sign(&self, _: &Caller, _: &str) -> Result<HeaderValue, Box<dyn ServiceError>> {
        Ok(HeaderValue::from_static("unsigned"))
    }
}

/// Serves `routes` on a free port until `shutdown`; a connection to them.
pub async fn serve(
    routes: RoutesBuilder,
    authenticator: Arc<dyn Authenticate>,
    shutdown: &CancellationToken,
) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(Server::new(routes, authenticator).serve(listener, shutdown.clone()));
    let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("the server answers")
}

/// A request to the workspace with the number 2, as [`herdbook_rpc::FixedCaller`] reads it.
pub fn elsewhere<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert(herdbook_rpc::WORKSPACE, MetadataValue::from_static("2"));
    request
}

/// Code and stable reason of an error.
#[must_use]
pub fn reason(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    (
        status.code(),
        details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default(),
    )
}

/// What an error tells besides, by its name.
#[must_use]
pub fn told(status: &Status, name: &str) -> Option<String> {
    let details = status.get_error_details();
    details.error_info()?.metadata.get(name).cloned()
}

/// Fields that an error names.
#[must_use]
pub fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.clone());
    violations
        .unwrap_or_default()
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

/// Quotas that an error says would be passed.
#[must_use]
pub fn quotas(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details
        .quota_failure()
        .map(|failure| failure.violations.clone());
    violations
        .unwrap_or_default()
        .into_iter()
        .map(|violation| violation.subject)
        .collect()
}

/// Preconditions that an error says do not hold: kind and description.
#[must_use]
pub fn preconditions(status: &Status) -> Vec<(String, String)> {
    let details = status.get_error_details();
    let violations = details
        .precondition_failure()
        .map(|failure| failure.violations.clone());
    let pair = |v: tonic_types::PreconditionViolation| (v.r#type, v.description);
    violations
        .unwrap_or_default()
        .into_iter()
        .map(pair)
        .collect()
}
