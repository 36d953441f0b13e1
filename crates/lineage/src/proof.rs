//! Whether something descends from what it must not, decided on its closed set of ancestors.
//!
//! Clean means: no suspect is among the ancestors, and nothing is unknown. Unknown is
//! - a node that is only the end of an edge: nobody has recorded the thing itself;
//! - a run of which no data set is known that it read. A run that is there only as the parent of
//!   another (a sweep) made nothing itself, and needs none;
//! - a model version of which neither the run that generated it nor a version it was derived from is
//!   known.
//!
//! Data sets, code and environments are origins by their nature: where nothing is recorded before
//! them, they came from outside.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::{
    edge::{Edge, EdgeType},
    node::{Node, NodeKey, kind},
};

/// What a proof came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Clean,
    Tainted,
    Incomplete,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Clean => "CLEAN",
            Self::Tainted => "TAINTED",
            Self::Incomplete => "INCOMPLETE",
        }
    }
}

/// The question: whose descent, and from what it must not be, as asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) subject: &'a NodeKey,
    pub(crate) suspects: &'a [String],
    pub(crate) suspect_tags: &'a [String],
}

/// Decides, given whether any suspect was found and what is unknown.
pub(crate) fn verdict(tainted: bool, unknowns: &[(NodeKey, &'static str)]) -> Verdict {
    match (tainted, unknowns.is_empty()) {
        (true, _) => Verdict::Tainted,
        (false, true) => Verdict::Clean,
        (false, false) => Verdict::Incomplete,
    }
}

/// What is not known about the descent of `nodes`, by key.
pub(crate) fn unknowns(
    nodes: &BTreeMap<NodeKey, Node>,
    edges: &BTreeSet<Edge<NodeKey>>,
) -> Vec<(NodeKey, &'static str)> {
    let mut incoming: BTreeMap<&NodeKey, Vec<&Edge<NodeKey>>> = BTreeMap::new();
    let mut made_something: BTreeSet<&NodeKey> = BTreeSet::new();
    for edge in edges {
        incoming.entry(&edge.target).or_default().push(edge);
        if edge.edge_type != EdgeType::PartOf {
            made_something.insert(&edge.source);
        }
    }
    let has = |key: &NodeKey, holds: &dyn Fn(&Edge<NodeKey>) -> bool| {
        incoming
            .get(key)
            .is_some_and(|edges| edges.iter().any(|edge| holds(edge)))
    };
    let missing = |node: &Node| {
        let key = &node.key;
        if node.bare {
            return Some("it was never recorded itself");
        }
        match key.kind.as_str() {
            kind::RUN if made_something.contains(key) => {
                let read = |edge: &Edge<NodeKey>| {
                    edge.edge_type == EdgeType::Used && edge.source.kind == kind::DATASET
                };
                (!has(key, &read)).then_some("no data set that it read is recorded")
            }
            kind::MODEL_VERSION => {
                let made = |edge: &Edge<NodeKey>| {
                    matches!(edge.edge_type, EdgeType::Generated | EdgeType::DerivedFrom)
                };
                (!has(key, &made)).then_some("no run or version that it came from is recorded")
            }
            _ => None,
        }
    };
    nodes
        .values()
        .filter_map(|node| Some((node.key.clone(), missing(node)?)))
        .collect()
}

/// SHA-256 of the canonical text of a proof: JSON arrays, one a line, keys and edges in order. First
/// the question, then a line `["node", kind, name, version, bare, tags]` each, then
/// `["edge", source, target, type, label]` each, then the verdict.
pub(crate) fn digest(
    question: &Question<'_>,
    nodes: &BTreeMap<NodeKey, Node>,
    edges: &BTreeSet<Edge<NodeKey>>,
    verdict: Verdict,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut line = |value: serde_json::Value| {
        hash.update(value.to_string().as_bytes());
        hash.update(b"\n");
    };
    let key = |key: &NodeKey| serde_json::json!([key.kind, key.name, key.version]);
    line(serde_json::json!([
        "question",
        key(question.subject),
        sorted(question.suspects),
        sorted(question.suspect_tags)
    ]));
    for node in nodes.values() {
        let tags: Vec<_> = node.facts.tags.iter().collect();
        line(serde_json::json!(["node", key(&node.key), node.bare, tags]));
    }
    for edge in edges {
        let (source, target) = (key(&edge.source), key(&edge.target));
        line(serde_json::json!([
            "edge",
            source,
            target,
            edge.edge_type.name(),
            edge.label
        ]));
    }
    line(serde_json::json!(["verdict", verdict.name()]));
    hash.finalize().into()
}

fn sorted(texts: &[String]) -> BTreeSet<&String> {
    texts.iter().collect()
}
