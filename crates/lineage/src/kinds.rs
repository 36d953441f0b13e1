//! Kinds of nodes: those that are built in, and those that a workspace defines.
//!
//! A node is of a kind that is known. A kind may ask for attributes, which a node must have once it is
//! recorded itself: the mere end of an edge is not asked. The built-in ones ask for nothing, so that what
//! records by itself is never refused.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use herdbook_core::Digest;
use herdbook_proto::{InvalidRequest, Violations};
use iri_string::types::IriStr;

use crate::{
    batch::Batch,
    edge::EdgeType,
    facts::Facts,
    node::{NodeKey, kind},
};

/// Kinds that an error names.
const SHOWN: usize = 5;

/// What things of a kind are in W3C PROV. The numbers are those of the contract and of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum Sort {
    /// As the edges of each tell.
    Told = 0,
    /// They are.
    Entity = 1,
    /// They happen.
    Activity = 2,
    /// They are answerable.
    Agent = 3,
}

impl Sort {
    /// The sort of this number.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Told),
            1 => Some(Self::Entity),
            2 => Some(Self::Activity),
            3 => Some(Self::Agent),
            _ => None,
        }
    }
}

/// What the value of an attribute must be. The numbers are those of the contract and of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum AttributeType {
    /// Anything but nothing.
    Text = 1,
    /// A finite number.
    Number = 2,
    /// A time as RFC 3339 has it.
    Timestamp = 3,
    /// An absolute address as RFC 3987 has it.
    Uri = 4,
    /// SHA-256, as `sha256:` and 64 digits.
    Digest = 5,
}

impl AttributeType {
    /// The type of this number.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Text),
            2 => Some(Self::Number),
            3 => Some(Self::Timestamp),
            4 => Some(Self::Uri),
            5 => Some(Self::Digest),
            _ => None,
        }
    }

    fn allows(self, value: &str) -> bool {
        match self {
            Self::Text => !value.trim().is_empty(),
            Self::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Timestamp => DateTime::parse_from_rfc3339(value).is_ok(),
            Self::Uri => IriStr::new(value).is_ok(),
            Self::Digest => value.parse::<Digest>().is_ok(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Timestamp => "a time such as 2026-01-31T12:00:00Z",
            Self::Uri => "an address such as s3://bucket/file",
            Self::Digest => "a digest such as sha256:… with 64 digits",
        }
    }
}

/// A kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) sort: Sort,
    /// Attributes that a node must have.
    pub(crate) attributes: BTreeMap<String, AttributeType>,
    /// Types of edges that may lead to such a node; all if empty.
    pub(crate) edges_in: BTreeSet<EdgeType>,
    /// Types of edges that may lead from such a node; all if empty.
    pub(crate) edges_out: BTreeSet<EdgeType>,
}

/// The built-in kinds, by name.
pub(crate) fn built_in() -> impl Iterator<Item = Kind> {
    [
        (kind::ARTIFACT, "A file that a run left"),
        (kind::CODE, "A commit of a repository"),
        (kind::DATASET, "Data, by digest"),
        (kind::DEPLOYMENT, "A version that serves somewhere"),
        (kind::ENVIRONMENT, "What a run ran in, by digest"),
        (kind::FEATURE_SET, "Features made of data"),
        (kind::LOGGED_MODEL, "A model as a run made it"),
        (kind::MODEL_VERSION, "A registered version of a model"),
        (kind::PIPELINE, "A job that others schedule"),
        (kind::RUN, "A run of an experiment"),
    ]
    .into_iter()
    .map(|(name, description)| Kind {
        name: name.to_owned(),
        description: description.to_owned(),
        sort: match kind::is_activity(name) {
            true => Sort::Activity,
            false => Sort::Entity,
        },
        attributes: BTreeMap::new(),
        edges_in: BTreeSet::new(),
        edges_out: BTreeSet::new(),
    })
}

/// Whether the kind of this name is built in.
pub(crate) fn is_built_in(name: &str) -> bool {
    kind::is_activity(name) || kind::is_entity(name)
}

/// The kinds of `batch` that are not built in, and so have to be looked up.
pub(crate) fn to_look_up(batch: &Batch) -> BTreeSet<&str> {
    let kinds = batch.nodes.keys().map(|key| key.kind.as_str());
    kinds.filter(|kind| !is_built_in(kind)).collect()
}

