//! Facets: documents that producers attached to nodes, kept as they were written.

use std::collections::{BTreeMap, btree_map::Entry};

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;

use crate::node::{NodeId, NodeKey};

/// Facets of one request at most.
pub(crate) const FACETS: usize = 10_000;
/// Bytes in a document: a message has room for one with its names.
pub(crate) const DOCUMENT_BYTES: usize = 15 * 1024 * 1024;

/// Which facet of a node it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FacetKey {
    pub(crate) name: String,
    /// What it is about besides the node, such as `input`; may be empty.
    pub(crate) scope: String,
    /// Id of the run that told it; may be empty.
    pub(crate) run: String,
}

/// A document and the revision it was given at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) revision: i64,
    pub(crate) document: String,
}

/// Facets of a batch, each once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facets(pub(crate) BTreeMap<(NodeKey, FacetKey), Told>);

impl Facets {
    /// Adds a facet; of two the one with the higher revision stays, and of equals the last.
    pub(crate) fn tell(&mut self, node: NodeKey, facet: FacetKey, told: Told) {
        match self.0.entry((node, facet)) {
            Entry::Vacant(entry) => {
                entry.insert(told);
            }
            Entry::Occupied(mut entry) if entry.get().revision <= told.revision => {
                entry.insert(told);
            }
            Entry::Occupied(_) => {}
        }
    }
}

/// A facet as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Facet {
    pub(crate) node: NodeId,
    pub(crate) key: FacetKey,
    pub(crate) revision: i64,
    /// SHA-256 of its document.
    pub(crate) digest: Vec<u8>,
    pub(crate) recorded_at: DateTime<Utc>,
}

/// A text that is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidDocument {
    /// Over the limit.
    #[error("has {0} bytes; at most {DOCUMENT_BYTES} are allowed")]
    TooLarge(usize),
    /// Not JSON.
    #[error("must be one JSON value: {0}")]
    Json(#[from] serde_json::Error),
}

/// Checks a document, however deep it is.
pub(crate) fn check_document(document: &str) -> Result<(), InvalidDocument> {
    if document.len() > DOCUMENT_BYTES {
        return Err(InvalidDocument::TooLarge(document.len()));
    }
    serde_json::from_str::<IgnoredAny>(document)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_one_json_value_of_any_depth() {
        assert!(check_document("{\"a\":[1e400]}").is_ok());
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(check_document(&deep).is_ok());
        for wrong in ["", "{", "1 2", "{\"a\":\"\u{1}\"}"] {
            assert!(check_document(wrong).is_err(), "{wrong:?}");
        }
    }
}
