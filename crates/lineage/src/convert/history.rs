//! What was known before, for the contract.

use herdbook_core::check_text;
use herdbook_proto::{Violations, lineage::v1 as proto, time::to_timestamp};

use crate::store::{FormerEdge, State};

/// Checks why something is taken back or merged.
pub(crate) fn reason(reason: &str, violations: &mut Violations) {
    if reason.trim().is_empty() {
        violations.add("reason", "is required: history says why for good");
    }
    violations.check("reason", check_text(reason));
}

pub(crate) fn to_state(state: State) -> proto::NodeState {
    proto::NodeState {
        node: Some(state.node.into()),
        known_from: Some(to_timestamp(state.known_from)),
        known_until: state.known_until.map(to_timestamp),
        ended_by: state.ended_by.unwrap_or_default(),
        reason: state.reason.unwrap_or_default(),
    }
}

pub(crate) fn to_former_edge(former: FormerEdge) -> proto::FormerEdge {
    proto::FormerEdge {
        edge: Some(proto::Edge {
            source: Some(former.edge.source.into()),
            target: Some(former.edge.target.into()),
            r#type: i32::from(former.edge.edge_type.number()),
            label: former.edge.label,
            held_from: former.held.from.map(to_timestamp),
            held_until: former.held.until.map(to_timestamp),
        }),
        known_from: Some(to_timestamp(former.known_from)),
        known_until: Some(to_timestamp(former.known_until)),
        ended_by: former.ended_by.unwrap_or_default(),
        reason: former.reason.unwrap_or_default(),
    }
}
