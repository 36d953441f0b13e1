//! Which nodes of a graph are shown.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::node::Node;

/// What a node must be to be shown; every empty part lets all pass.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) kinds: Vec<String>,
    /// It must have all of these.
    pub(crate) with_tags: BTreeSet<String>,
    /// It must have none of these.
    pub(crate) without_tags: BTreeSet<String>,
    /// First recorded then or later.
    pub(crate) since: Option<DateTime<Utc>>,
    /// First recorded before.
    pub(crate) before: Option<DateTime<Utc>>,
}

impl Shown {
    pub(crate) fn shows(&self, node: &Node) -> bool {
        let tags = &node.facts.tags;
        (self.kinds.is_empty() || self.kinds.contains(&node.key.kind))
            && self.with_tags.is_subset(tags)
            && self.without_tags.is_disjoint(tags)
            && self.since.is_none_or(|since| node.recorded_at >= since)
            && self.before.is_none_or(|before| node.recorded_at < before)
    }
}
