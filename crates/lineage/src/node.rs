//! Nodes: the things that have a pedigree.

use std::fmt;

use chrono::{DateTime, Utc};
use herdbook_core::NameError;

use crate::facts::Facts;

/// Characters in a kind.
pub(crate) const KIND_CHARS: usize = 64;
/// Bytes in a name: enough for any name of 255 characters and for the addresses of repositories.
pub(crate) const NAME_BYTES: usize = 1_024;
/// Characters of a part of a key that messages show: errors travel in HTTP headers.
const SHOWN_CHARS: usize = 80;

/// Kinds that have a meaning of their own in the questions.
pub(crate) mod kind {
    /// Data, by digest.
    pub(crate) const DATASET: &str = "dataset";
    /// A run of an experiment.
    pub(crate) const RUN: &str = "run";
    /// A registered version of a model.
    pub(crate) const MODEL_VERSION: &str = "model_version";
    /// A commit of a repository.
    pub(crate) const CODE: &str = "code";
    /// What a run ran in, by digest.
    pub(crate) const ENVIRONMENT: &str = "environment";
    /// A model as a run made it, before anybody registered it.
    pub(crate) const LOGGED_MODEL: &str = "logged_model";
    /// Features made of data.
    pub(crate) const FEATURE_SET: &str = "feature_set";
    /// A file that a run left.
    pub(crate) const ARTIFACT: &str = "artifact";
    /// A job that others schedule.
    pub(crate) const PIPELINE: &str = "pipeline";
    /// A version that serves somewhere.
    pub(crate) const DEPLOYMENT: &str = "deployment";

    /// Whether things of this kind happen (an activity in W3C PROV).
    pub(crate) fn is_activity(kind: &str) -> bool {
        matches!(kind, RUN | PIPELINE | DEPLOYMENT)
    }

    /// Whether things of this kind are (an entity in W3C PROV).
    pub(crate) fn is_entity(kind: &str) -> bool {
        matches!(
            kind,
            DATASET | MODEL_VERSION | CODE | ENVIRONMENT | FEATURE_SET | ARTIFACT | LOGGED_MODEL
        )
    }
}

/// What the store calls a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) i64);

/// What names a node in its workspace. Displays as the reference that means it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeKey {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) version: String,
}

impl NodeKey {
    /// The reference with its long parts cut short, for messages.
    pub(crate) fn brief(&self) -> String {
        let brief = Self {
            kind: self.kind.clone(),
            name: abbreviate(&self.name),
            version: abbreviate(&self.version),
        };
        brief.to_string()
    }
}

impl Node {
    /// The value of an attribute, if it has one that is not empty.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let attribute = self.facts.attributes.get(name)?;
        Some(attribute.value.as_str()).filter(|value| !value.is_empty())
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)?;
        if !self.version.is_empty() {
            write!(f, "@{}", self.version)?;
        }
        Ok(())
    }
}

/// The text, or its beginning if it is too long for a message.
pub(crate) fn abbreviate(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A node as it is recorded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) key: NodeKey,
    pub(crate) facts: Facts,
    /// Known only as the end of an edge: nobody has recorded the node itself.
    pub(crate) bare: bool,
    pub(crate) recorded_at: DateTime<Utc>,
}

/// A kind that is not written as kinds are.
#[derive(Debug, thiserror::Error)]
#[error("must be 1 to {KIND_CHARS} lower-case letters, digits or '_', such as dataset")]
pub(crate) struct InvalidKind;

/// Checks a kind.
pub(crate) fn check_kind(kind: &str) -> Result<(), InvalidKind> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=KIND_CHARS).contains(&kind.len()) && kind.bytes().all(allowed) {
        Ok(())
    } else {
        Err(InvalidKind)
    }
}

/// Checks the name of a node: one line, up to [`NAME_BYTES`].
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    match herdbook_core::check_name(name) {
        Err(NameError::TooLong { .. }) if name.len() <= NAME_BYTES => Ok(()),
        Err(NameError::TooLong { .. }) => Err(NameError::TooLarge {
            bytes: name.len(),
            limit: NAME_BYTES,
        }),
        checked => checked,
    }
}

/// Checks the version of a node: empty, or one line.
pub(crate) fn check_version(version: &str) -> Result<(), NameError> {
    if version.is_empty() {
        Ok(())
    } else {
        herdbook_core::check_name(version)
    }
}
