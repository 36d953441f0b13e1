//! OpenLineage (<https://openlineage.io/spec/2-0-2>): an event a line, one for each node.
//!
//! A run is a RunEvent, a pipeline a JobEvent, anything else a DatasetEvent. The custom facet `herdbook`
//! has what OpenLineage has no words for: the node's key, attributes, tags, and what it came from, so
//! that the OpenLineage door makes the same graph of it. Facets that a run told stand in its event.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};

use crate::{
    edge::EdgeType,
    node::{Node, NodeKey, kind},
    pedigree::{AttachedFacet, Pedigree},
};

/// Facet with what is exactly known.
const EXACT: &str = "herdbook";
const PRODUCER: &str = "urn:herdbook:lineage";
const SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/";

type Facets = BTreeMap<String, Box<RawValue>>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<&'static str>,
    producer: &'static str,
    #[serde(rename = "schemaURL")]
    schema_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Thing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<Thing>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Thing>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<Thing>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    run_id: String,
    facets: Facets,
}

/// A job or a data set.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Thing {
    namespace: String,
    name: String,
    #[serde(skip_serializing_if = "Facets::is_empty")]
    facets: Facets,
    #[serde(skip_serializing_if = "Facets::is_empty")]
    input_facets: Facets,
    #[serde(skip_serializing_if = "Facets::is_empty")]
    output_facets: Facets,
}

/// Writes `pedigree`.
pub(super) fn write(pedigree: &Pedigree) -> String {
    let mut lines = String::new();
    for node in pedigree.nodes.values() {
        let event = match node.key.kind.as_str() {
            kind::RUN => run_event(pedigree, node),
            kind::PIPELINE => Event {
                job: Some(own_thing(pedigree, node)),
                ..event(node, "JobEvent")
            },
            _ => Event {
                dataset: Some(own_thing(pedigree, node)),
                ..event(node, "DatasetEvent")
            },
        };
        // It cannot fail: every key is a text, and every document was read before.
        lines.push_str(&serde_json::to_string(&event).unwrap_or_default());
        lines.push('\n');
    }
    lines
}

fn event(node: &Node, kind: &str) -> Event {
    let is_time = |text: &&str| DateTime::parse_from_rfc3339(text).is_ok();
    let times = [node.attribute("ended_at"), node.attribute("started_at")];
    let told = times.into_iter().flatten().find(is_time);
    Event {
        event_time: told.map_or_else(|| node.recorded_at.to_rfc3339(), str::to_owned),
        event_type: None,
        producer: PRODUCER,
        schema_url: format!("{SCHEMA}{kind}"),
        run: None,
        job: None,
        dataset: None,
        inputs: Vec::new(),
        outputs: Vec::new(),
    }
}

fn run_event(pedigree: &Pedigree, node: &Node) -> Event {
    let run = &node.key.name;
    let ends = |edge_type, by_source: bool| {
        let edges = pedigree.edges.iter();
        let edges = edges.filter(move |edge| edge.edge_type == edge_type);
        edges.filter_map(move |edge| {
            let (end, other) = match by_source {
                true => (&edge.source, &edge.target),
                false => (&edge.target, &edge.source),
            };
            (*end == node.key).then_some(other)
        })
    };
    let job = ends(EdgeType::Used, false).find(|key| key.kind == kind::PIPELINE);
    let is_data = |key: &&NodeKey| key.kind != kind::PIPELINE && *key != &node.key;
    let outputs: BTreeSet<_> = ends(EdgeType::Generated, true).filter(is_data).collect();
    let told = pedigree.attached.facets.iter().filter(|(_, facets)| {
        let of_run = |facet: &AttachedFacet| facet.key.run == *run;
        facets.iter().any(of_run)
    });
    let told = told.map(|(key, _)| key).filter(|key| Some(*key) != job);
    let inputs: BTreeSet<_> = ends(EdgeType::Used, false)
        .chain(told)
        .filter(is_data)
        .collect();
    let things = |keys: BTreeSet<&NodeKey>| -> Vec<Thing> {
        let things = keys.into_iter().map(|key| told_thing(pedigree, key, run));
        things.collect()
    };
    let unknown_job = || Thing {
        namespace: EXACT.to_owned(),
        name: node.attribute("name").unwrap_or(kind::RUN).to_owned(),
        facets: Facets::new(),
        input_facets: Facets::new(),
        output_facets: Facets::new(),
    };
    let mut facets = facets_of(pedigree, &node.key, "", run);
    facets.extend(facets_of(pedigree, &node.key, "", ""));
    add(&mut facets, &exact(pedigree, node));
    Event {
        event_type: Some(event_type(node.attribute("status"))),
        run: Some(Run {
            run_id: run_id(run),
            facets,
        }),
        job: Some(match job {
            Some(job) => told_thing(pedigree, job, run),
            None => unknown_job(),
        }),
        inputs: things(inputs.difference(&outputs).copied().collect()),
        outputs: things(outputs),
        ..event(node, "RunEvent")
    }
}

/// Adds the facet with what is exactly known.
fn add(facets: &mut Facets, exact: &Value) {
    if let Ok(exact) = RawValue::from_string(exact.to_string()) {
        facets.insert(EXACT.to_owned(), exact);
    }
}

