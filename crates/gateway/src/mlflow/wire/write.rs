//! Answers.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use prost_types::Timestamp;
use serde::Serialize;

use crate::mlflow::error::{Answer, Error, ErrorCode};

/// `body` as JSON.
pub(in crate::mlflow) fn json(body: &impl Serialize) -> Answer<Response> {
    let text = serde_json::to_vec(body).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written as JSON");
        Error::new(
            ErrorCode::InternalError,
            "the answer cannot be written as JSON",
        )
    })?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], text).into_response())
}

/// The answer that says nothing.
pub(in crate::mlflow) fn empty() -> Answer<Response> {
    json(&serde_json::Map::new())
}

/// A time in milliseconds since 1970.
pub(in crate::mlflow) fn millis(time: Option<&Timestamp>) -> Option<i64> {
    time.map(|time| time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000)
}
