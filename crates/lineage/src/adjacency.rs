//! The edges of a workspace in memory, both ways, as of any revision since they were laid out.
//!
//! Nodes are numbered by places. What was known when the graph was laid out stands in flat arrays
//! (compressed sparse rows): 16 bytes an edge for both directions, and some 40 a node. What came since
//! stands beside them with its revision, until there is so much that it is laid out anew.

use std::collections::HashMap;

use crate::{
    edge::{Edge, EdgeType},
    graph::Direction,
    node::NodeId,
};

/// Bytes of an edge in the arrays of both directions.
const EDGE_BYTES: usize = 2 * size_of::<Link>();
/// Bytes of a node: its id, its entry in the map of places with room to grow, and two offsets.
const NODE_BYTES: usize = 48;
/// Bytes of a type with a label, besides the text in two places.
const ROLE_BYTES: usize = 128;
/// Bytes of an edge beside the arrays, about.
const RECENT_BYTES: usize = 128;

/// A graph of which edges are only ever added.
#[derive(Debug)]
pub(crate) struct Adjacency {
    names: Names,
    down: Side,
    up: Side,
    /// Edges in the arrays, and beside them.
    settled: usize,
    recent: usize,
    /// Revisions of the arrays, and of all.
    laid_out: i64,
    revision: i64,
}

/// What is written as a number in the arrays.
#[derive(Debug, Clone, Default)]
struct Names {
    ids: Vec<NodeId>,
    places: HashMap<NodeId, u32>,
    roles: Vec<(EdgeType, String)>,
    role_numbers: HashMap<(EdgeType, String), u32>,
    /// Bytes that the roles take.
    role_bytes: usize,
}

/// The edges in one direction.
#[derive(Debug, Default)]
struct Side {
    /// Where the links of each place begin, and where those of the last end.
    starts: Vec<u32>,
    links: Vec<Link>,
    /// Links that came since, with their revisions, by place.
    recent: HashMap<u32, Vec<(Link, i64)>>,
}

/// The other end of an edge, and how it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link {
    node: u32,
    role: u32,
}

/// An edge by numbers.
#[derive(Debug, Clone, Copy)]
struct Triple {
    source: u32,
    target: u32,
    role: u32,
}

/// Edges that are about to be laid out.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    names: Names,
    triples: Vec<Triple>,
}

impl Layout {
    /// Adds an edge that was not added yet.
    pub(crate) fn add(&mut self, edge: Edge<NodeId>) {
        let triple = self.names.number(edge);
        self.triples.push(triple);
    }

    /// Bytes that the graph will take, about.
    pub(crate) fn bytes(&self) -> usize {
        Adjacency::bytes_of(self.triples.len()) + self.names.bytes()
    }

    /// The graph as it is at `revision`.
    pub(crate) fn finish(self, revision: i64) -> Adjacency {
        let places = self.names.ids.len();
        let down = |triple: &Triple| (triple.source, triple.target);
        let up = |triple: &Triple| (triple.target, triple.source);
        Adjacency {
            down: Side::of(places, &self.triples, down),
            up: Side::of(places, &self.triples, up),
            settled: self.triples.len(),
            recent: 0,
            names: self.names,
            laid_out: revision,
            revision,
        }
    }
}

impl Adjacency {
    /// Bytes that so many edges take at least.
    pub(crate) fn bytes_of(edges: usize) -> usize {
        edges.saturating_mul(EDGE_BYTES)
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        Self::bytes_of(self.settled) + self.names.bytes() + self.recent * RECENT_BYTES
    }

    /// Up to which revision it knows everything.
    pub(crate) fn revision(&self) -> i64 {
        self.revision
    }

    /// Whether it can tell what the graph was at `revision`.
    pub(crate) fn covers(&self, revision: i64) -> bool {
        (self.laid_out..=self.revision).contains(&revision)
    }

    /// Takes in all edges of the revisions after its own up to `revision`, each with its revision.
    pub(crate) fn extend(
        &mut self,
        edges: impl IntoIterator<Item = (Edge<NodeId>, i64)>,
        revision: i64,
    ) {
        for (edge, came) in edges {
            let triple = self.names.number(edge);
            if self.has(triple) {
                continue;
            }
            self.down
                .add(triple.source, triple.target, triple.role, came);
            self.up.add(triple.target, triple.source, triple.role, came);
            self.recent += 1;
        }
        self.revision = revision;
    }

