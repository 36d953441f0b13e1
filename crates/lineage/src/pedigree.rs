//! A part of the graph by its keys: what proofs, exports and comparisons look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    columns::Links,
    edge::{Edge, EdgeType},
    facet::FacetKey,
    graph::Walk,
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
        }
    }

    /// Those nodes that happened rather than were: what the others used and generated. Of kinds that
    /// have no meaning here the edges tell.
    pub(crate) fn activities(&self) -> BTreeSet<&NodeKey> {
        let by_kind = self.nodes.keys().filter(|key| kind::is_activity(&key.kind));
        let by_edge = self.edges.iter().filter_map(|edge| match edge.edge_type {
            EdgeType::Used => Some(&edge.target),
            EdgeType::Generated => Some(&edge.source),
            EdgeType::DerivedFrom | EdgeType::PartOf => None,
        });
        by_kind
            .chain(by_edge.filter(|key| !kind::is_entity(&key.kind)))
            .collect()
    }
}
