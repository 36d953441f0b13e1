//! References: how people write nodes.
//!
//! A reference is `kind:name` or `kind:name@version`. The kind ends at the first `:`; name and
//! version may contain `:` and `@` themselves (`code:git@github.com:org/repo`, versions such as
//! `sha256:…`). Which `@` is the separator is decided by what is recorded:
//!
//! 1. Split at the last `@`: if exactly that node exists, it is meant.
//! 2. Otherwise all the rest is a name, and every version of it is meant.
//!
//! So a node with a version is always reachable by its full key, whatever its name looks like.
//! A trailing `@` splits too: `kind:name@` means the node without a version.

use std::fmt;

use herdbook_core::NameError;

use crate::node::{InvalidKind, NodeKey, check_kind, check_name, check_version};

/// A text that cannot mean a node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidReference {
    /// No `:`.
    #[error("must be kind:name or kind:name@version, such as dataset:dataset_v2")]
    Form,
    /// The part before the first `:`.
    #[error("kind {0}")]
    Kind(#[from] InvalidKind),
    /// The part after it.
    #[error("name {0}")]
    Name(NameError),
}

/// A reference, read but not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// The kind.
    pub(crate) kind: String,
    /// All that follows it: a name, if [`Reference::exact`] does not exist.
    pub(crate) rest: String,
}

impl Reference {
    /// Reads `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidReference> {
        let (kind, rest) = text.split_once(':').ok_or(InvalidReference::Form)?;
        check_kind(kind)?;
        let reference = Self {
            kind: kind.to_owned(),
            rest: rest.to_owned(),
        };
        let (name, version) = match reference.split() {
            Some((name, version)) if check_name(rest).is_err() => (name, version),
            _ => (rest, ""),
        };
        check_name(name).map_err(InvalidReference::Name)?;
        check_version(version).map_err(InvalidReference::Name)?;
        Ok(reference)
    }

    /// The one node it means if that exists: name and version split at the last `@`.
    pub(crate) fn exact(&self) -> Option<NodeKey> {
        self.split().map(|(name, version)| NodeKey {
            kind: self.kind.clone(),
            name: name.to_owned(),
            version: version.to_owned(),
        })
    }

    /// The name without what looks like a version.
    pub(crate) fn name(&self) -> &str {
        self.split().map_or(self.rest.as_str(), |(name, _)| name)
    }

    fn split(&self) -> Option<(&str, &str)> {
        self.rest
            .rsplit_once('@')
            .filter(|(name, _)| !name.is_empty())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.rest)
    }
}

/// The names of `candidates` most like `name`, best first; those with nothing in common are left out.
pub(crate) fn nearest(reference: &Reference, mut candidates: Vec<NodeKey>) -> Vec<NodeKey> {
    /// A beginning shorter than this is chance.
    const COMMON: usize = 3;
    /// As many as one reads.
    const SHOWN: usize = 5;
    let name = reference.name();
    let rank = |key: &NodeKey| {
        let common = key
            .name
            .bytes()
            .zip(name.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let same = key.name == name;
        (!same, key.kind != reference.kind, usize::MAX - common)
    };
    candidates.retain(|key| {
        let (different, _, rest) = rank(key);
        !different || usize::MAX - rest >= COMMON
    });
    candidates.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    candidates.dedup();
    candidates.truncate(SHOWN);
    candidates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(kind: &str, name: &str, version: &str) -> NodeKey {
        NodeKey {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    #[test]
    fn the_kind_ends_at_the_first_colon_and_the_version_starts_at_the_last_at() {
        let reference = Reference::parse("code:git@github.com:org/repo@4f2a").unwrap();
        assert_eq!(
            reference.exact(),
            Some(key("code", "git@github.com:org/repo", "4f2a"))
        );
        let digest = Reference::parse("dataset:loans@sha256:00ff").unwrap();
        assert_eq!(digest.exact(), Some(key("dataset", "loans", "sha256:00ff")));
        assert_eq!(Reference::parse("dataset:loans").unwrap().exact(), None);
    }

    #[test]
    fn a_trailing_at_means_no_version() {
        let reference = Reference::parse("dataset:loans@").unwrap();
        assert_eq!(reference.exact(), Some(key("dataset", "loans", "")));
    }

    #[test]
    fn what_cannot_be_a_node_is_refused_with_the_part_named() {
        let refused = |text: &str| Reference::parse(text).unwrap_err().to_string();
        assert!(refused("loans").starts_with("must be kind:name"));
        assert!(refused("").starts_with("must be kind:name"));
        assert!(refused("Data set:loans").starts_with("kind must be"));
        assert_eq!(refused("dataset:"), "name must not be empty");
        assert!(refused("dataset:a\nb").starts_with("name has the control character U+000A"));
    }

    #[test]
    fn nearest_prefers_the_same_name_then_the_longest_beginning() {
        let reference = Reference::parse("dataset:loans_v3").unwrap();
        let near = nearest(
            &reference,
            vec![
                key("dataset", "loans_v1", ""),
                key("dataset", "zebra", ""),
                key("feature_set", "loans_v3", "1"),
                key("dataset", "loan", ""),
            ],
        );
        assert_eq!(
            near,
            [
                key("feature_set", "loans_v3", "1"),
                key("dataset", "loans_v1", ""),
                key("dataset", "loan", "")
            ]
        );
    }

    proptest! {
        #[test]
        fn every_key_is_meant_by_its_own_text(
            kind in "[a-z0-9_]{1,8}", name in "[a-z:@/é\"]{1,12}", version in "[0-9a-f:@]{1,8}",
        ) {
            let at_in_version = version.contains('@');
            let written = key(&kind, &name, &version);
            let reference = Reference::parse(&written.to_string()).unwrap();
            if !at_in_version {
                prop_assert_eq!(reference.exact(), Some(written));
            }
        }
    }
}