    fn has(&self, triple: Triple) -> bool {
        let (below, above) = (self.down.count(triple.source), self.up.count(triple.target));
        let (side, from, to) = match below <= above {
            true => (&self.down, triple.source, triple.target),
            false => (&self.up, triple.target, triple.source),
        };
        let link = Link {
            node: to,
            role: triple.role,
        };
        side.links_of(from).any(|(known, _)| known == link)
    }

    /// Whether so much came since it was laid out that it should be laid out anew.
    pub(crate) fn is_untidy(&self) -> bool {
        /// As many do no harm.
        const FEW: usize = 50_000;
        self.recent > FEW.max(self.settled / 4)
    }

    /// The same graph, all of it in arrays.
    pub(crate) fn tidied(&self) -> Self {
        let mut triples = Vec::with_capacity(self.settled + self.recent);
        for (source, _) in (0_u32..).zip(&self.names.ids) {
            let links = self.down.links_of(source);
            triples.extend(links.map(|(link, _)| Triple {
                source,
                target: link.node,
                role: link.role,
            }));
        }
        let layout = Layout {
            names: self.names.clone(),
            triples,
        };
        layout.finish(self.revision)
    }

    /// The edges by which `direction` goes on from `nodes`, as they were at `revision`, in order.
    pub(crate) fn edges_of(
        &self,
        direction: Direction,
        nodes: &[NodeId],
        revision: i64,
    ) -> Vec<Edge<NodeId>> {
        let side = match direction {
            Direction::Ancestors => &self.up,
            Direction::Descendants => &self.down,
        };
        let mut edges = Vec::new();
        for from in nodes {
            let Some(place) = self.names.places.get(from) else {
                continue;
            };
            let links = side.links_of(*place);
            let links = links.filter(|(_, came)| *came <= revision);
            edges.extend(links.filter_map(|(link, _)| {
                let to = *self.names.ids.get(at(link.node))?;
                let (edge_type, label) = self.names.roles.get(at(link.role))?.clone();
                let (source, target) = match direction {
                    Direction::Ancestors => (to, *from),
                    Direction::Descendants => (*from, to),
                };
                Some(Edge {
                    source,
                    target,
                    edge_type,
                    label,
                })
            }));
        }
        edges.sort_unstable();
        edges
    }
}

impl Names {
    fn bytes(&self) -> usize {
        self.ids.len() * NODE_BYTES + self.role_bytes
    }

    /// The edge by numbers, new ones where it has something new.
    fn number(&mut self, edge: Edge<NodeId>) -> Triple {
        let source = self.place(edge.source);
        let target = self.place(edge.target);
        let role = (edge.edge_type, edge.label);
        let role = match self.role_numbers.get(&role) {
            Some(number) => *number,
            None => {
                let number = next(self.roles.len());
                self.role_bytes += ROLE_BYTES + 2 * role.1.len();
                self.roles.push(role.clone());
                self.role_numbers.insert(role, number);
                number
            }
        };
        Triple {
            source,
            target,
            role,
        }
    }

    fn place(&mut self, id: NodeId) -> u32 {
        *self.places.entry(id).or_insert_with(|| {
            let place = next(self.ids.len());
            self.ids.push(id);
            place
        })
    }
}

impl Side {
    /// The links from each of `places` places; `ends` says where an edge starts and ends this way.
    fn of(places: usize, triples: &[Triple], ends: impl Fn(&Triple) -> (u32, u32)) -> Self {
        let mut starts = vec![0_u32; places + 1];
        for triple in triples {
            starts[at(ends(triple).0) + 1] += 1;
        }
        for place in 0..places {
            starts[place + 1] += starts[place];
        }
        let mut free = starts.clone();
        let mut links = vec![Link { node: 0, role: 0 }; triples.len()];
        for triple in triples {
            let (from, node) = ends(triple);
            let free = &mut free[at(from)];
            links[at(*free)] = Link {
                node,
                role: triple.role,
            };
            *free += 1;
        }
        Self {
            starts,
            links,
            recent: HashMap::new(),
        }
    }

