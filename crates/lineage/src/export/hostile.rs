//! Names that were chosen to break what is written: whatever they are, each format stays one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::Value;

use super::{Format, arrows, caption, identifier, legible};
use crate::{
    edge::{Edge, EdgeType},
    facts::Facts,
    node::{Node, NodeKey, check_name},
    pedigree::Pedigree,
};

/// What ends quotes, comments, statements and lines somewhere, and what Unicode has to confuse.
const PIECES: [&str; 26] = [
    "\"",
    "'",
    "`",
    "\\",
    "-->",
    "%%{init: {}}%%",
    "<b>",
    "]]",
    "})",
    "@",
    "%40",
    "|",
    "#quot;",
    ";",
    "$$x$$",
    "- ",
    "1. ",
    "\u{202e}",
    "\u{200f}",
    "e\u{301}",
    "\u{1f9ec}",
    "\n",
    "\u{1b}[2J",
    "\u{85}",
    "\u{2028}",
    "a",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_filter("Postgres has no NUL", |c| *c != '\0').prop_map(String::from),
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

/// As a node may be called.
fn name() -> impl Strategy<Value = String> {
    text()
        .prop_map(|text| text.chars().filter(|c| !c.is_control()).collect::<String>())
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("no name", |name| check_name(name).is_ok())
}

fn node() -> impl Strategy<Value = Node> {
    let kinds = prop::sample::select(vec![
        "dataset",
        "run",
        "model_version",
        "environment",
        "code",
        "note",
    ]);
    let version = prop_oneof![Just(String::new()), name()];
    let attributes = prop_oneof![
        Just("name"),
        Just("label"),
        Just("stage"),
        Just("uri"),
        Just("requirements"),
        Just("user"),
        Just("started_at"),
    ];
    let attributes = prop::collection::btree_map(attributes.prop_map(str::to_owned), text(), 0..4);
    let tags = prop::collection::btree_set(name().prop_map(|tag| format!("licence:{tag}")), 0..2);
    (kinds, name(), version, attributes, tags, any::<bool>()).prop_map(
        |(kind, name, version, attributes, tags, bare)| Node {
            key: NodeKey {
                kind: kind.to_owned(),
                name,
                version,
            },
            facts: Facts::given(attributes, tags, 1),
            bare,
            recorded_at: DateTime::UNIX_EPOCH,
        },
    )
}

prop_compose! {
    fn pedigrees()(
        nodes in prop::collection::vec(node(), 1..7),
        edges in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..5, name()), 0..8),
    ) -> Pedigree {
        let keys: Vec<_> = nodes.iter().map(|node| node.key.clone()).collect();
        let edges = edges.into_iter().filter_map(|(a, b, number, label)| {
            let (a, b) = (a.index(keys.len()), b.index(keys.len()));
            let (source, target) = (keys[a.min(b)].clone(), keys[a.max(b)].clone());
            (source != target).then_some(Edge { source, target, edge_type: EdgeType::from_number(number)?, label })
        });
        Pedigree {
            edges: edges.collect(),
            subjects: keys.last().cloned().into_iter().collect(),
            nodes: nodes.into_iter().map(|node| (node.key.clone(), node)).collect(),
            ..Pedigree::default()
        }
    }
}

fn json(format: Format, pedigree: &Pedigree) -> Value {
    serde_json::from_str(&format.write(pedigree)).unwrap()
}

/// The texts in double quotes of a line, with what escapes in them undone; panics where one does not
/// end.
fn quoted(line: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut characters = line.chars();
    while characters.by_ref().any(|c| c == '"') {
        let mut text = String::new();
        loop {
            match characters.next().expect("the quotes end") {
                '"' => break,
                '\\' => match characters.next().unwrap() {
                    'n' => text.push('\n'),
                    escaped => text.push(escaped),
                },
                character => text.push(character),
            }
        }
        texts.push(text);
    }
    texts
}

/// A label of Mermaid with its entities decoded.
fn decoded(label: &str) -> String {
    let mut parts = label.split('#');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap();
        text.push(char::from_u32(number.parse().unwrap()).unwrap());
        text.push_str(rest);
    }
    text
}

