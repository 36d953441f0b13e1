//! What is written of a pedigree.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::{Value, json};

use super::Format;
use crate::{
    edge::{Edge, EdgeType},
    facts::Facts,
    node::{Node, NodeKey},
    pedigree::Pedigree,
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
        ..Pedigree::default()
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
        label.contains("a #34;b#34; #92;N #60;c#62; #35;d#59; é#37;/:@#96;#124;#42;#95;"),
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

/// A model of a run on data of two versions, on top of another model, in a known environment.
fn model() -> Pedigree {
    let data = key("dataset", "loans", &format!("sha256:{}", "0f".repeat(32)));
    let environment = key("environment", "python", "sha256:e1");
    let code = key("code", "https://example.org/fraud", "4f2a");
    let (sweep, run) = (key("run", "sweep", ""), key("run", "r1", ""));
    let (base, version) = (
        key("model_version", "base", "1"),
        key("model_version", "fraud", "3"),
    );
    let edges = [
        edge(&data, &sweep, EdgeType::Used, "training"),
        edge(&sweep, &run, EdgeType::PartOf, "parent"),
        edge(&environment, &run, EdgeType::Used, "environment"),
        edge(&code, &run, EdgeType::Used, "train.py"),
        edge(&base, &run, EdgeType::Used, "based-on"),
        edge(&run, &version, EdgeType::Generated, ""),
    ];
    let (data_key, mut data) = node(data, &[("uri", "s3://bucket/loans")]);
    data.facts.tags = ["pii", "licence:CC-BY-4.0", "licence:in-house"]
        .map(str::to_owned)
        .into();
    Pedigree {
        subjects: BTreeSet::from([version.clone()]),
        nodes: [
            (data_key, data),
            node(
                environment,
                &[("requirements", "numpy==2.4.6\nscipy==1.17.1")],
            ),
            node(code, &[]),
            node(sweep, &[]),
            node(
                run,
                &[("lr", "0.1"), ("started_at", "2026-01-31T12:00:00Z")],
            ),
            node(base, &[("digest", &format!("sha256:{}", "aa".repeat(32)))]),
            node(version, &[("created_by", "ana")]),
        ]
        .into(),
        edges: edges.into(),
        ..Pedigree::default()
    }
}

#[test]
fn cyclonedx_tells_what_a_model_is_made_of() {
    let document: Value = serde_json::from_str(&Format::CycloneDx.write(&model())).unwrap();
    let subject = &document["metadata"]["component"];
    assert_eq!(subject["type"], "machine-learning-model");
    assert_eq!(subject["authors"], json!([{ "name": "ana" }]));
    assert_eq!(
        subject["modelCard"]["properties"],
        json!([
            { "name": "herdbook:training:lr", "value": "0.1" },
            { "name": "herdbook:training:started_at", "value": "2026-01-31T12:00:00Z" },
        ])
    );
    assert_eq!(
        subject["modelCard"]["modelParameters"]["datasets"],
        json!([{ "ref": format!("dataset:loans@sha256:{}", "0f".repeat(32)) }])
    );
    let ancestor = &subject["pedigree"]["ancestors"][0];
    assert_eq!(
        (&ancestor["name"], &ancestor["version"]),
        (&json!("base"), &json!("1"))
    );
    assert_eq!(ancestor["hashes"][0]["content"], "aa".repeat(32));

    let components = document["components"].as_array().unwrap();
    let component = |name: &str| components.iter().find(|c| c["name"] == name).unwrap();
    let data = component("loans");
    assert_eq!(data["data"][0]["contents"]["url"], "s3://bucket/loans");
    assert_eq!(data["data"][0]["sensitiveData"], json!(["pii"]));
    assert_eq!(
        data["licenses"],
        json!([{ "license": { "id": "CC-BY-4.0" } }, { "license": { "name": "in-house" } }])
    );
    assert_eq!(component("numpy")["purl"], "pkg:pypi/numpy@2.4.6");
    assert_eq!(
        component("https://example.org/fraud")["externalReferences"][0]["type"],
        "vcs"
    );
    let dependencies = document["dependencies"].as_array().unwrap();
    let of = |name: &str| &dependencies.iter().find(|d| d["ref"] == name).unwrap()["dependsOn"];
    // The data of the sweep too: only runs are in between.
    assert_eq!(
        of("model_version:fraud@3"),
        &json!([
            "code:https://example.org/fraud@4f2a",
            format!("dataset:loans@sha256:{}", "0f".repeat(32)),
            "environment:python@sha256:e1",
            "model_version:base@1",
        ])
    );
    assert_eq!(
        of("environment:python@sha256:e1"),
        &json!(["pypi/numpy@2.4.6", "pypi/scipy@1.17.1"])
    );
    let workflows = document["formulation"][0]["workflows"].as_array().unwrap();
    assert_eq!(workflows.len(), 2);
    assert_eq!(workflows[0]["timeStart"], "2026-01-31T12:00:00+00:00");
}

#[test]
fn the_serial_number_of_cyclonedx_is_that_of_the_content() {
    let serial = |pedigree: &Pedigree| {
        let document: Value = serde_json::from_str(&Format::CycloneDx.write(pedigree)).unwrap();
        document["serialNumber"].as_str().unwrap().to_owned()
    };
    let mut changed = model();
    changed.truncated = true;
    assert_eq!(serial(&model()), serial(&model()));
    assert_ne!(serial(&model()), serial(&changed));
    assert!(serial(&changed).starts_with("urn:uuid:"));
}
