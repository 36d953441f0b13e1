//! Signing in and out: what signs in, a token or a session, goes into a cookie that scripts cannot read.

use axum::{
    Json, Router,
    extract::{Query, Request, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use herdbook_access::{Access, AccessError};
use herdbook_core::ServiceError as _;
use herdbook_rpc::{session_cookie, status};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::files::refusal;

/// What assertions of other services would have to be for; none are made for the app.
pub(crate) const SERVICE: &str = "herdbook.web";
/// Holds what a browser carries while it is at the identity provider.
const TICKET: &str = "herdbook-sign-in";
const TICKET_PATH: &str = "/session/oidc";

pub(crate) fn routes(access: Access) -> Router {
    Router::new()
        .route("/session", post(sign_in).delete(sign_out))
        .route("/session/ways", get(ways))
        .route("/session/oidc", get(begin))
        .route("/session/oidc/callback", get(finish))
        .with_state(access)
}

/// Takes the token of `authorization: Bearer …`, if it is good, for the browser's.
async fn sign_in(State(access): State<Access>, request: Request) -> Response {
    let headers = request.headers();
    let authenticator = access.authenticator();
    if let Err(refused) = authenticator.authenticate(headers, SERVICE).await {
        return refusal(&status(refused));
    }
    let secure = is_secure(headers);
    answer(session_cookie(bearer(headers), secure))
}

async fn sign_out(State(access): State<Access>, request: Request) -> Response {
    let headers = request.headers();
    // Whatever becomes of the session, the browser forgets it.
    if let Some(secret) = bearer(headers)
        && let Err(error) = access.sign_out(secret).await
    {
        tracing::warn!(%error, "a session could not be ended");
    }
    answer(session_cookie(None, is_secure(headers)))
}

/// How one can sign in: all that is told before.
async fn ways(State(access): State<Access>) -> Response {
    let ways = serde_json::json!({ "identity_provider": access.identity_provider() });
    ([(header::CACHE_CONTROL, "no-store")], Json(ways)).into_response()
}

#[derive(Deserialize)]
struct Begin {
    #[serde(default)]
    return_to: String,
}

/// Sends the browser to the identity provider.
async fn begin(State(access): State<Access>, Query(asked): Query<Begin>) -> Response {
    match access.begin_sign_in(&asked.return_to).await {
        Ok(begun) => redirect(&begun.url, &[ticket_cookie(Some(&begun.ticket), &access)]),
        Err(error) => failed(&error, &access),
    }
}

/// What the identity provider sends the browser back with.
#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

async fn finish(
    State(access): State<Access>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> Response {
    if !back.error.is_empty() {
        let refused = herdbook_access::SignInError::Refused(back.error.chars().take(64).collect());
        return failed(&refused.into(), &access);
    }
    let ticket = cookie(&headers, TICKET).unwrap_or_default();
    match access.finish_sign_in(&back.code, &back.state, ticket).await {
        Ok(signed_in) => {
            let session = session_cookie(Some(&signed_in.secret), access.is_behind_tls());
            redirect(
                &signed_in.return_to,
                &[session, ticket_cookie(None, &access)],
            )
        }
        Err(error) => failed(&error, &access),
    }
}

/// Back to the sign-in page, which has words for the reason.
fn failed(error: &AccessError, access: &Access) -> Response {
    let causes: Vec<String> =
        std::iter::successors(std::error::Error::source(error), |cause| cause.source())
            .map(ToString::to_string)
            .collect();
    tracing::warn!(%error, causes = causes.join(": "), "signing in by the identity provider failed");
    let page = format!("/?sign-in={}", error.reason());
    redirect(&page, &[ticket_cookie(None, access)])
}

fn redirect(to: &str, cookies: &[Option<HeaderValue>]) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for cookie in cookies.iter().flatten() {
        headers.append(header::SET_COOKIE, cookie.clone());
    }
    response
}

/// `Lax`, for it is the provider's page that sends the browser back with it.
fn ticket_cookie(ticket: Option<&str>, access: &Access) -> Option<HeaderValue> {
    let lives = if ticket.is_some() { 600 } else { 0 };
    let secure = if access.is_behind_tls() {
        "; Secure"
    } else {
        ""
    };
    let ticket = ticket.unwrap_or_default();
    let cookie = format!(
        "{TICKET}={ticket}; Path={TICKET_PATH}; HttpOnly; SameSite=Lax; Max-Age={lives}{secure}"
    );
    HeaderValue::from_str(&cookie).ok()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ")?.trim())
}

fn answer(cookie: Option<HeaderValue>) -> Response {
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
