//! A browser's session: the token in a cookie that scripts cannot read, believed only where our own page
//! is the one that calls.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderValue, Method, header};

const COOKIE: &str = "herdbook-session";

/// The `Set-Cookie` by which a browser keeps `token` until it is closed, or forgets the one it has;
/// `None` if the token is no token. `secure` where the page came by TLS.
#[must_use]
pub fn session_cookie(token: Option<&str>, secure: bool) -> Option<HeaderValue> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let token = token.unwrap_or_default();
    if !token.bytes().all(plain) {
        return None;
    }
    let gone = if token.is_empty() { "; Max-Age=0" } else { "" };
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{gone}");
    HeaderValue::from_str(&cookie).ok()
}

/// Puts the token of the cookie where all others send theirs.
pub(crate) async fn present(mut request: Request, next: Next) -> Response {
    if let Some(authorization) = authorization(&request) {
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, authorization);
    }
    next.run(request).await
}

fn authorization(request: &Request) -> Option<HeaderValue> {
    let headers = request.headers();
    if headers.contains_key(header::AUTHORIZATION) || !is_own_page(request.method(), headers) {
        return None;
    }
    let cookies = headers.get_all(header::COOKIE).iter();
    let token = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    HeaderValue::from_str(&format!("Bearer {token}")).ok()
}

/// Whether the request is of a page of ours, or of an address that the user typed. `SameSite` alone would
/// let pages of other ports of this host call. Browsers tell where a request comes from on TLS and
/// loopback; elsewhere they tell the origin of all that is not a plain read.
fn is_own_page(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => {
            let from = origin.split_once("://").map(|(_, host)| host);
            from.is_some() && from == text("host")
        }
        (None, None) => method == Method::GET || method == Method::HEAD,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn presented(method: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = axum::http::Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let value = authorization(&request.body(Body::empty()).unwrap())?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn our_own_page_is_known_by_its_cookie() {
        let cookie = ("cookie", "theme=dark; herdbook-session=hbk_1");
        let own = presented("POST", &[cookie, ("sec-fetch-site", "same-origin")]);
        assert_eq!(own.unwrap(), "Bearer hbk_1");
        assert!(presented("GET", &[cookie, ("sec-fetch-site", "none")]).is_some());
        let plain = [cookie, ("host", "h:80"), ("origin", "http://h:80")];
        assert!(presented("POST", &plain).is_some());
    }

    #[test]
    fn pages_of_others_are_not_believed() {
        let cookie = ("cookie", "herdbook-session=hbk_1");
        for site in ["same-site", "cross-site"] {
            assert_eq!(presented("POST", &[cookie, ("sec-fetch-site", site)]), None);
        }
        let other_port = [cookie, ("host", "h:80"), ("origin", "http://h:81")];
        assert_eq!(presented("POST", &other_port), None);
        assert_eq!(presented("POST", &[cookie]), None);
    }

    #[test]
    fn a_token_that_is_sent_comes_first() {
        let headers = [
            ("cookie", "herdbook-session=hbk_1"),
            ("authorization", "Bearer hbk_2"),
        ];
        assert_eq!(presented("GET", &headers), None);
    }

    #[test]
    fn a_cookie_holds_a_token_and_nothing_else() {
        let cookie = session_cookie(Some("hbk_a1"), true).unwrap();
        assert_eq!(
            cookie,
            "herdbook-session=hbk_a1; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(session_cookie(Some("x; Domain=evil.example"), true).is_none());
        assert!(
            session_cookie(None, false)
                .unwrap()
                .to_str()
                .unwrap()
                .ends_with("Max-Age=0")
        );
    }
}
