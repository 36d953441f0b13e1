//! Answers.

use std::collections::BTreeMap;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use prost_types::Timestamp;
use serde::{Serialize, Serializer};

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

/// Milliseconds since 1970 as a time.
pub(in crate::mlflow) fn from_millis(millis: i64) -> Timestamp {
    Timestamp {
        seconds: millis.div_euclid(1_000),
        // Below a milliard, so that it fits.
        nanos: i32::try_from(millis.rem_euclid(1_000) * 1_000_000).unwrap_or_default(),
    }
}

/// A number as protobuf writes it: what JSON has no number for is a text.
#[derive(Debug, Clone, Copy)]
pub(in crate::mlflow) struct Number(pub(in crate::mlflow) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => writer.serialize_f64(number),
            number if number.is_nan() => writer.serialize_str("NaN"),
            number if number > 0.0 => writer.serialize_str("Infinity"),
            _ => writer.serialize_str("-Infinity"),
        }
    }
}

/// Pairs as a list of `{"key", "value"}`, by key.
#[derive(Debug, Clone, Copy)]
pub(in crate::mlflow) struct Pairs<'a>(pub(in crate::mlflow) &'a BTreeMap<String, String>);

#[derive(Serialize)]
struct Pair<'a> {
    key: &'a str,
    value: &'a str,
}

impl Pairs<'_> {
    pub(in crate::mlflow) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.collect_seq(self.0.iter().map(|(key, value)| Pair { key, value }))
    }
}
