//! The built app: its files, compressed when it was built, with what a browser may keep of them.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::Path,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `npm run build` made. Empty if the app was not built before the binary.
#[derive(RustEmbed)]
#[folder = "app/dist/"]
#[allow_missing = true]
struct Built;

/// Names of files below `assets/` have the digest of their content in them.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Asked for again each time, and answered by NOT_MODIFIED mostly.
const REVALIDATE: &str = "no-cache";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Herdbook</title>\
    <h1>This Herdbook was built without its web app</h1>\
    <p>Everything else works. To have the app too, build with <code>./dev build</code>, or run \
    <code>npm ci &amp;&amp; npm run build</code> in <code>crates/web/app</code> and build again.</p></html>\n";

/// Every page is the same file: which one it is, the app reads from the address.
pub(crate) async fn page(headers: HeaderMap) -> Response {
    serve("index.html", REVALIDATE, &headers).unwrap_or_else(|| {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONTENT_TYPE, html)],
            NOT_BUILT,
        )
            .into_response()
    })
}

/// A script, a style sheet, a worker.
pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let served = serve(&format!("assets/{path}"), FOREVER, &headers);
    served.unwrap_or_else(|| {
        let advice = "no such file in this version of the app; load the page again\n";
        (StatusCode::NOT_FOUND, advice).into_response()
    })
}

/// The mark of the browser's tab.
pub(crate) async fn favicon(headers: HeaderMap) -> Response {
    let served = serve("favicon.svg", REVALIDATE, &headers);
    served.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

fn serve(path: &str, keep: &'static str, request: &HeaderMap) -> Option<Response> {
    let (file, encoding) = find(path, request)?;
    let tag = tag_of(&file)?;
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, tag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if request.get(header::IF_NONE_MATCH) == Some(&tag) {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(path)));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let body = match file.data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    Some((headers, body).into_response())
}

/// The file in the best packing that was built and that the browser takes.
fn find(path: &str, request: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let packings = [("br", ".br"), ("gzip", ".gz")];
    let packed = packings
        .into_iter()
        .filter(|(encoding, _)| takes(request, encoding))
        .find_map(|(encoding, ending)| Some((Built::get(&format!("{path}{ending}"))?, encoding)));
    match packed {
        Some((file, encoding)) => Some((file, Some(encoding))),
        None => Some((Built::get(path)?, None)),
    }
}

fn takes(request: &HeaderMap, encoding: &str) -> bool {
    let accepted = request.get_all(header::ACCEPT_ENCODING);
    accepted
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|choice| {
            let mut parts = choice.split(';').map(str::trim);
            parts.next() == Some(encoding) && !parts.any(|weight| weight == "q=0")
        })
}

/// Of the bytes as they are sent, so that each packing has its own.
fn tag_of(file: &EmbeddedFile) -> Option<HeaderValue> {
    let digest = hex::encode(&file.metadata.sha256_hash()[..16]);
    HeaderValue::from_str(&format!("\"{digest}\"")).ok()
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packing_is_sent_only_to_those_who_take_it() {
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::ACCEPT_ENCODING,
                HeaderValue::from_str(value).unwrap(),
            );
            takes(&headers, "br")
        };
        assert!(asked("gzip, deflate, br, zstd"));
        assert!(asked("br;q=0.5"));
        assert!(!asked("gzip, deflate"));
        assert!(!asked("br;q=0, gzip"));
        assert!(!asked("brotli"));
    }
}
