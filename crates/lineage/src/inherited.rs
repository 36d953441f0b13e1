//! Tags that a thing has by what it came from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{graph::Walk, node::NodeId};

/// Who has a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carriers {
    /// The nearest.
    pub(crate) nearest: NodeId,
    /// Its distance.
    pub(crate) depth: u32,
    /// How many there are.
    pub(crate) count: u32,
}

/// The tags of all that `walk` found, where `tags` has those of each node.
pub(crate) fn tags(
    walk: &Walk,
    tags: &HashMap<NodeId, BTreeSet<String>>,
) -> BTreeMap<String, Carriers> {
    let mut found: BTreeMap<String, Carriers> = BTreeMap::new();
    // The nearest come first.
    for id in walk.nodes() {
        for tag in tags.get(id).into_iter().flatten() {
            let carriers = found.entry(tag.clone()).or_insert(Carriers {
                nearest: *id,
                depth: walk.depth_of(*id).unwrap_or_default(),
                count: 0,
            });
            carriers.count += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        edge::{Edge, EdgeType},
        graph::Direction,
    };

    #[test]
    fn the_nearest_carrier_is_named_and_all_are_counted() {
        let [model, run, data, source] = [1, 2, 3, 4].map(NodeId);
        let edge = |source, target| Edge {
            source,
            target,
            edge_type: EdgeType::Used,
            label: String::new(),
        };
        let mut walk = Walk::new(Direction::Ancestors, &[model], 10);
        walk.advance(vec![edge(run, model)]);
        walk.advance(vec![edge(data, run)]);
        walk.advance(vec![edge(source, data)]);
        let tag = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        let found = tags(
            &walk,
            &HashMap::from([
                (source, tag(&["pii", "licence:MIT"])),
                (data, tag(&["pii"])),
                (model, tag(&["card"])),
            ]),
        );
        let of = |nearest, depth, count| Carriers {
            nearest,
            depth,
            count,
        };
        let expected = BTreeMap::from([
            ("card".to_owned(), of(model, 0, 1)),
            ("licence:MIT".to_owned(), of(source, 3, 1)),
            ("pii".to_owned(), of(data, 2, 2)),
        ]);
        assert_eq!(found, expected);
    }
}