proptest! {
    #[test]
    fn the_json_graph_has_every_node_as_it_is(pedigree in pedigrees()) {
        let document = json(Format::JsonGraph, &pedigree);
        let nodes = document["graph"]["nodes"].as_object().unwrap();
        prop_assert_eq!(nodes.len(), pedigree.nodes.len());
        for (key, node) in &pedigree.nodes {
            let metadata = &nodes[&identifier(key)]["metadata"];
            prop_assert_eq!(&metadata["name"], &key.name);
            prop_assert_eq!(&metadata["version"], &key.version);
            for (name, attribute) in &node.facts.attributes {
                prop_assert_eq!(&metadata["attributes"][name], &attribute.value);
            }
        }
    }

    #[test]
    fn dot_is_a_statement_a_line_with_the_labels_in_quotes(pedigree in pedigrees()) {
        let text = Format::Dot.write(&pedigree);
        let lines: Vec<_> = text.lines().collect();
        let of_nodes: Vec<_> = lines.iter().filter(|line| line.contains(", shape=")).collect();
        prop_assert_eq!(lines.len(), 5 + pedigree.nodes.len() + pedigree.edges.len());
        prop_assert_eq!(of_nodes.len(), pedigree.nodes.len());
        for (line, node) in of_nodes.into_iter().zip(pedigree.nodes.values()) {
            let expected = [caption(node).join("\n"), legible(&node.key.to_string())];
            prop_assert_eq!(quoted(line), expected);
        }
    }

    #[test]
    fn mermaid_labels_hold_nothing_that_means_something(pedigree in pedigrees()) {
        let text = Format::Mermaid.write(&pedigree);
        let lines = text.lines().skip(1).filter(|line| line.contains('"'));
        let labels: Vec<_> = lines.map(|line| line.split('"').nth(1).unwrap().to_owned()).collect();
        let nodes = pedigree.nodes.values().map(|node| caption(node).join("<br>"));
        let expected: Vec<_> = nodes.chain(arrows(&pedigree).map(|(_, _, label)| label)).collect();
        prop_assert_eq!(labels.iter().map(|label| decoded(label)).collect::<Vec<_>>(), expected);
        for label in labels {
            let label = label.replace("<br>", "");
            prop_assert!(!label.contains(['"', '`', '<', '>', '\\', '*', '_', '|', '$', '%', '{', '[']), "{}", label);
        }
        prop_assert_eq!(text.lines().count(), 1 + pedigree.subjects.len() + pedigree.nodes.len() + pedigree.edges.len());
    }

    #[test]
    fn prov_names_are_qualified_names_and_no_two_nodes_share_one(pedigree in pedigrees()) {
        let document = json(Format::ProvJson, &pedigree);
        let elements = |part: &str| document[part].as_object().cloned().unwrap_or_default();
        let names: Vec<_> = elements("entity").into_iter().chain(elements("activity")).map(|(name, _)| name).collect();
        prop_assert_eq!(names.len(), pedigree.nodes.len());
        for name in names {
            let local = name.strip_prefix("herdbook:").unwrap();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%/".contains(c);
            prop_assert!(local.chars().all(plain), "{}", name);
        }
    }

    #[test]
    fn cyclonedx_names_each_thing_once_and_refers_to_nothing_else(pedigree in pedigrees()) {
        let document = json(Format::CycloneDx, &pedigree);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let subject = Some(document["metadata"]["component"].clone()).filter(|subject| !subject.is_null());
        let workflows = list(&document["formulation"][0]["workflows"]);
        let components = list(&document["components"]).into_iter().chain(subject);
        let parts: Vec<_> = components.chain(workflows.iter().cloned()).collect();
        let reference = |part: &Value| part["bom-ref"].as_str().unwrap().to_owned();
        let references: BTreeSet<String> = parts.iter().map(reference).collect();
        prop_assert_eq!(references.len(), parts.len());
        for key in pedigree.nodes.keys() {
            prop_assert!(references.contains(&identifier(key)));
        }
        let dependencies = list(&document["dependencies"]);
        for dependency in &dependencies {
            for needed in list(&dependency["dependsOn"]).iter().chain([&dependency["ref"]]) {
                prop_assert!(references.contains(needed.as_str().unwrap()));
            }
        }
        let by_reference: BTreeMap<_, _> = parts.iter().map(|part| (reference(part), part)).collect();
        for workflow in &workflows {
            for resource in list(&workflow["inputs"]).iter().chain(&list(&workflow["outputs"])) {
                prop_assert!(by_reference.contains_key(resource["resource"]["ref"].as_str().unwrap()));
            }
        }
    }
}
