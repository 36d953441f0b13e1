//! What is known of each request: an id, a span, a trace, and metrics.

use std::{
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue};
use http_body::{Frame, SizeHint};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::methods;

/// Metadata that carries the request id, in and out.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// Metadata of the W3C Trace Context recommendation.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// Longest request id that is taken over from a caller.
const REQUEST_ID_BYTES: usize = 128;
/// Upper bounds of the histogram of durations, in seconds.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

tokio::task_local! {
    /// What the request at hand passes on when it makes others.
    static CONTEXT: RequestContext;
}

/// What one request tells the next.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub(crate) request_id: String,
    pub(crate) traceparent: Option<HeaderValue>,
}

/// The context of the request at hand; `None` in a background chore.
pub(crate) fn current_context() -> Option<RequestContext> {
    CONTEXT.try_with(Clone::clone).ok()
}

/// Id of the request at hand, or a new one in a background chore.
pub(crate) fn current_request_id() -> String {
    current_context().map_or_else(new_request_id, |context| context.request_id)
}

fn new_request_id() -> String {
    Uuid::now_v7().simple().to_string()
}

/// Observes a request from its first byte to its last.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    // Paths that are not of the contract would be a label of any length that a stranger chooses.
    let known = methods::required_role(&path).is_some();
    let method = if known { path } else { "other".to_owned() };
    let context = RequestContext {
        request_id: request_id(request.headers()),
        traceparent: request
            .headers()
            .get(TRACEPARENT)
            .filter(|value| value.len() <= 55)
            .cloned(),
    };
    let trace_id = context
        .traceparent
        .as_ref()
        .and_then(trace_id)
        .map(str::to_owned);
    let span = tracing::info_span!(
        "request",
        method,
        request_id = context.request_id,
        trace_id,
        caller = tracing::field::Empty,
        workspace = tracing::field::Empty,
    );
    let call = Call {
        method,
        started: Instant::now(),
        span: span.clone(),
        code: None,
    };
    metrics::gauge!("herdbook_requests_in_flight", "method" => call.method.clone()).increment(1);
    let request_id = context.request_id.clone();
    let response = CONTEXT
        .scope(context, next.run(request))
        .instrument(span)
        .await;

    let (mut parts, body) = response.into_parts();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        parts.headers.insert(REQUEST_ID, value);
    }
    let mut observed = Observed { body, call };
    // An error without a body stands in the headers.
    observed.call.note(&parts.headers);
    Response::from_parts(parts, Body::new(observed))
}

fn request_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let usable = given.filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_BYTES);
    usable.map_or_else(new_request_id, str::to_owned)
}

/// The trace id of `00-<trace id>-<span id>-<flags>`.
fn trace_id(traceparent: &HeaderValue) -> Option<&str> {
    traceparent
        .to_str()
        .ok()?
        .split('-')
        .nth(1)
        .filter(|id| id.len() == 32)
}

/// A call that goes on until its body ends or is dropped.
struct Call {
    method: String,
    started: Instant,
    span: tracing::Span,
    code: Option<i32>,
}

impl Call {
    fn note(&mut self, headers: &HeaderMap) {
        let code = headers
            .get("grpc-status")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        self.code = code.or(self.code);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self
            .code
            .map_or_else(|| "none".to_owned(), |code| code.to_string());
        let elapsed = self.started.elapsed();
        self.span
            .in_scope(|| tracing::debug!(code, ?elapsed, "request done"));
        let method = std::mem::take(&mut self.method);
        metrics::gauge!("herdbook_requests_in_flight", "method" => method.clone()).decrement(1);
        metrics::histogram!("herdbook_request_seconds", "method" => method.clone())
            .record(elapsed.as_secs_f64());
        metrics::counter!("herdbook_requests_total", "method" => method, "code" => code)
            .increment(1);
    }
}

/// A body whose trailers tell how the call ended.
struct Observed {
    body: Body,
    call: Call,
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(trailers) = frame
            .as_ref()
            .and_then(|frame| frame.as_ref().ok()?.trailers_ref())
        {
            let trailers = trailers.clone();
            self.call.note(&trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The process's metrics, collected from the first call on.
pub(crate) fn prometheus() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let name = Matcher::Full("herdbook_request_seconds".to_owned());
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(name, &BUCKETS)
                .ok()?;
            builder.install_recorder().ok()
        })
        .as_ref()
}

/// How often samples of histograms are folded, so that they do not pile up between two scrapes.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);
