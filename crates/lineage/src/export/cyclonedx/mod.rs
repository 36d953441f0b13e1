//! CycloneDX 1.6, a bill of materials of models (<https://cyclonedx.org/docs/1.6/json/>): the oldest
//! version that has all that is written here, so that most readers know it.
//!
//! What was is a component: models with their card, data, code, environments and the packages in
//! them. What happened is a workflow of the formulation, with what went in and came out. A component
//! depends on what it came from, through whatever happened in between.

mod components;
mod packages;

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::identifier;
use crate::{
    edge::{Edge, EdgeType},
    node::{Node, NodeKey, kind},
    pedigree::Pedigree,
};

use packages::Package;

pub(super) fn write(pedigree: &Pedigree) -> Value {
    let origins = Origins::of(pedigree);
    let is_component = |key: &NodeKey| !origins.activities.contains(key);
    let mut subjects = pedigree.subjects.iter().filter(|key| is_component(key));
    let subject = match (subjects.next(), subjects.next()) {
        (Some(only), None) => pedigree.nodes.get(only),
        _ => None,
    };
    let nodes = pedigree
        .nodes
        .values()
        .filter(|node| is_component(&node.key));
    let (mut packages, mut dependencies) = (BTreeMap::new(), Vec::new());
    for node in nodes.clone() {
        let before = origins.components_before(&node.key).into_iter();
        let mut needs: BTreeSet<String> = before.map(identifier).collect();
        for package in packages::of(node) {
            needs.insert(package.reference());
            packages.insert(package.reference(), package);
        }
        dependencies.push(json!({ "ref": identifier(&node.key), "dependsOn": needs }));
    }
    dependencies.extend(packages.keys().map(|name| json!({ "ref": name })));
    let others = nodes.filter(|node| subject.is_none_or(|subject| subject.key != node.key));
    let mut components: Vec<Value> = others
        .map(|node| components::write(node, &origins))
        .collect();
    components.extend(packages.values().map(Package::component));
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "tools": { "components": [
            { "type": "application", "name": "herdbook", "version": env!("CARGO_PKG_VERSION") },
        ] } },
        "components": components,
        "dependencies": dependencies,
        "compositions": compositions(pedigree),
    });
    if let Some(subject) = subject {
        document["metadata"]["component"] = components::write(subject, &origins);
    }
    let workflows: Vec<Value> = pedigree
        .nodes
        .values()
        .filter(|node| !is_component(&node.key))
        .map(|node| origins.workflow(node))
        .collect();
    if !workflows.is_empty() {
        document["formulation"] = json!([{ "workflows": workflows }]);
    }
    // By the content, so that the same pedigree is the same document.
    let serial = Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("urn:herdbook:{document}").as_bytes(),
    );
    document["serialNumber"] = serial.urn().to_string().into();
    document
}

/// What the dependencies of are not all known.
fn compositions(pedigree: &Pedigree) -> Value {
    let bare = pedigree.nodes.values().filter(|node| node.bare);
    let bare: Vec<_> = bare.map(|node| identifier(&node.key)).collect();
    let mut compositions = Vec::new();
    if !bare.is_empty() {
        compositions.push(json!({ "aggregate": "incomplete", "dependencies": bare }));
    }
    if pedigree.truncated {
        compositions.push(json!({ "aggregate": "incomplete" }));
    }
    compositions.into()
}

/// The edges of a pedigree by both ends.
struct Origins<'a> {
    pedigree: &'a Pedigree,
    activities: BTreeSet<&'a NodeKey>,
    into: BTreeMap<&'a NodeKey, Vec<&'a Edge<NodeKey>>>,
    out_of: BTreeMap<&'a NodeKey, Vec<&'a Edge<NodeKey>>>,
}

impl<'a> Origins<'a> {
    fn of(pedigree: &'a Pedigree) -> Self {
        let mut origins = Self {
            pedigree,
            activities: pedigree.activities(),
            into: BTreeMap::new(),
            out_of: BTreeMap::new(),
        };
        for edge in &pedigree.edges {
            origins.into.entry(&edge.target).or_default().push(edge);
            origins.out_of.entry(&edge.source).or_default().push(edge);
        }
        origins
    }

    fn edges_into(&self, key: &NodeKey) -> &[&'a Edge<NodeKey>] {
        self.into.get(key).map_or(&[], Vec::as_slice)
    }

    /// The components that `key` came from, with nothing but activities in between.
    fn components_before(&self, key: &'a NodeKey) -> BTreeSet<&'a NodeKey> {
        let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut left = vec![key];
        while let Some(key) = left.pop() {
            for edge in self.edges_into(key) {
                if !self.activities.contains(&edge.source) {
                    found.insert(&edge.source);
                } else if seen.insert(&edge.source) {
                    left.push(&edge.source);
                }
            }
        }
        found
    }

    /// The activities that generated `key`.
    fn generators(&self, key: &NodeKey) -> impl Iterator<Item = &'a NodeKey> {
        self.edges_into(key)
            .iter()
            .filter(|edge| edge.edge_type == EdgeType::Generated)
            .map(|edge| &edge.source)
    }

    fn node(&self, key: &NodeKey) -> Option<&'a Node> {
        self.pedigree.nodes.get(key)
    }

    /// What happened, with what went in and what came out.
    fn workflow(&self, node: &Node) -> Value {
        let key = &node.key;
        let resource = |key: &NodeKey| json!({ "resource": { "ref": identifier(key) } });
        let distinct =
            |keys: BTreeSet<&NodeKey>| -> Vec<Value> { keys.into_iter().map(resource).collect() };
        let into = self.edges_into(key).iter().map(|edge| &edge.source);
        let out_of = self.out_of.get(key).into_iter().flatten();
        let outputs = out_of.map(|edge| &edge.target);
        let task = match key.kind.as_str() {
            kind::RUN => "build",
            kind::DEPLOYMENT => "deploy",
            _ => "other",
        };
        let mut workflow = json!({
            "bom-ref": identifier(key),
            "uid": key.name,
            "name": node.attribute("name").unwrap_or(&key.name),
            "taskTypes": [task],
            "inputs": distinct(into.collect()),
            "outputs": distinct(outputs.collect()),
            "properties": components::properties(node),
        });
        for (attribute, field) in [("started_at", "timeStart"), ("ended_at", "timeEnd")] {
            let time = node.attribute(attribute);
            if let Some(time) = time.and_then(|time| DateTime::parse_from_rfc3339(time).ok()) {
                workflow[field] = time.to_rfc3339().into();
            }
        }
        workflow
    }
}
