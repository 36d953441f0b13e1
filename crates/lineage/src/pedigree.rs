//! A part of the graph by its keys: what proofs, exports and comparisons look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    columns::Links,
    edge::{Edge, EdgeType},
    facet::FacetKey,
    graph::Walk,
    kinds::{Kind, Sort},
    node::{Node, NodeId, NodeKey, kind},
};

/// What a walk found, whatever the store calls it.
#[derive(Debug, Default)]
pub(crate) struct Pedigree {
    /// Where the walk began.
    pub(crate) subjects: BTreeSet<NodeKey>,
    pub(crate) nodes: BTreeMap<NodeKey, Node>,
    pub(crate) edges: BTreeSet<Edge<NodeKey>>,
    /// Whether there is more than a bound let in.
    pub(crate) truncated: bool,
    /// What things of kinds are that are not built in, where these say so.
    pub(crate) sorts: BTreeMap<String, Sort>,
    /// Looked up only for those who ask for it.
    pub(crate) attached: Attached,
}

/// What belongs to nodes besides their own facts.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    pub(crate) columns: Links<NodeKey>,
    pub(crate) facets: BTreeMap<NodeKey, Vec<AttachedFacet>>,
}

/// A facet with its document.
#[derive(Debug)]
pub(crate) struct AttachedFacet {
    pub(crate) key: FacetKey,
    pub(crate) revision: i64,
    pub(crate) document: String,
}

impl Pedigree {
    /// What `walk` found of `nodes`, and the edges between them.
    pub(crate) fn of(walk: &Walk, nodes: &HashMap<NodeId, Node>) -> Self {
        let key = |id: &NodeId| Some(nodes.get(id)?.key.clone());
        let edges = walk.edges().iter().filter_map(|edge| {
            Some(Edge {
                source: key(&edge.source)?,
                target: key(&edge.target)?,
                edge_type: edge.edge_type,
                label: edge.label.clone(),
            })
        });
        let starts = walk.nodes().iter();
        Self {
            subjects: starts
                .filter(|id| walk.depth_of(**id) == Some(0))
                .filter_map(key)
                .collect(),
            nodes: nodes
                .values()
                .map(|node| (node.key.clone(), node.clone()))
                .collect(),
            edges: edges.collect(),
            truncated: walk.truncated(),
            attached: Attached::default(),
            sorts: BTreeMap::new(),
        }
    }

    /// With what the workspace says of kinds.
    pub(crate) fn with_kinds(self, kinds: BTreeMap<String, Kind>) -> Self {
        let told = kinds.into_values().filter(|kind| kind.sort != Sort::Told);
        Self {
            sorts: told.map(|kind| (kind.name, kind.sort)).collect(),
            ..self
        }
    }

    fn sort(&self, name: &str) -> Sort {
        match self.sorts.get(name) {
            Some(sort) => *sort,
            None if kind::is_activity(name) => Sort::Activity,
            None if kind::is_entity(name) => Sort::Entity,
            None => Sort::Told,
        }
    }

    /// Those nodes that happened rather than were: what the others used and generated. Of kinds that
    /// do not say the edges tell.
    pub(crate) fn activities(&self) -> BTreeSet<&NodeKey> {
        let is = |key: &&NodeKey, sort| self.sort(&key.kind) == sort;
        let by_kind = self.nodes.keys().filter(|key| is(key, Sort::Activity));
        let by_edge = self.edges.iter().filter_map(|edge| match edge.edge_type {
            EdgeType::Used => Some(&edge.target),
            EdgeType::Generated => Some(&edge.source),
            EdgeType::DerivedFrom | EdgeType::PartOf => None,
        });
        by_kind
            .chain(by_edge.filter(|key| is(key, Sort::Told)))
            .collect()
    }

    /// Those nodes that are answerable for others.
    pub(crate) fn agents(&self) -> BTreeSet<&NodeKey> {
        let nodes = self.nodes.keys();
        nodes
            .filter(|key| self.sort(&key.kind) == Sort::Agent)
            .collect()
    }
}