/// Checks that all kinds of `batch` are built in or among `defined`, and its edges of types that they take.
pub(crate) fn check_batch(
    batch: &Batch,
    defined: &BTreeMap<String, Kind>,
) -> Result<(), InvalidRequest> {
    let mut violations = Violations::default();
    for name in to_look_up(batch) {
        if !defined.contains_key(name) {
            let near = near(name, defined.keys()).join(", ");
            let what = format!(
                "{name} is no kind of this workspace; known are {near}, …; define it first"
            );
            violations.add("kind", what);
        }
    }
    for edge in &batch.edges {
        let takes =
            |types: &BTreeSet<EdgeType>| types.is_empty() || types.contains(&edge.edge_type);
        let of = |key: &NodeKey| defined.get(&key.kind);
        if of(&edge.source).is_some_and(|kind| !takes(&kind.edges_out)) {
            let (kind, name) = (&edge.source.kind, edge.edge_type.name());
            violations.add(
                "edges",
                format!("no edge of type {name} may lead from a {kind}"),
            );
        }
        if of(&edge.target).is_some_and(|kind| !takes(&kind.edges_in)) {
            let (kind, name) = (&edge.target.kind, edge.edge_type.name());
            violations.add(
                "edges",
                format!("no edge of type {name} may lead to a {kind}"),
            );
        }
    }
    violations.finish()
}

/// Checks that a node of this key has what its kind asks for.
pub(crate) fn check_facts(
    key: &NodeKey,
    facts: &Facts,
    defined: &BTreeMap<String, Kind>,
) -> Result<(), InvalidRequest> {
    let Some(kind) = defined.get(&key.kind) else {
        return Ok(());
    };
    let mut violations = Violations::default();
    for (name, required) in &kind.attributes {
        let value = facts.attributes.get(name).map(|a| a.value.as_str());
        if !value.is_some_and(|value| required.allows(value)) {
            let what = format!("{} must have {name}: {}", key.brief(), required.words());
            violations.add("nodes.attributes", what);
        }
    }
    violations.finish()
}

/// The kinds most like `name`, by how much of the beginning they share.
fn near<'a>(name: &str, defined: impl Iterator<Item = &'a String>) -> Vec<String> {
    let built_in = built_in().map(|kind| kind.name);
    let mut names: Vec<String> = built_in.chain(defined.cloned()).collect();
    let common = |other: &String| {
        other
            .bytes()
            .zip(name.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    names.sort_by_key(|other| std::cmp::Reverse(common(other)));
    names.truncate(SHOWN);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: &str, name: &str) -> NodeKey {
        NodeKey {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version: String::new(),
        }
    }

    fn defined() -> BTreeMap<String, Kind> {
        let kind = Kind {
            name: "notebook".to_owned(),
            description: String::new(),
            sort: Sort::Entity,
            attributes: [
                ("rows".to_owned(), AttributeType::Number),
                ("at".to_owned(), AttributeType::Uri),
            ]
            .into(),
            edges_in: BTreeSet::new(),
            edges_out: [EdgeType::Used].into(),
        };
        [(kind.name.clone(), kind)].into()
    }

    #[test]
    fn an_unknown_kind_is_told_what_it_may_have_meant() {
        let mut batch = Batch::default();
        batch.tell(key("datset", "a"), Facts::default());
        let error = check_batch(&batch, &defined()).unwrap_err().to_string();
        assert!(
            error.contains("datset is no kind of this workspace; known are dataset,"),
            "{error}"
        );
    }

    #[test]
    fn a_kind_takes_only_its_edges() {
        let mut batch = Batch::default();
        let edge = |edge_type| crate::edge::Edge {
            source: key("notebook", "n"),
            target: key("run", "r"),
            edge_type,
            label: String::new(),
        };
        batch.connect(edge(EdgeType::Used));
        assert!(check_batch(&batch, &defined()).is_ok());
        batch.connect(edge(EdgeType::PartOf));
        let error = check_batch(&batch, &defined()).unwrap_err().to_string();
        assert!(
            error.contains("no edge of type PART_OF may lead from a notebook"),
            "{error}"
        );
    }

    #[test]
    fn required_attributes_must_be_there_and_of_their_type() {
        let check = |attributes: &[(&str, &str)]| {
            let attributes = attributes
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            check_facts(
                &key("notebook", "n"),
                &Facts::given(attributes, [], 0),
                &defined(),
            )
        };
        assert!(check(&[("rows", "1e3"), ("at", "s3://bucket/n")]).is_ok());
        for wrong in [
            &[("rows", "1e3")][..],
            &[("rows", "many"), ("at", "s3://bucket/n")],
            &[("rows", "NaN"), ("at", "s3://bucket/n")],
            &[("rows", "3"), ("at", "not an address")],
        ] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn digests_and_times_are_what_they_are() {
        assert!(AttributeType::Digest.allows(&format!("sha256:{}", "0f".repeat(32))));
        assert!(!AttributeType::Digest.allows("sha256:0f"));
        assert!(AttributeType::Timestamp.allows("1960-01-31T12:00:00Z"));
        assert!(!AttributeType::Timestamp.allows("yesterday"));
        assert!(!AttributeType::Text.allows(" "));
    }
}
