//! A descent for tests: a version, the run that made it, and what that used.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::json;

use super::Descent;
use crate::{
    edge::{Edge, EdgeType},
    facts::Facts,
    node::{Node, NodeKey},
    pedigree::Pedigree,
};

/// What differs from a run of `python train.py` at the commit `aaa` of `repo` that read nothing.
pub(crate) struct Sample<'a> {
    /// Name, digest and profile of each.
    pub(crate) data: &'a [(&'a str, &'a str, &'a str)],
    pub(crate) uri: &'a str,
    pub(crate) commit: &'a str,
    pub(crate) params: &'a [(&'a str, &'a str)],
    pub(crate) packages: &'a str,
    /// Kind and name of a node, and its tag.
    pub(crate) tags: &'a [(&'a str, &'a str, &'a str)],
}

impl Default for Sample<'_> {
    fn default() -> Self {
        Self {
            data: &[],
            uri: "",
            commit: "aaa",
            params: &[],
            packages: "",
            tags: &[],
        }
    }
}

pub(crate) fn key(kind: &str, name: &str, version: &str) -> NodeKey {
    NodeKey {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

pub(crate) fn node(key: NodeKey, facts: &[(&str, &str)]) -> Node {
    let facts = facts
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Node {
        key,
        facts: Facts::given(facts, [], 0),
        bare: false,
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

pub(crate) fn sample(sample: &Sample<'_>) -> Descent {
    let mut pedigree = Pedigree::default();
    let (version, run) = (key("model_version", "fraud", "3"), key("run", "r1", ""));
    let params: BTreeMap<_, _> = sample.params.iter().copied().collect();
    let facts = [
        ("user", "ana"),
        ("ended_at", "2026-11-26T00:00:00Z"),
        ("command", r#"["python","train.py"]"#),
        ("params", &json!(params).to_string()),
    ];
    let commit = key("code", "repo", sample.commit);
    let environment = key("environment", "python", "e");
    let installed = [
        ("python_version", "3.12.4"),
        ("requirements", sample.packages),
    ];
    let made = [("created_by", "ana"), ("metrics", r#"{"acc":0.9}"#)];
    let mut nodes = vec![
        node(version.clone(), &made),
        node(run.clone(), &facts),
        node(commit.clone(), &[]),
        node(environment.clone(), &installed),
    ];
    let mut edges = vec![
        (run.clone(), version.clone(), EdgeType::Generated),
        (commit, run.clone(), EdgeType::Used),
        (environment, run.clone(), EdgeType::Used),
    ];
    for (name, digest, profile) in sample.data {
        let data = key("dataset", name, digest);
        nodes.push(node(
            data.clone(),
            &[("profile", profile), ("uri", sample.uri)],
        ));
        edges.push((data, run.clone(), EdgeType::Used));
    }
    for (kind, name, tag) in sample.tags {
        for node in &mut nodes {
            if node.key.kind == *kind && node.key.name == *name {
                node.facts.tags.insert((*tag).to_owned());
            }
        }
    }
    pedigree.nodes = nodes
        .into_iter()
        .map(|node| (node.key.clone(), node))
        .collect();
    let edge = |(source, target, edge_type)| Edge {
        source,
        target,
        edge_type,
        label: String::new(),
    };
    pedigree.edges = edges.into_iter().map(edge).collect();
    Descent {
        subject: version,
        pedigree,
    }
}
