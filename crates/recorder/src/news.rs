//! Nodes and edges as lineage takes them, whatever the producer has.

use herdbook_core::Digest;
use herdbook_proto::lineage::v1::{Edge, EdgeType, Node, NodeKey, RecordRequest};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

/// Bytes of an attribute that is told whole: answers carry the attributes of many nodes.
const WHOLE_BYTES: usize = 64 * 1024;
/// Characters in the label of an edge, as lineage takes them.
const LABEL_CHARS: usize = 255;
/// Bytes in the name of a node, as lineage takes them.
const NAME_BYTES: usize = 1_024;

/// News for lineage, put together.
#[derive(Debug, Default)]
pub struct News(RecordRequest);

/// The key of a node; of a name that is too long, its digest stands for it.
#[must_use]
pub fn key(kind: &str, name: &str, version: &str) -> NodeKey {
    let name = match name.len() {
        0..=NAME_BYTES => name.to_owned(),
        _ => digest(name),
    };
    NodeKey {
        kind: kind.to_owned(),
        name,
        version: version.to_owned(),
    }
}

impl News {
    /// A node with facts of the producer's `revision`; 0 for what never changes. Of a fact that is too
    /// long its digest is told, as `<name>_digest`.
    pub fn node(
        &mut self,
        key: NodeKey,
        facts: impl IntoIterator<Item = (&'static str, String)>,
        revision: i64,
    ) {
        let fit = |(name, value): (&str, String)| match value.len() {
            0..=WHOLE_BYTES => (name.to_owned(), value),
            _ => (format!("{name}_digest"), digest(&value)),
        };
        let attributes = facts.into_iter().map(fit).collect();
        self.0.nodes.push(Node {
            key: Some(key),
            attributes,
            revision,
            ..Default::default()
        });
    }

    /// That `target` came from `source`; a label that is too long is cut.
    pub fn edge(&mut self, source: NodeKey, target: NodeKey, edge_type: EdgeType, label: &str) {
        let label = label.chars().filter(|c| !c.is_control());
        self.0.edges.push(Edge {
            source: Some(source),
            target: Some(target),
            r#type: edge_type.into(),
            label: label.take(LABEL_CHARS).collect(),
            ..Default::default()
        });
    }

    /// As it stands in an outbox.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }
}

fn digest(text: &str) -> String {
    Digest(Sha256::digest(text.as_bytes()).into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_told_by_its_digest() {
        let mut news = News::default();
        let facts = [
            ("params", "x".repeat(WHOLE_BYTES + 1)),
            ("user", "ana".into()),
        ];
        news.node(key("run", &"r".repeat(2_000), ""), facts, 3);
        let node = &news.0.nodes[0];
        assert_eq!(node.key.as_ref().unwrap().name.len(), "sha256:".len() + 64);
        assert!(node.attributes["params_digest"].starts_with("sha256:"));
        assert_eq!(node.attributes["user"], "ana");
        assert!(!node.attributes.contains_key("params"));
    }

    #[test]
    fn a_label_is_one_line_of_bounded_length() {
        let mut news = News::default();
        let label = format!("a\nb{}", "é".repeat(300));
        news.edge(key("a", "a", ""), key("b", "b", ""), EdgeType::Used, &label);
        let label = &news.0.edges[0].label;
        assert!(label.starts_with("abé") && label.chars().count() == LABEL_CHARS);
    }
}