    fn add(&mut self, from: u32, node: u32, role: u32, came: i64) {
        let link = Link { node, role };
        self.recent.entry(from).or_default().push((link, came));
    }

    /// The links from `place`, with the revisions of those that came since; 0 for the others.
    fn links_of(&self, place: u32) -> impl Iterator<Item = (Link, i64)> {
        let recent = self.recent.get(&place).into_iter().flatten().copied();
        let settled = self.settled(place).iter().map(|link| (*link, 0));
        settled.chain(recent)
    }

    fn count(&self, place: u32) -> usize {
        self.settled(place).len() + self.recent.get(&place).map_or(0, Vec::len)
    }

    fn settled(&self, place: u32) -> &[Link] {
        let place = at(place);
        match self.starts.get(place..place + 2) {
            Some(&[start, end]) => &self.links[at(start)..at(end)],
            _ => &[],
        }
    }
}

fn at(number: u32) -> usize {
    number as usize
}

/// The next number after `count` others. Memory is bounded far below what would not fit.
fn next(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn edge((source, target, number): (i64, i64, i32)) -> Edge<NodeId> {
        Edge {
            source: NodeId(source),
            target: NodeId(source + target),
            edge_type: EdgeType::from_number(number % 4 + 1).unwrap(),
            label: ["", "training"][usize::try_from(number / 4).unwrap()].to_owned(),
        }
    }

    proptest! {
        #[test]
        fn the_graph_of_every_revision_is_the_one_that_was_added(
            batches in prop::collection::vec(
                prop::collection::vec((0_i64..12, 1_i64..6, 0_i32..8), 0..8), 1..12,
            ),
            first in 0_usize..12,
            tidy in prop::option::of(0_usize..12),
        ) {
            let batches: Vec<Vec<_>> =
                batches.into_iter().map(|batch| batch.into_iter().map(edge).collect()).collect();
            let first = first.min(batches.len());
            let mut layout = Layout::default();
            let settled: BTreeSet<_> = batches[..first].iter().flatten().cloned().collect();
            settled.into_iter().for_each(|edge| layout.add(edge));
            let mut graph = layout.finish(first as i64);
            for (number, batch) in batches.iter().enumerate().skip(first) {
                let came = number as i64 + 1;
                graph.extend(batch.iter().map(|edge| (edge.clone(), came)), came);
                if tidy == Some(number) {
                    graph = graph.tidied();
                }
            }
            prop_assert_eq!(graph.revision(), batches.len() as i64);
            for revision in (0..=batches.len()).filter(|at| graph.covers(*at as i64)) {
                let known: BTreeSet<_> = batches[..revision].iter().flatten().cloned().collect();
                for node in (0..18).map(NodeId) {
                    let below = known.iter().filter(|edge| edge.source == node).cloned();
                    let above = known.iter().filter(|edge| edge.target == node).cloned();
                    prop_assert_eq!(
                        graph.edges_of(Direction::Descendants, &[node], revision as i64),
                        below.collect::<Vec<_>>()
                    );
                    prop_assert_eq!(
                        graph.edges_of(Direction::Ancestors, &[node], revision as i64),
                        above.collect::<Vec<_>>()
                    );
                }
            }
        }
    }

    #[test]
    fn only_what_is_known_is_covered() {
        let mut graph = Layout::default().finish(5);
        graph.extend([(edge((1, 1, 0)), 6)], 7);
        let covered: Vec<_> = (0..10).filter(|revision| graph.covers(*revision)).collect();
        assert_eq!(covered, [5, 6, 7]);
        assert!(!graph.tidied().covers(6));
    }

    #[test]
    fn what_is_beside_the_arrays_is_laid_out_when_it_is_much() {
        let mut graph = Layout::default().finish(0);
        let some = |from: i64, to: i64| (from..to).map(|n| (edge((n, 1, 0)), 1));
        graph.extend(some(0, 50_000), 1);
        assert!(!graph.is_untidy());
        graph.extend(some(50_000, 50_001), 1);
        assert!(graph.is_untidy());
        let tidy = graph.tidied();
        assert!(!tidy.is_untidy() && tidy.bytes() < graph.bytes());
    }
}
