//! Typed values on steps.

mod check;
mod image;

use bytes::Bytes;
use herdbook_blobs::Blob;
use herdbook_proto::tracking::v1::{
    self as proto, Content, Histogram, Table, ValueType, value::Kind,
};
use prost::Message as _;
use serde_json::json;

pub(crate) use check::check;
pub(crate) use image::{HEAD, describe};

/// A text or table of at most this many bytes stands in its row.
const INLINE_BYTES: usize = 8 * 1024;

/// A value to be logged, as its request says.
#[derive(Debug, Clone)]
pub(crate) struct NewValue {
    pub(crate) key: String,
    pub(crate) step: i64,
    pub(crate) index: i16,
    pub(crate) time_us: i64,
    /// Without the bytes of `source`.
    pub(crate) kind: Kind,
    pub(crate) source: Option<Source>,
}

/// Where the bytes of a value come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The request.
    Bytes(Bytes),
    /// An artifact of the run, by its path.
    Artifact(String),
}

/// A value as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) key: String,
    pub(crate) step: i64,
    pub(crate) index: i16,
    pub(crate) time_us: i64,
    pub(crate) kind: Kind,
    /// The bytes, where they do not stand in the kind.
    pub(crate) blob: Option<Blob>,
}

impl Value {
    /// The kind as it is kept.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let value = proto::Value {
            kind: Some(self.kind.clone()),
            ..Default::default()
        };
        value.encode_to_vec()
    }

    /// Bytes that it takes, with those in its blob.
    pub(crate) fn bytes(&self) -> i64 {
        let blob = self.blob.map_or(0, |blob| blob.size);
        let encoded = self.encode().len();
        i64::try_from(encoded)
            .unwrap_or(i64::MAX)
            .saturating_add_unsigned(blob)
    }

    /// The bytes of a value that has no blob, as they are downloaded.
    pub(crate) fn inline_bytes(&self) -> Vec<u8> {
        match &self.kind {
            Kind::Histogram(Histogram { edges, counts }) => {
                json!({ "edges": edges, "counts": counts })
                    .to_string()
                    .into_bytes()
            }
            Kind::Text(text) => text.text.clone().into_bytes(),
            Kind::Table(table) => table_document(table).into_bytes(),
            Kind::Image(_) | Kind::Audio(_) | Kind::Video(_) | Kind::Document(_) => Vec::new(),
        }
    }
}

/// The type of a kind.
pub(crate) fn type_of(kind: &Kind) -> ValueType {
    match kind {
        Kind::Histogram(_) => ValueType::Histogram,
        Kind::Text(_) => ValueType::Text,
        Kind::Image(_) => ValueType::Image,
        Kind::Audio(_) => ValueType::Audio,
        Kind::Video(_) => ValueType::Video,
        Kind::Table(_) => ValueType::Table,
        Kind::Document(_) => ValueType::Document,
    }
}

/// What errors call a type.
pub(crate) fn type_name(value_type: ValueType) -> String {
    let name = value_type.as_str_name();
    name.trim_start_matches("VALUE_TYPE_").to_lowercase()
}

/// What a kind says of its bytes, if it has any of its own.
pub(crate) fn content(kind: &mut Kind) -> Option<&mut Content> {
    match kind {
        Kind::Histogram(_) => None,
        Kind::Text(text) => text.content.as_mut(),
        Kind::Image(image) => image.content.as_mut(),
        Kind::Audio(audio) => audio.content.as_mut(),
        Kind::Video(video) => video.content.as_mut(),
        Kind::Table(table) => table.content.as_mut(),
        Kind::Document(document) => document.content.as_mut(),
    }
}

/// A table as it is downloaded.
fn table_document(table: &Table) -> String {
    let rows = if table.rows.is_empty() {
        "[]"
    } else {
        &table.rows
    };
    format!("{{\"columns\":{},\"data\":{rows}}}", json!(table.columns))
}
