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

use herdbook_core::Digest;
use serde_json::json;
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
    /// Its name in canonical texts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clean => "CLEAN",
            Self::Tainted => "TAINTED",
            Self::Incomplete => "INCOMPLETE",
        }
    }
}

/// The question: whose descent, and what it must not be from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) subject: NodeKey,
    pub(crate) suspects: BTreeSet<Suspect>,
    /// Tags that none of the descent may have.
    pub(crate) tags: BTreeSet<String>,
}

/// What is suspected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Suspect {
    /// Every version of a name.
    Named {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// One node.
    Node(NodeKey),
}

/// A closed set of ancestors, and what it says about a question.
#[derive(Debug, PartialEq)]
pub(crate) struct Proof {
    pub(crate) question: Question,
    pub(crate) nodes: BTreeMap<NodeKey, Node>,
    pub(crate) edges: BTreeSet<Edge<NodeKey>>,
    /// The suspects among the nodes.
    pub(crate) found: BTreeSet<NodeKey>,
    pub(crate) unknowns: Vec<(NodeKey, &'static str)>,
    pub(crate) verdict: Verdict,
}

impl Proof {
    /// Decides `question`, given all that its subject came from.
    pub(crate) fn decide(
        question: Question,
        nodes: BTreeMap<NodeKey, Node>,
        edges: BTreeSet<Edge<NodeKey>>,
    ) -> Self {
        let suspects = nodes.values().filter(|node| question.suspects_node(node));
        let found: BTreeSet<_> = suspects.map(|node| node.key.clone()).collect();
        let unknowns = unknowns(&nodes, &edges);
        let verdict = match (found.is_empty(), unknowns.is_empty()) {
            (false, _) => Verdict::Tainted,
            (true, true) => Verdict::Clean,
            (true, false) => Verdict::Incomplete,
        };
        Self {
            question,
            nodes,
            edges,
            found,
            unknowns,
            verdict,
        }
    }

    /// The canonical text, without line ends: JSON arrays, keys and edges in order. First the question,
    /// `["question", key, suspects, tags]` with a key as `[kind, name, version]` and a suspect of any version
    /// as `[kind, name]`; then `["node", key, bare, tags]` each, `["edge", source, target, type, label]` each,
    /// and `["verdict", name]`.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let key = |key: &NodeKey| json!([key.kind, key.name, key.version]);
        let Question {
            subject,
            suspects,
            tags,
        } = &self.question;
        let suspects = suspects.iter().map(|suspect| match suspect {
            Suspect::Named { kind, name } => json!([kind, name]),
            Suspect::Node(node) => key(node),
        });
        let suspects: Vec<_> = suspects.collect();
        let question = json!(["question", key(subject), suspects, tags]);
        let node = move |node: &Node| json!(["node", key(&node.key), node.bare, node.facts.tags]);
        let edge = move |edge: &Edge<NodeKey>| {
            let (source, target) = (key(&edge.source), key(&edge.target));
            json!(["edge", source, target, edge.edge_type.name(), edge.label])
        };
        std::iter::once(question)
            .chain(self.nodes.values().map(node))
            .chain(self.edges.iter().map(edge))
            .chain([json!(["verdict", self.verdict.name()])])
            .map(|line| line.to_string())
    }

    /// SHA-256 of the lines, each with its line end.
    pub(crate) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for line in self.lines() {
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
        Digest(hash.finalize().into())
    }
}

impl Question {
    fn suspects_node(&self, node: &Node) -> bool {
        let NodeKey { kind, name, .. } = node.key.clone();
        self.suspects.contains(&Suspect::Named { kind, name })
            || self.suspects.contains(&Suspect::Node(node.key.clone()))
            || !self.tags.is_disjoint(&node.facts.tags)
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
