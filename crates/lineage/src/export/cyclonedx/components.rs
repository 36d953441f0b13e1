//! Things as components.

use iri_string::types::{IriReferenceStr, IriStr};
use serde_json::{Value, json};

use super::{Origins, identifier};
use crate::node::{Node, NodeKey, kind};

/// Beginnings of tags that name a licence.
const LICENCE: [&str; 2] = ["licence:", "license:"];
/// The tag of data about people; what follows a `:` says what.
const SENSITIVE: &str = "pii";

/// `node`, whose make `origins` knows.
pub(super) fn write<'a>(node: &'a Node, origins: &Origins<'a>) -> Value {
    let mut component = brief(node);
    component["bom-ref"] = identifier(&node.key).into();
    component["properties"] = properties(node);
    if !node.facts.tags.is_empty() {
        component["tags"] = json!(node.facts.tags);
    }
    if let Some(person) = node.attribute("created_by").or(node.attribute("user")) {
        component["authors"] = json!([{ "name": person }]);
    }
    if let Some(description) = node.attribute("description") {
        component["description"] = description.into();
    }
    match node.key.kind.as_str() {
        kind::MODEL_VERSION => describe_model(&mut component, node, origins),
        kind::CODE => {
            if IriStr::new(&node.key.name).is_ok() {
                component["externalReferences"] = json!([{ "type": "vcs", "url": node.key.name }]);
            }
        }
        kind::ENVIRONMENT => {}
        kind::ARTIFACT => {
            if let Some(uri) = address(node) {
                component["externalReferences"] = json!([{ "type": "distribution", "url": uri }]);
            }
        }
        _ => component["data"] = json!([data(node)]),
    }
    component
}

/// What a component is called, whatever refers to it.
fn brief(node: &Node) -> Value {
    let NodeKey {
        kind,
        name,
        version,
    } = &node.key;
    let sort = match kind.as_str() {
        kind::MODEL_VERSION => "machine-learning-model",
        kind::CODE => "application",
        kind::ENVIRONMENT => "platform",
        kind::ARTIFACT => "file",
        _ => "data",
    };
    let mut component = json!({ "type": sort, "name": name });
    if !version.is_empty() {
        component["version"] = version.as_str().into();
    }
    if let Some(hash) = hash(version).or_else(|| hash(node.attribute("digest")?)) {
        component["hashes"] = json!([hash]);
    }
    let licences: Vec<Value> = node
        .facts
        .tags
        .iter()
        .filter_map(|tag| licence(tag))
        .collect();
    if !licences.is_empty() {
        component["licenses"] = licences.into();
    }
    component
}

/// The card of a model, and the models that it was made from.
fn describe_model<'a>(component: &mut Value, node: &'a Node, origins: &Origins<'a>) {
    let before = origins.components_before(&node.key);
    let is_data = |kind: &str| matches!(kind, kind::DATASET | kind::FEATURE_SET);
    let datasets: Vec<Value> = before
        .iter()
        .filter(|key| is_data(&key.kind))
        .map(|key| json!({ "ref": identifier(key) }))
        .collect();
    let runs = origins.generators(&node.key);
    let training: Vec<Value> = runs
        .filter_map(|run| origins.node(run))
        .flat_map(|run| named("herdbook:training:", run))
        .collect();
    component["modelCard"] = json!({
        "modelParameters": { "datasets": datasets },
        "properties": training,
    });
    let ancestors: Vec<Value> = before
        .iter()
        .filter(|key| key.kind == kind::MODEL_VERSION)
        .filter_map(|key| origins.node(key))
        .map(brief)
        .collect();
    if !ancestors.is_empty() {
        component["pedigree"] = json!({ "ancestors": ancestors });
    }
}

fn data(node: &Node) -> Value {
    let sort = match node.key.kind.as_str() {
        kind::DATASET | kind::FEATURE_SET => "dataset",
        _ => "other",
    };
    let mut data = json!({ "type": sort, "name": node.key.name });
    if let Some(uri) = address(node) {
        data["contents"] = json!({ "url": uri });
    }
    let sensitive = node.facts.tags.iter().filter(|tag| {
        tag.strip_prefix(SENSITIVE)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    });
    let sensitive: Vec<_> = sensitive.collect();
    if !sensitive.is_empty() {
        data["sensitiveData"] = json!(sensitive);
    }
    data
}

/// Where its bytes are, if that is an address as RFC 3987 has them: readers refuse any other.
fn address(node: &Node) -> Option<&str> {
    node.attribute("uri")
        .filter(|uri| IriReferenceStr::new(uri).is_ok())
}

/// All attributes.
pub(super) fn properties(node: &Node) -> Value {
    let kind = json!({ "name": "herdbook:kind", "value": node.key.kind });
    std::iter::once(kind)
        .chain(named("herdbook:", node))
        .collect()
}

fn named<'a>(prefix: &'a str, node: &'a Node) -> impl Iterator<Item = Value> + 'a {
    node.facts.attributes.iter().map(move |(name, attribute)| {
        json!({ "name": format!("{prefix}{name}"), "value": attribute.value })
    })
}

/// A digest such as `sha256:…`, if it is of a sort that CycloneDX knows.
fn hash(digest: &str) -> Option<Value> {
    let (algorithm, digits) = digest.split_once(':')?;
    let (name, length) = match algorithm {
        "md5" => ("MD5", 32),
        "sha1" => ("SHA-1", 40),
        "sha256" => ("SHA-256", 64),
        "sha384" => ("SHA-384", 96),
        "sha512" => ("SHA-512", 128),
        _ => return None,
    };
    let is_digest = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| json!({ "alg": name, "content": digits }))
}

/// The licence that a tag names, by its SPDX id where it has one.
fn licence(tag: &str) -> Option<Value> {
    let name = LICENCE.iter().find_map(|start| tag.strip_prefix(start))?;
    let field = match spdx::license_id(name) {
        Some(known) if known.name == name => "id",
        _ => "name",
    };
    (!name.is_empty()).then(|| json!({ "license": { field: name } }))
}