/// A node with all that is known of it, but for what runs told.
fn own_thing(pedigree: &Pedigree, node: &Node) -> Thing {
    let mut thing = thing(pedigree, &node.key, "");
    add(&mut thing.facets, &exact(pedigree, node));
    thing
}

/// A node with what `run` told of it.
fn told_thing(pedigree: &Pedigree, key: &NodeKey, run: &str) -> Thing {
    let mut thing = thing(pedigree, key, run);
    let told = pedigree.attached.facets.get(key).into_iter().flatten();
    let revisions = told
        .filter(|facet| facet.key.run == run)
        .map(|facet| facet.revision);
    if let Some(revision) = revisions.max() {
        let exact = json!({
            "_producer": PRODUCER,
            "_schemaURL": PRODUCER,
            "node": json_key(key),
            "revision": revision,
        });
        add(&mut thing.facets, &exact);
    }
    thing
}

/// A node as OpenLineage names it.
fn thing(pedigree: &Pedigree, key: &NodeKey, run: &str) -> Thing {
    let node = pedigree.nodes.get(key);
    let attribute = |name| {
        node.and_then(|node| node.attribute(name))
            .map(str::to_owned)
    };
    let (namespace, name) = match (attribute("namespace"), attribute("name")) {
        (Some(namespace), Some(name)) => (namespace, name),
        _ if key.kind == kind::DATASET => (EXACT.to_owned(), key.name.clone()),
        _ => (format!("{EXACT}:{}", key.kind), key.name.clone()),
    };
    Thing {
        namespace,
        name,
        facets: facets_of(pedigree, key, "", run),
        input_facets: facets_of(pedigree, key, "input", run),
        output_facets: facets_of(pedigree, key, "output", run),
    }
}

fn facets_of(pedigree: &Pedigree, key: &NodeKey, scope: &str, run: &str) -> Facets {
    let facets = pedigree.attached.facets.get(key).into_iter().flatten();
    let told = facets.filter(|facet| facet.key.scope == scope && facet.key.run == run);
    let document = |facet: &AttachedFacet| {
        // A line end is white space between tokens: within strings JSON has it escaped.
        let line = facet.document.replace(['\n', '\r'], " ");
        Some((facet.key.name.clone(), RawValue::from_string(line).ok()?))
    };
    told.filter_map(document).collect()
}

/// The facet with what is exactly known of a node.
fn exact(pedigree: &Pedigree, node: &Node) -> Value {
    let attributes = &node.facts.attributes;
    let revision = attributes
        .values()
        .map(|attribute| attribute.revision)
        .max();
    let values: BTreeMap<_, _> = attributes
        .iter()
        .map(|(name, attribute)| (name, &attribute.value))
        .collect();
    let sources = pedigree.edges.iter().filter(|edge| edge.target == node.key);
    let sources = sources.map(|edge| {
        json!({ "node": json_key(&edge.source), "type": edge.edge_type.name(), "label": edge.label })
    });
    let columns = pedigree.attached.columns.iter();
    let columns = columns.filter(|((_, target), _)| *target == node.key);
    let columns = columns.map(|((source, _), links)| {
        let links = links.iter().map(|(link, description)| {
            json!({
                "source_field": link.source_field,
                "target_field": link.target_field,
                "type": link.transformation,
                "subtype": link.subtype,
                "description": description,
                "masking": link.masking,
            })
        });
        json!({ "source": json_key(source), "links": links.collect::<Vec<_>>() })
    });
    let mut exact = json!({
        "_producer": PRODUCER,
        "_schemaURL": PRODUCER,
        "node": json_key(&node.key),
        "tags": node.facts.tags,
        "revision": revision.unwrap_or(node.facts.revision),
        "sources": sources.collect::<Vec<_>>(),
        "columns": columns.collect::<Vec<_>>(),
    });
    if !node.bare {
        exact["attributes"] = json!(values);
    }
    exact
}

fn json_key(key: &NodeKey) -> Value {
    json!({ "kind": key.kind, "name": key.name, "version": key.version })
}

fn event_type(status: Option<&str>) -> &'static str {
    match status {
        Some("RUNNING") => "RUNNING",
        Some("FINISHED") => "COMPLETE",
        Some("FAILED") => "FAIL",
        Some("KILLED") => "ABORT",
        _ => "OTHER",
    }
}

/// A run's id as a UUID; one made of its name (RFC 9562, version 8) where that is none.
fn run_id(name: &str) -> String {
    let digits: String = name.chars().filter(|c| *c != '-').collect();
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = if is_id {
        digits
    } else {
        let digest = Sha256::digest(name.as_bytes());
        let mut digits: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        digits.replace_range(12..13, "8");
        digits.replace_range(16..17, "8");
        digits
    };
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| &digits[part]).join("-")
}

#[cfg(test)]
mod tests {
    use super::run_id;

    #[test]
    fn any_run_has_a_uuid() {
        let own = "0198c0de7a117c3eb2f05f6a7b8c9d0e";
        assert_eq!(run_id(own), "0198c0de-7a11-7c3e-b2f0-5f6a7b8c9d0e");
        let made = run_id("réentraînement");
        assert_eq!((made.len(), &made[14..15], &made[19..20]), (36, "8", "8"));
    }
}
