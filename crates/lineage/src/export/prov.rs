//! PROV-JSON (W3C member submission, <https://www.w3.org/submissions/prov-json/>).
//!
//! Runs, pipelines and deployments are activities, everything else entities, people agents, unless a kind
//! says otherwise. What PROV
//! has no relation for is an influence, which holds between any two.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::{
    edge::{Edge, EdgeType},
    node::{Node, NodeKey},
    pedigree::Pedigree,
};

const NAMESPACE: &str = "urn:herdbook:";
/// All but what RFC 3986, 2.3 leaves unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Relations by their name and then by their own identifier.
type Relations = BTreeMap<&'static str, Map<String, Value>>;

pub(super) fn write(pedigree: &Pedigree) -> Value {
    let (activities, agents) = (pedigree.activities(), pedigree.agents());
    let (mut entity, mut activity, mut agent) = (Map::new(), Map::new(), Map::new());
    let mut relations = Relations::new();
    for (key, node) in &pedigree.nodes {
        let is_activity = activities.contains(key);
        let is_agent = agents.contains(key);
        let elements = if is_activity {
            &mut activity
        } else if is_agent {
            &mut agent
        } else {
            &mut entity
        };
        elements.insert(id(key), attributes(node, is_activity));
        let person = node.attribute("user").or(node.attribute("created_by"));
        if let Some(person) = person.filter(|_| !is_agent) {
            let person_id = format!("herdbook:person/{}", percent_encoded(person));
            agent.insert(person_id.clone(), json!({ "prov:label": person }));
            let (relation, subject) = if is_activity {
                ("wasAssociatedWith", "prov:activity")
            } else {
                ("wasAttributedTo", "prov:entity")
            };
            let value = json!({ subject: id(key), "prov:agent": person_id });
            add(&mut relations, relation, value);
        }
    }
    for edge in &pedigree.edges {
        match agents.contains(&edge.source) || agents.contains(&edge.target) {
            true => answer_for(&mut relations, &activities, &agents, edge),
            false => relate(&mut relations, &activities, edge),
        }
    }
    let mut document = Map::from_iter([
        ("prefix".to_owned(), json!({ "herdbook": NAMESPACE })),
        ("entity".to_owned(), entity.into()),
        ("activity".to_owned(), activity.into()),
        ("agent".to_owned(), agent.into()),
    ]);
    document.extend(
        relations
            .into_iter()
            .map(|(name, relations)| (name.to_owned(), relations.into())),
    );
    document.retain(|_, part| part.as_object().is_some_and(|part| !part.is_empty()));
    document.into()
}

/// Adds an edge at an end of which is an agent: from it to what it is answerable for.
fn answer_for(
    relations: &mut Relations,
    activities: &BTreeSet<&NodeKey>,
    agents: &BTreeSet<&NodeKey>,
    edge: &Edge<NodeKey>,
) {
    let (source, target) = (id(&edge.source), id(&edge.target));
    let (relation, mut value) = if agents.contains(&edge.target) {
        (
            "wasInfluencedBy",
            json!({ "prov:influencee": target, "prov:influencer": source }),
        )
    } else if activities.contains(&edge.target) {
        (
            "wasAssociatedWith",
            json!({ "prov:activity": target, "prov:agent": source }),
        )
    } else {
        (
            "wasAttributedTo",
            json!({ "prov:entity": target, "prov:agent": source }),
        )
    };
    if !edge.label.is_empty() {
        value["prov:label"] = edge.label.clone().into();
    }
    add(relations, relation, value);
}

/// Adds an edge as the relation that it is between ends of these sorts.
fn relate(relations: &mut Relations, activities: &BTreeSet<&NodeKey>, edge: &Edge<NodeKey>) {
    let (source, target) = (id(&edge.source), id(&edge.target));
    let sorts = (
        activities.contains(&edge.source),
        activities.contains(&edge.target),
    );
    let (relation, mut value) = match (edge.edge_type, sorts) {
        (EdgeType::Used, (false, true)) => (
            "used",
            json!({ "prov:activity": target, "prov:entity": source }),
        ),
        (EdgeType::Generated, (true, false)) => (
            "wasGeneratedBy",
            json!({ "prov:entity": target, "prov:activity": source }),
        ),
        (EdgeType::DerivedFrom | EdgeType::Used, (false, false)) => (
            "wasDerivedFrom",
            json!({ "prov:generatedEntity": target, "prov:usedEntity": source }),
        ),
        (EdgeType::PartOf, (true, true)) => (
            "wasStartedBy",
            json!({ "prov:activity": target, "prov:starter": source }),
        ),
        (_, (true, true)) => (
            "wasInformedBy",
            json!({ "prov:informed": target, "prov:informant": source }),
        ),
        _ => (
            "wasInfluencedBy",
            json!({ "prov:influencee": target, "prov:influencer": source }),
        ),
    };
    if !edge.label.is_empty() {
        let role = if matches!(relation, "used" | "wasGeneratedBy" | "wasStartedBy") {
            "prov:role"
        } else {
            "prov:label"
        };
        value[role] = edge.label.clone().into();
    }
    add(relations, relation, value);
}

fn add(relations: &mut Relations, relation: &'static str, value: Value) {
    let known = relations.entry(relation).or_default();
    known.insert(format!("_:{relation}{}", known.len()), value);
}

fn attributes(node: &Node, is_activity: bool) -> Value {
    let NodeKey {
        kind,
        name,
        version,
    } = &node.key;
    let mut attributes = Map::from_iter([
        (
            "prov:type".to_owned(),
            json!({ "$": format!("herdbook:{kind}"), "type": "prov:QUALIFIED_NAME" }),
        ),
        ("prov:label".to_owned(), name.as_str().into()),
    ]);
    if !version.is_empty() {
        attributes.insert("herdbook:version".to_owned(), version.as_str().into());
    }
    for (name, attribute) in &node.facts.attributes {
        let time = match name.as_str() {
            "started_at" if is_activity => "prov:startTime",
            "ended_at" if is_activity => "prov:endTime",
            _ => {
                let name = format!("herdbook:{}", percent_encoded(name));
                attributes.insert(name, attribute.value.as_str().into());
                continue;
            }
        };
        if DateTime::parse_from_rfc3339(&attribute.value).is_ok() {
            attributes.insert(time.to_owned(), attribute.value.as_str().into());
        }
    }
    if !node.facts.tags.is_empty() {
        let tags: Vec<&String> = node.facts.tags.iter().collect();
        attributes.insert("herdbook:tag".to_owned(), json!(tags));
    }
    attributes.into()
}

fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The qualified name of a node, which no character of its own can break.
fn id(key: &NodeKey) -> String {
    let mut id = format!("herdbook:{}/{}", key.kind, percent_encoded(&key.name));
    if !key.version.is_empty() {
        id.push('/');
        id.push_str(&percent_encoded(&key.version));
    }
    id
}
