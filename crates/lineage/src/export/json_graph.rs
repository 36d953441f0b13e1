//! JSON Graph Format, version 2 (<https://jsongraphformat.info>).

use serde_json::{Map, Value, json};

use super::{caption, identifier};
use crate::pedigree::Pedigree;

pub(super) fn write(pedigree: &Pedigree) -> Value {
    let nodes: Map<String, Value> = pedigree
        .nodes
        .iter()
        .map(|(key, node)| {
            let attributes: Map<String, Value> = node
                .facts
                .attributes
                .iter()
                .map(|(name, attribute)| (name.clone(), attribute.value.clone().into()))
                .collect();
            let metadata = json!({
                "kind": key.kind,
                "name": key.name,
                "version": key.version,
                "attributes": attributes,
                "tags": node.facts.tags,
                "recorded_at": node.recorded_at.to_rfc3339(),
                "subject": pedigree.subjects.contains(key),
            });
            let node = json!({ "label": caption(node).join(" "), "metadata": metadata });
            (identifier(key), node)
        })
        .collect();
    let edges: Vec<Value> = pedigree
        .edges
        .iter()
        .map(|edge| {
            json!({
                "source": identifier(&edge.source),
                "target": identifier(&edge.target),
                "relation": edge.edge_type.words(),
                "label": edge.label,
            })
        })
        .collect();
    json!({
        "graph": {
            "type": "pedigree",
            "directed": true,
            "metadata": { "truncated": pedigree.truncated },
            "nodes": nodes,
            "edges": edges,
        }
    })
}
