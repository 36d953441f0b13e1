//! What MLflow's server does and Herdbook does not: told as such, never a hang or a page of HTML.

use axum::response::Response;
use http::Method;

use super::{
    endpoint::{Base, Endpoint},
    error::{Error, ErrorCode},
};

/// Roots of what is not done, and what it is.
const ROOTS: [(&str, &str); 17] = [
    ("traces", "traces"),
    ("assessments", "assessments of traces"),
    ("sessions", "sessions of traces"),
    ("datasets", "evaluation data sets"),
    ("scorers", "scorers"),
    ("gateway", "the AI gateway"),
    ("gateway-proxy", "the AI gateway"),
    ("review-queues", "review queues"),
    ("label-schemas", "label schemas"),
    ("prompt-optimization", "prompt optimisation"),
    ("issues", "issues of traces"),
    ("mcp-servers", "MCP servers"),
    ("mcp", "MCP servers"),
    ("jobs", "jobs"),
    ("assistant", "the assistant"),
    ("users", "users of MLflow's own; see `herdbook tokens`"),
    (
        "permissions",
        "permissions of MLflow's own; see `herdbook workspaces`",
    ),
];

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for (root, what) in ROOTS {
        for method in METHODS {
            for path in [root.to_owned(), format!("{root}/{{*rest}}")] {
                endpoints.push(refusing(method.clone(), &path, what));
            }
        }
    }
    // Where exporters of OpenTelemetry send spans.
    endpoints.push(refusing(Method::POST, "v1/traces", "traces").at(Base::Root));
    endpoints
}

fn refusing(method: Method, path: &str, what: &'static str) -> Endpoint {
    // Whatever the body is, such as spans of OpenTelemetry.
    Endpoint::streamed(method, path, move |_, _| async move {
        Err::<Response, _>(error(&format!("Herdbook does not have {what}")))
    })
}

/// The refusal of what is not done, in a sentence.
pub(super) fn error(sentence: &str) -> Error {
    Error::new(ErrorCode::NotImplemented, sentence)
}

/// The refusal of a file that belongs to nothing.
pub(super) fn place() -> Error {
    error("Herdbook keeps files of runs and of logged models, and no others")
}
