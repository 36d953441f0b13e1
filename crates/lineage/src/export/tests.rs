//! What is written of names that nobody should choose.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::Value;

use super::Format;
use crate::{
    edge::{Edge, EdgeType},
    facts::Facts,
    node::{Node, NodeKey},
    pedigree::{Attached, Pedigree},
};

const NASTY: &str = "a \"b\" \\N <c> #d; é%/:@`|*_";

fn key(kind: &str, name: &str, version: &str) -> NodeKey {
    NodeKey {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

fn node(key: NodeKey, attributes: &[(&str, &str)]) -> (NodeKey, Node) {
    let attributes = attributes
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    let node = Node {
        key: key.clone(),
        facts: Facts::given(attributes, ["pii".to_owned()], 1),
        bare: false,
        recorded_at: DateTime::UNIX_EPOCH,
    };
    (key, node)
}

fn edge(source: &NodeKey, target: &NodeKey, edge_type: EdgeType, label: &str) -> Edge<NodeKey> {
    Edge {
        source: source.clone(),
        target: target.clone(),
        edge_type,
        label: label.to_owned(),
    }
}

/// Data, a run below a sweep, a version, and a kind that has no meaning of its own.
fn pedigree() -> Pedigree {
    let data = key("dataset", NASTY, "sha256:00ff00ff00ff00ff");
    let (run, sweep) = (key("run", "r1", ""), key("run", "sweep", ""));
    let version = key("model_version", "fraud", "3");
    let custom = key("notebook", "n", "");
    let edges = [
        edge(&data, &run, EdgeType::Used, "training"),
        edge(&sweep, &run, EdgeType::PartOf, "parent"),
        edge(&run, &version, EdgeType::Generated, NASTY),
        edge(&custom, &version, EdgeType::PartOf, ""),
    ];
    let started = [
        ("user", "ana"),
        ("started_at", "2026-01-31T12:00:00Z"),
        ("odd key", NASTY),
    ];
    Pedigree {
        subjects: BTreeSet::from([version.clone()]),
        nodes: [
            node(data, &[]),
            node(run, &started),
            node(sweep, &[]),
            node(version, &[("label", "v1.0.0"), ("stage", "Production")]),
            node(custom, &[]),
        ]
        .into(),
        edges: edges.into(),
        truncated: false,
        attached: Attached::default(),
    }
}

#[test]
fn dot_quotes_what_would_end_a_label() {
    let text = Format::Dot.write(&pedigree());
    assert!(
        text.contains(r#"[label="dataset\na \"b\" \\N <c> #d; é%/:@`|*_\nsha256:00ff00ff00ff…""#),
        "{text}"
    );
    assert!(text.contains("shape=hexagon, penwidth=2"), "{text}");
    assert!(
        text.contains(r#"[label="training"]"#) && text.contains(r#"[label="part of"]"#),
        "{text}"
    );
}

#[test]
fn mermaid_has_nothing_that_means_something_in_its_labels() {
    let text = Format::Mermaid.write(&pedigree());
    let line = text.lines().find(|line| line.contains("dataset")).unwrap();
    let label = line.split('"').nth(1).unwrap();
    assert!(
        label.contains("a #34;b#34; #92;N #60;c#62; #35;d#59; é%/:@#96;|#42;#95;"),
        "{line}"
    );
    assert_eq!(line.matches('"').count(), 2);
}

#[test]
fn every_node_and_edge_stands_in_the_json_graph() {
    let graph: Value = serde_json::from_str(&Format::JsonGraph.write(&pedigree())).unwrap();
    let nodes = graph["graph"]["nodes"].as_object().unwrap();
    assert_eq!(nodes.len(), 5);
    for edge in graph["graph"]["edges"].as_array().unwrap() {
        assert!(nodes.contains_key(edge["source"].as_str().unwrap()));
        assert!(nodes.contains_key(edge["target"].as_str().unwrap()));
    }
}

#[test]
fn prov_tells_activities_from_entities_and_uses_the_relation_that_fits() {
    let document: Value = serde_json::from_str(&Format::ProvJson.write(&pedigree())).unwrap();
    let names = |part: &str| document[part].as_object().map_or(0, serde_json::Map::len);
    let counted = [
        "entity",
        "activity",
        "agent",
        "used",
        "wasGeneratedBy",
        "wasStartedBy",
    ]
    .map(names);
    assert_eq!(counted, [3, 2, 1, 1, 1, 1]);
    assert_eq!(
        (names("wasAssociatedWith"), names("wasInfluencedBy")),
        (1, 1)
    );
    let run = &document["activity"]["herdbook:run/r1"];
    assert_eq!(run["prov:startTime"], "2026-01-31T12:00:00Z");
    assert_eq!(run["herdbook:odd%20key"], NASTY);
    let used = &document["used"]["_:used0"];
    assert_eq!(used["prov:role"], "training");
    assert!(
        document["entity"]
            .get(used["prov:entity"].as_str().unwrap())
            .is_some()
    );
}
