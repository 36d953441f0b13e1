//! Who calls a door: found out as for gRPC, by token, or as the local user.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use herdbook_rpc::Authenticate;

use super::Refusal;

/// What assertions of other services would have to be for; none are made for doors.
const SERVICE: &str = "herdbook.gateway";

/// `routes` behind the authentication: handlers find the `Caller` among the extensions. What it may do
/// is decided by the services that are called on its behalf.
pub(crate) fn authenticated(routes: Router, authenticator: Arc<dyn Authenticate>) -> Router {
    routes.route_layer(from_fn_with_state(authenticator, authenticate))
}

async fn authenticate(
    State(authenticator): State<Arc<dyn Authenticate>>,
    mut request: Request,
    next: Next,
) -> Response {
    match authenticator.authenticate(request.headers(), SERVICE).await {
        Ok(caller) => {
            tracing::Span::current().record("caller", &*caller.name);
            tracing::Span::current().record("workspace", caller.workspace.0);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => Refusal::of(refused).into_response(),
    }
}
