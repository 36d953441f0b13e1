//! What a walk through the graph found: nodes by distance, edges, and shortest paths.

use std::collections::HashMap;

use crate::{edge::Edge, node::NodeId};

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From what came to what it came from.
    Ancestors,
    /// From what was there to what came from it.
    Descendants,
}

impl Direction {
    /// The end of `edge` that is walked from, and the one that is walked to.
    pub(crate) fn ends(self, edge: &Edge<NodeId>) -> (NodeId, NodeId) {
        match self {
            Self::Ancestors => (edge.target, edge.source),
            Self::Descendants => (edge.source, edge.target),
        }
    }
}

/// A breadth-first walk, a level at a time: whoever has the edges hands them in.
#[derive(Debug)]
pub(crate) struct Walk {
    direction: Direction,
    limit: usize,
    depth: u32,
    /// Nodes of the last level, whose edges come next.
    frontier: Vec<NodeId>,
    /// Distance of each node found.
    depths: HashMap<NodeId, u32>,
    /// Nodes in the order in which they were found.
    order: Vec<NodeId>,
    edges: Vec<Edge<NodeId>>,
    /// The edge by which each node was found first.
    found_by: HashMap<NodeId, usize>,
    truncated: bool,
}

impl Walk {
    /// A walk from `starts` that finds at most `limit` nodes besides them.
    pub(crate) fn new(direction: Direction, starts: &[NodeId], limit: usize) -> Self {
        Self {
            direction,
            limit: limit.saturating_add(starts.len()),
            depth: 0,
            frontier: starts.to_vec(),
            depths: starts.iter().map(|start| (*start, 0)).collect(),
            order: starts.to_vec(),
            edges: Vec::new(),
            found_by: HashMap::new(),
            truncated: false,
        }
    }

    /// The nodes whose edges (into them for ancestors, out of them for descendants) come next; empty
    /// at the end.
    pub(crate) fn frontier(&self) -> &[NodeId] {
        &self.frontier
    }

    /// Edges walked so far.
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// Takes in all edges of the frontier.
    pub(crate) fn advance(&mut self, edges: Vec<Edge<NodeId>>) {
        self.depth += 1;
        let mut next = Vec::new();
        for edge in edges {
            let (_, to) = self.direction.ends(&edge);
            if !self.depths.contains_key(&to) {
                if self.order.len() >= self.limit {
                    self.truncated = true;
                    continue;
                }
                self.depths.insert(to, self.depth);
                self.order.push(to);
                self.found_by.insert(to, self.edges.len());
                next.push(to);
            }
            self.edges.push(edge);
        }
        self.frontier = next;
    }

    /// Notes that there was more to be found.
    pub(crate) fn cut_short(&mut self) {
        self.truncated |= !self.frontier.is_empty();
    }

    pub(crate) fn truncated(&self) -> bool {
        self.truncated
    }

    /// Nodes found, nearest first, the starts among them.
    pub(crate) fn nodes(&self) -> &[NodeId] {
        &self.order
    }

    pub(crate) fn edges(&self) -> &[Edge<NodeId>] {
        &self.edges
    }

    /// Distance of a node; `None` if it was not found.
    pub(crate) fn depth_of(&self, node: NodeId) -> Option<u32> {
        self.depths.get(&node).copied()
    }

    /// The edges of a shortest path between a start and `node`, the one nearest the ancestor first.
    pub(crate) fn path(&self, node: NodeId) -> Vec<&Edge<NodeId>> {
        let mut path = Vec::new();
        let mut at = node;
        while let Some(edge) = self.found_by.get(&at).map(|index| &self.edges[*index]) {
            path.push(edge);
            at = self.direction.ends(edge).0;
        }
        if self.direction == Direction::Descendants {
            path.reverse();
        }
        path
    }
}
