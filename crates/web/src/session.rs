//! Signing in and out: the token goes into a cookie that scripts cannot read.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use herdbook_rpc::{Authenticate, session_cookie, status};
use http::{HeaderMap, StatusCode, header};

use crate::files::refusal;

/// What assertions of other services would have to be for; none are made for the app.
pub(crate) const SERVICE: &str = "herdbook.web";

pub(crate) fn routes(authenticator: Arc<dyn Authenticate>) -> Router {
    Router::new()
        .route("/session", post(sign_in).delete(sign_out))
        .with_state(authenticator)
}

/// Takes the token of `authorization: Bearer …`, if it is good, for the browser's.
async fn sign_in(State(authenticator): State<Arc<dyn Authenticate>>, request: Request) -> Response {
    let headers = request.headers();
    if let Err(refused) = authenticator.authenticate(headers, SERVICE).await {
        return refusal(&status(refused));
    }
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    answer(session_cookie(token.map(str::trim), is_secure(headers)))
}

async fn sign_out(headers: HeaderMap) -> Response {
    answer(session_cookie(None, is_secure(&headers)))
}

fn answer(cookie: Option<http::HeaderValue>) -> Response {
    match cookie {
        Some(cookie) => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// A proxy may end the TLS: the page's own address tells.
fn is_secure(headers: &HeaderMap) -> bool {
    headers
        .get(header::ORIGIN)
        .is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}
