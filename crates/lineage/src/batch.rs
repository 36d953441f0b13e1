//! A batch as it is recorded: each node and edge once, and no cycle.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    columns::{self, BatchLinks, Link},
    edge::Edge,
    facet::{FacetKey, Facets, Told},
    facts::Facts,
    moment::Held,
    node::NodeKey,
};

/// Nodes and edges of one `Record`, in an order that all batches share, so that two at once lock in
/// the same order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    /// What is told of each node; `None` for one that is but the end of an edge.
    pub(crate) nodes: BTreeMap<NodeKey, Option<Facts>>,
    pub(crate) edges: BTreeSet<Edge<NodeKey>>,
    /// When those held of which that is told.
    pub(crate) held: BTreeMap<Edge<NodeKey>, Held>,
    pub(crate) columns: BatchLinks,
    pub(crate) facets: Facets,
}

impl Batch {
    /// Adds what is told of a node.
    pub(crate) fn tell(&mut self, key: NodeKey, facts: Facts) {
        match self.nodes.entry(key).or_default() {
            Some(known) => known.merge(&facts),
            unknown => *unknown = Some(facts),
        }
    }

    /// Adds an edge, and its ends where they are not told of.
    pub(crate) fn connect(&mut self, edge: Edge<NodeKey>) {
        self.nodes.entry(edge.source.clone()).or_default();
        self.nodes.entry(edge.target.clone()).or_default();
        self.edges.insert(edge);
    }

    /// Adds a link between columns, and its ends where they are not told of.
    pub(crate) fn link(&mut self, ends: (NodeKey, NodeKey), link: Link, description: String) {
        self.nodes.entry(ends.0.clone()).or_default();
        self.nodes.entry(ends.1.clone()).or_default();
        columns::connect(&mut self.columns, ends, link, description);
    }

    /// Attaches a document to a node.
    pub(crate) fn attach(&mut self, node: NodeKey, facet: FacetKey, told: Told) {
        self.nodes.entry(node.clone()).or_default();
        self.facets.tell(node, facet, told);
    }

    /// Adds when an edge held.
    pub(crate) fn hold(&mut self, edge: Edge<NodeKey>, held: Held) {
        if held != Held::default() {
            self.held.entry(edge).or_default().merge(&held);
        }
    }

    /// The batch with other keys for those in `names`.
    pub(crate) fn renamed(self, names: &BTreeMap<NodeKey, NodeKey>) -> Self {
        let name = |key: NodeKey| names.get(&key).cloned().unwrap_or(key);
        let rename = |edge: Edge<NodeKey>| Edge {
            source: name(edge.source),
            target: name(edge.target),
            ..edge
        };
        let mut renamed = Self::default();
        for (key, facts) in self.nodes {
            match facts {
                Some(facts) => renamed.tell(name(key), facts),
                None => {
                    renamed.nodes.entry(name(key)).or_default();
                }
            }
        }
        renamed.edges = self.edges.into_iter().map(rename).collect();
        for (edge, held) in self.held {
            renamed.hold(rename(edge), held);
        }
        for ((source, target), links) in self.columns {
            let ends = (name(source), name(target));
            for (link, description) in links {
                columns::connect(&mut renamed.columns, ends.clone(), link, description);
            }
        }
        for ((node, facet), told) in self.facets.0 {
            renamed.facets.tell(name(node), facet, told);
        }
        renamed
    }
}

/// A cycle among `edges` (pairs of source and target), as the nodes along it; `None` if there is
/// none. Depth-first search with three colours (Cormen et al., "Introduction to Algorithms", 22.3),
/// without recursion.
pub(crate) fn find_cycle<N: Copy + Eq + std::hash::Hash + Ord>(
    edges: impl IntoIterator<Item = (N, N)>,
) -> Option<Vec<N>> {
    let mut next: BTreeMap<N, Vec<N>> = BTreeMap::new();
    for (source, target) in edges {
        next.entry(source).or_default().push(target);
    }
    /// Whether a node is on the path at hand, or done with.
    enum Colour {
        Path,
        Done,
    }
    let mut colours: HashMap<N, Colour> = HashMap::new();
    for start in next.keys() {
        if colours.contains_key(start) {
            continue;
        }
        colours.insert(*start, Colour::Path);
        let mut path = vec![(*start, 0)];
        while let Some((node, index)) = path.last_mut() {
            let target = next
                .get(node)
                .and_then(|targets| targets.get(*index))
                .copied();
            *index += 1;
            match target {
                None => {
                    colours.insert(*node, Colour::Done);
                    path.pop();
                }
                Some(target) => match colours.get(&target) {
                    Some(Colour::Done) => {}
                    Some(Colour::Path) => {
                        let cycle = path.iter().map(|(node, _)| *node);
                        return Some(cycle.skip_while(|node| *node != target).collect());
                    }
                    None => {
                        colours.insert(target, Colour::Path);
                        path.push((target, 0));
                    }
                },
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::find_cycle;

    #[test]
    fn a_cycle_is_shown_from_where_it_starts() {
        assert_eq!(
            find_cycle([(0, 1), (1, 2), (2, 3), (3, 1)]),
            Some(vec![1, 2, 3])
        );
        assert_eq!(find_cycle([(5, 5)]), Some(vec![5]));
    }

    #[test]
    fn a_deep_diamond_ladder_is_no_cycle_and_takes_no_time() {
        let ladder = (0..20_000).flat_map(|n| {
            let n = n * 3;
            [(n, n + 1), (n, n + 2), (n + 1, n + 3), (n + 2, n + 3)]
        });
        assert_eq!(find_cycle(ladder), None);
    }

    proptest! {
        #[test]
        fn upward_edges_have_no_cycle_and_one_back_edge_makes_one(
            edges in prop::collection::vec((0_u8..30, 1_u8..30), 1..80),
        ) {
            let upward: Vec<(u8, u8)> = edges.iter().map(|(a, gap)| (*a, a + gap)).collect();
            prop_assert_eq!(find_cycle(upward.iter().copied()), None);
            let (first, last) = upward[0];
            let closed = upward.iter().copied().chain([(last, first)]);
            let cycle = find_cycle(closed).unwrap();
            prop_assert!(cycle.contains(&first) && cycle.contains(&last));
        }
    }
}
