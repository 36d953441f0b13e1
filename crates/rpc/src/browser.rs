//! On loopback everybody is the local user, and so would be every page of the web that the user's
//! browser has open: this layer keeps strangers' pages out.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

/// Bodies that a plain HTML form can send to any address without asking.
const FORM_TYPES: [&str; 3] = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
];

/// Refuses what a browser sends for a page that is not ours: a foreign `Host` (DNS rebinding), a
/// foreign `Origin`, and bodies of HTML forms.
#[derive(Debug, Clone, Default)]
pub struct BrowserGuard {
    allowed: Arc<[String]>,
}

impl BrowserGuard {
    /// A guard that takes the names in `allowed` for ours, besides those of loopback.
    #[must_use]
    pub fn new(allowed: Vec<String>) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }

    /// Why the request is refused, if it is.
    fn objection(&self, request: &Request) -> Option<String> {
        let headers = request.headers();
        let host = request
            .uri()
            .host()
            .or_else(|| text(headers, &header::HOST).map(without_port));
        if let Some(host) = host.filter(|host| !self.is_ours(host)) {
            return Some(format!(
                "the host {host:?} is not served here; if it should be, start with --allowed-host {host}"
            ));
        }
        if let Some(origin) = text(headers, &header::ORIGIN) {
            let host = origin.split_once("://").map(|(_, host)| without_port(host));
            if !host.is_some_and(|host| self.is_ours(host)) {
                return Some(format!("pages of {origin:?} may not call this server"));
            }
        }
        let content_type = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
        let form = FORM_TYPES
            .iter()
            .any(|form| content_type.trim_start().starts_with(form));
        (form && request.method() == Method::POST)
            .then(|| format!("bodies of type {content_type:?} are not taken"))
    }

    fn is_ours(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.eq_ignore_ascii_case("localhost")
            || bare
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
            || self
                .allowed
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(bare))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// `name:80` and `[::1]:80` without the port.
fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') && !is_bare_v6(host) => &host[..colon],
        _ => host,
    }
}

fn is_bare_v6(host: &str) -> bool {
    !host.starts_with('[') && host.matches(':').count() > 1
}

pub(crate) async fn guard(
    State(guard): State<BrowserGuard>,
    request: Request,
    next: Next,
) -> Response {
    match guard.objection(&request) {
        None => next.run(request).await,
        Some(why) => {
            tracing::warn!(why, "request of a stranger's page refused");
            (StatusCode::FORBIDDEN, why).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn objection(headers: &[(&str, &str)]) -> Option<String> {
        let mut request = axum::http::Request::post("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let guard = BrowserGuard::new(vec!["herdbook.test".to_owned()]);
        guard.objection(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn our_own_names_pass_with_any_port() {
        for host in [
            "localhost:5757",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:80",
            "::1",
            "HERDBOOK.test:9",
        ] {
            assert_eq!(objection(&[("host", host)]), None, "{host}");
        }
    }

    #[test]
    fn foreign_hosts_origins_and_forms_are_refused() {
        assert!(
            objection(&[("host", "evil.example:5757")])
                .unwrap()
                .contains("--allowed-host")
        );
        assert!(objection(&[("host", "localhost.evil.example")]).is_some());
        assert!(objection(&[("host", "localhost"), ("origin", "https://evil.example")]).is_some());
        assert!(objection(&[("host", "localhost"), ("origin", "null")]).is_some());
        assert!(objection(&[("host", "localhost"), ("content-type", "text/plain;x")]).is_some());
        assert_eq!(objection(&[("origin", "http://localhost:5173")]), None);
    }
}
