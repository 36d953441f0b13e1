//! Columns: how those of one data set came from those of another, and the walk along them.
//!
//! A link whose target field is empty reaches every column of the target, such as a filter does; one
//! whose source field is empty leaves from the data set as a whole. So a walk that stands at a column
//! also takes the links of the whole, and one that stands at the whole takes those of every column.

use std::collections::{BTreeMap, HashMap};

use crate::node::{NodeId, NodeKey};

/// Links of one request at most: a table of a thousand columns, each made of a hundred.
pub(crate) const LINKS: usize = 100_000;
/// Bytes in the name of a column: nested ones have long paths.
pub(crate) const FIELD_BYTES: usize = 900;
/// Bytes in the type and the subtype of a transformation.
pub(crate) const TYPE_BYTES: usize = 64;
/// Bytes in the description of a transformation.
pub(crate) const DESCRIPTION_BYTES: usize = 64 * 1024;

/// How a column came from a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) source_field: String,
    pub(crate) target_field: String,
    pub(crate) transformation: String,
    pub(crate) subtype: String,
    pub(crate) masking: bool,
}

/// Links by their source and target, with what describes each.
pub(crate) type Links<N> = BTreeMap<(N, N), BTreeMap<Link, String>>;

/// Adds a link; of two descriptions the greater stays, whichever came first.
pub(crate) fn connect<N: Ord>(links: &mut Links<N>, ends: (N, N), link: Link, description: String) {
    let known = links.entry(ends).or_default().entry(link).or_default();
    if description > *known {
        *known = description;
    }
}

/// Links of a batch, by the keys of their ends.
pub(crate) type BatchLinks = Links<NodeKey>;

/// A column; a node as a whole where the field is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Column {
    pub(crate) node: NodeId,
    pub(crate) field: String,
}

/// A breadth-first walk along columns, a level at a time: whoever has the links hands them in.
#[derive(Debug)]
pub(crate) struct ColumnWalk {
    limit: usize,
    depth: u32,
    frontier: Vec<Column>,
    /// Distance of each column, and the one it was found from.
    found: HashMap<Column, (u32, Option<Column>)>,
    order: Vec<Column>,
    truncated: bool,
}

impl ColumnWalk {
    /// A walk from `starts` that finds at most `limit` columns besides them.
    pub(crate) fn new(starts: Vec<Column>, limit: usize) -> Self {
        Self {
            limit: limit.saturating_add(starts.len()),
            depth: 0,
            found: starts
                .iter()
                .map(|start| (start.clone(), (0, None)))
                .collect(),
            order: starts.clone(),
            frontier: starts,
            truncated: false,
        }
    }

    /// The columns whose links come next; empty at the end.
    pub(crate) fn frontier(&self) -> &[Column] {
        &self.frontier
    }

    /// Links walked so far.
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// Takes in what the frontier reaches: pairs of a column of the frontier and the next.
    pub(crate) fn advance(&mut self, steps: impl IntoIterator<Item = (Column, Column)>) {
        self.depth += 1;
        let mut next = Vec::new();
        for (from, to) in steps {
            if self.found.contains_key(&to) {
                continue;
            }
            if self.order.len() >= self.limit {
                self.truncated = true;
                continue;
            }
            self.found.insert(to.clone(), (self.depth, Some(from)));
            self.order.push(to.clone());
            next.push(to);
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

    /// Columns found with their distances, nearest first, the starts among them.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&Column, u32)> {
        let depth = |column| self.found.get(column).map(|(depth, _)| *depth);
        self.order
            .iter()
            .filter_map(move |column| Some((column, depth(column)?)))
    }

    /// A shortest way from a start to `column`.
    pub(crate) fn path(&self, column: &Column) -> Vec<&Column> {
        let mut path = Vec::new();
        let mut at = self.found.get_key_value(column);
        while let Some((column, (_, from))) = at {
            path.push(column);
            at = from
                .as_ref()
                .and_then(|from| self.found.get_key_value(from));
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(node: i64, field: &str) -> Column {
        Column {
            node: NodeId(node),
            field: field.to_owned(),
        }
    }

    #[test]
    fn a_walk_knows_the_shortest_way_and_ends_in_a_circle() {
        let mut walk = ColumnWalk::new(vec![column(1, "a")], 10);
        walk.advance([
            (column(1, "a"), column(2, "b")),
            (column(1, "a"), column(3, "c")),
        ]);
        walk.advance([
            (column(2, "b"), column(3, "c")),
            (column(3, "c"), column(1, "a")),
        ]);
        assert!(walk.frontier().is_empty() && !walk.truncated());
        assert_eq!(
            walk.path(&column(3, "c")),
            [&column(1, "a"), &column(3, "c")]
        );
    }

    #[test]
    fn the_limit_cuts_a_walk_short() {
        let mut walk = ColumnWalk::new(vec![column(1, "a")], 1);
        walk.advance([
            (column(1, "a"), column(2, "b")),
            (column(1, "a"), column(2, "c")),
        ]);
        assert!(walk.truncated());
        assert_eq!(walk.columns().count(), 2);
    }

    #[test]
    fn of_two_descriptions_the_greater_stays_in_any_order() {
        let link = || Link {
            source_field: "a".to_owned(),
            target_field: "b".to_owned(),
            transformation: "DIRECT".to_owned(),
            subtype: String::new(),
            masking: false,
        };
        let told = |descriptions: [&str; 2]| {
            let mut links = Links::default();
            for description in descriptions {
                connect(&mut links, (1, 2), link(), description.to_owned());
            }
            links
        };
        assert_eq!(told(["sum", "total"]), told(["total", "sum"]));
    }
}
