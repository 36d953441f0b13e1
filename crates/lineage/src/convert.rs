//! Between the contract and the domain.

mod history;
mod kinds;
mod questions;

use std::collections::{BTreeMap, HashMap};

use herdbook_core::{check_key, check_name as check_tag};
use herdbook_proto::{InvalidRequest, Violations, lineage::v1 as proto, time::to_timestamp};
use prost_types::Timestamp;

use crate::{
    batch::Batch,
    columns::{DESCRIPTION_BYTES, FIELD_BYTES, LINKS, Link, TYPE_BYTES},
    edge::{Edge, EdgeType},
    export::Format,
    facet::{FACETS, FacetKey, Told, check_document},
    facts::{ATTRIBUTES, Facts, TAGS},
    graph::Walk,
    moment::{Held, Moment},
    node::{Node, NodeId, NodeKey, check_kind, check_name, check_version},
    proof::Verdict,
    reference::Reference,
    shown::Shown,
};

pub(crate) use history::{reason, to_former_edge, to_state};
pub(crate) use kinds::{kind, to_kind};
pub(crate) use questions::{to_comparison, to_completeness, to_reproduction};

/// Nodes and edges of one request at most, each.
const BATCH: usize = 10_000;
/// Bytes in the value of an attribute: enough for a locked list of requirements.
const ATTRIBUTE_BYTES: usize = 256 * 1024;
/// What a wrong type of an edge is told.
const EDGE_TYPES: &str = "must be one of EDGE_TYPE_USED, _GENERATED, _DERIVED_FROM and _PART_OF";
/// Characters in the label of an edge.
const LABEL_CHARS: usize = 255;

/// Reads the request of `Record`.
pub(crate) fn batch(request: proto::RecordRequest) -> Result<Batch, InvalidRequest> {
    let mut violations = Violations::default();
    let links = request.column_links.iter().map(|links| links.links.len());
    for (field, count, limit) in [
        ("nodes", request.nodes.len(), BATCH),
        ("edges", request.edges.len(), BATCH),
        ("column_links", links.sum(), LINKS),
        ("facets", request.facets.len(), FACETS),
    ] {
        if count > limit {
            violations.add(
                field,
                format!("has {count} entries; at most {limit} are taken at a time"),
            );
        }
    }
    violations.finish()?;
    let mut violations = Violations::default();
    let mut batch = Batch::default();
    for (index, node) in request.nodes.into_iter().enumerate() {
        let scope = format!("nodes[{index}]");
        let key = key(&format!("{scope}.key"), node.key, &mut violations);
        let mut facts = facts(
            &scope,
            node.attributes,
            node.tags,
            node.revision,
            &mut violations,
        );
        facts.held = held(
            &scope,
            node.held_from.as_ref(),
            node.held_until.as_ref(),
            &mut violations,
        );
        if let Some(key) = key {
            batch.tell(key, facts);
        }
    }
    for (index, edge) in request.edges.into_iter().enumerate() {
        let scope = format!("edges[{index}]");
        let held = held(
            &scope,
            edge.held_from.as_ref(),
            edge.held_until.as_ref(),
            &mut violations,
        );
        if let Some(edge) = read_edge(&scope, edge, &mut violations) {
            batch.hold(edge.clone(), held);
            batch.connect(edge);
        }
    }
    for (index, links) in request.column_links.into_iter().enumerate() {
        let scope = format!("column_links[{index}]");
        read_links(&scope, links, &mut batch, &mut violations);
    }
    for (index, facet) in request.facets.into_iter().enumerate() {
        let scope = format!("facets[{index}]");
        read_facet(&scope, facet, &mut batch, &mut violations);
    }
    violations.finish()?;
    Ok(batch)
}

fn read_links(
    scope: &str,
    links: proto::ColumnLinks,
    batch: &mut Batch,
    violations: &mut Violations,
) {
    let source = key(&format!("{scope}.source"), links.source, violations);
    let target = key(&format!("{scope}.target"), links.target, violations);
    let (Some(source), Some(target)) = (source, target) else {
        return;
    };
    for (index, link) in links.links.into_iter().enumerate() {
        for (field, text, limit) in [
            ("source_field", &link.source_field, FIELD_BYTES),
            ("target_field", &link.target_field, FIELD_BYTES),
            ("type", &link.r#type, TYPE_BYTES),
            ("subtype", &link.subtype, TYPE_BYTES),
            ("description", &link.description, DESCRIPTION_BYTES),
        ] {
            if text.len() > limit || text.contains('\0') {
                let what = format!("must be at most {limit} bytes without a NUL character");
                violations.add(format!("{scope}.links[{index}].{field}"), what);
            }
        }
        let description = link.description;
        let link = Link {
            source_field: link.source_field,
            target_field: link.target_field,
            transformation: link.r#type,
            subtype: link.subtype,
            masking: link.masking,
        };
        batch.link((source.clone(), target.clone()), link, description);
    }
}

fn read_facet(scope: &str, facet: proto::Facet, batch: &mut Batch, violations: &mut Violations) {
    violations.check(format!("{scope}.name"), check_key(&facet.name));
    for (field, text) in [("scope", &facet.scope), ("run", &facet.run)] {
        violations.check(format!("{scope}.{field}"), check_version(text));
    }
    violations.check(format!("{scope}.document"), check_document(&facet.document));
    if let Some(node) = key(&format!("{scope}.node"), facet.node, violations) {
        let key = FacetKey {
            name: facet.name,
            scope: facet.scope,
            run: facet.run,
        };
        let told = Told {
            revision: facet.revision,
            document: facet.document,
        };
        batch.attach(node, key, told);
    }
}

fn held(
    scope: &str,
    from: Option<&Timestamp>,
    until: Option<&Timestamp>,
    violations: &mut Violations,
) -> Held {
    let held = Held {
        from: violations.time(format!("{scope}.held_from"), from),
        until: violations.time(format!("{scope}.held_until"), until),
    };
    violations.check(format!("{scope}.held_until"), held.check());
    held
}

/// Reads the time that a question is about.
pub(crate) fn moment(
    known_at: Option<&Timestamp>,
    held_at: Option<&Timestamp>,
) -> Result<Moment, InvalidRequest> {
    let mut violations = Violations::default();
    let moment = Moment {
        known_at: violations.time("known_at", known_at),
        held_at: violations.time("held_at", held_at),
    };
    violations.finish()?;
    Ok(moment)
}

pub(crate) fn key(
    field: &str,
    key: Option<proto::NodeKey>,
    violations: &mut Violations,
) -> Option<NodeKey> {
    let key = violations.require(field, key)?;
    violations.check(format!("{field}.kind"), check_kind(&key.kind))?;
    violations.check(format!("{field}.name"), check_name(&key.name))?;
    violations.check(format!("{field}.version"), check_version(&key.version))?;
    Some(NodeKey {
        kind: key.kind,
        name: key.name,
        version: key.version,
    })
}

fn facts(
    scope: &str,
    attributes: BTreeMap<String, String>,
    tags: Vec<String>,
    revision: i64,
    violations: &mut Violations,
) -> Facts {
    if attributes.len() > ATTRIBUTES {
        violations.add(
            format!("{scope}.attributes"),
            format!(
                "has {} entries; at most {ATTRIBUTES} are allowed",
                attributes.len()
            ),
        );
    }
    for (name, value) in &attributes {
        let field = format!("{scope}.attributes");
        violations.check(field.clone(), check_key(name));
        if value.len() > ATTRIBUTE_BYTES {
            let bytes = value.len();
            violations.add(
                field,
                format!("{name:?} has {bytes} bytes; at most {ATTRIBUTE_BYTES} are allowed"),
            );
        } else if value.contains('\0') {
            violations.add(field, format!("{name:?} has a NUL character; remove it"));
        }
    }
    read_tags(&format!("{scope}.tags"), &tags, violations);
    Facts::given(attributes, tags, revision)
}

/// Checks tags.
pub(crate) fn read_tags(field: &str, tags: &[String], violations: &mut Violations) {
    if tags.len() > TAGS {
        violations.add(
            field,
            format!("has {} entries; at most {TAGS} are allowed", tags.len()),
        );
    }
    for tag in tags {
        violations.check(field, check_tag(tag));
    }
}

fn read_edge(scope: &str, edge: proto::Edge, violations: &mut Violations) -> Option<Edge<NodeKey>> {
    let source = key(&format!("{scope}.source"), edge.source, violations);
    let target = key(&format!("{scope}.target"), edge.target, violations);
    let edge_type = EdgeType::from_number(edge.r#type);
    if edge_type.is_none() {
        violations.add(format!("{scope}.type"), EDGE_TYPES);
    }
    if edge.label.chars().count() > LABEL_CHARS || edge.label.chars().any(char::is_control) {
        violations.add(
            format!("{scope}.label"),
            format!("must be one line of at most {LABEL_CHARS} characters"),
        );
    }
    let (source, target) = (source?, target?);
    if source == target {
        violations.add(scope, format!("{} cannot come from itself", source.brief()));
        return None;
    }
    Some(Edge {
        source,
        target,
        edge_type: edge_type?,
        label: edge.label,
    })
}

/// Reads a reference.
pub(crate) fn reference(field: &str, text: &str) -> Result<Reference, InvalidRequest> {
    Reference::parse(text).map_err(|error| InvalidRequest::field(field, error))
}

/// Reads which nodes to show.
pub(crate) fn shown(
    kinds: Vec<String>,
    filter: Option<proto::NodeFilter>,
) -> Result<Shown, InvalidRequest> {
    let filter = filter.unwrap_or_default();
    let mut violations = Violations::default();
    let shown = Shown {
        kinds,
        with_tags: filter.with_tags.into_iter().collect(),
        without_tags: filter.without_tags.into_iter().collect(),
        since: violations.time("filter.recorded_since", filter.recorded_since.as_ref()),
        before: violations.time("filter.recorded_before", filter.recorded_before.as_ref()),
    };
    violations.finish()?;
    Ok(shown)
}

/// Reads types of edges.
pub(crate) fn edge_types(numbers: &[i32]) -> Result<Vec<EdgeType>, InvalidRequest> {
    let read = |number: &i32| {
        let wrong = || InvalidRequest::field("edge_types", EDGE_TYPES);
        EdgeType::from_number(*number).ok_or_else(wrong)
    };
    numbers.iter().map(read).collect()
}

/// The format of this name.
pub(crate) fn format(format: proto::ExportFormat) -> Option<Format> {
    match format {
        proto::ExportFormat::Unspecified => None,
        proto::ExportFormat::JsonGraph => Some(Format::JsonGraph),
        proto::ExportFormat::Dot => Some(Format::Dot),
        proto::ExportFormat::Mermaid => Some(Format::Mermaid),
        proto::ExportFormat::ProvJson => Some(Format::ProvJson),
        proto::ExportFormat::Cyclonedx => Some(Format::CycloneDx),
        proto::ExportFormat::Openlineage => Some(Format::OpenLineage),
    }
}

/// A graph of the nodes in `shown`, and the edges between them.
pub(crate) fn to_graph(walk: &Walk, shown: &HashMap<NodeId, Node>) -> proto::Graph {
    let nodes = walk.nodes().iter().filter_map(|id| {
        let node = shown.get(id)?.clone();
        Some(proto::GraphNode {
            node: Some(node.into()),
            depth: walk.depth_of(*id)?,
        })
    });
    let edges = walk.edges().iter().filter_map(|edge| to_edge(edge, shown));
    proto::Graph {
        nodes: nodes.collect(),
        edges: edges.collect(),
        truncated: walk.truncated(),
    }
}

fn to_edge(edge: &Edge<NodeId>, nodes: &HashMap<NodeId, Node>) -> Option<proto::Edge> {
    let key = |id| Some(nodes.get(&id)?.key.clone().into());
    Some(proto::Edge {
        source: Some(key(edge.source)?),
        target: Some(key(edge.target)?),
        r#type: i32::from(edge.edge_type.number()),
        label: edge.label.clone(),
        held_from: None,
        held_until: None,
    })
}

/// The nodes along `path`, the ancestor first; `only` where it has no edges.
pub(crate) fn along(path: &[&Edge<NodeId>], only: NodeId) -> Vec<NodeId> {
    let first = path.first().map_or(only, |edge| edge.source);
    std::iter::once(first)
        .chain(path.iter().map(|edge| edge.target))
        .collect()
}

/// A path through `nodes`.
pub(crate) fn to_path(
    path: &[&Edge<NodeId>],
    only: NodeId,
    nodes: &HashMap<NodeId, Node>,
) -> proto::Path {
    let along = along(path, only);
    proto::Path {
        nodes: along
            .iter()
            .filter_map(|id| Some(nodes.get(id)?.clone().into()))
            .collect(),
        edges: path
            .iter()
            .filter_map(|edge| to_edge(edge, nodes))
            .collect(),
    }
}

impl From<NodeKey> for proto::NodeKey {
    fn from(key: NodeKey) -> Self {
        Self {
            kind: key.kind,
            name: key.name,
            version: key.version,
        }
    }
}

impl From<Node> for proto::Node {
    fn from(node: Node) -> Self {
        let attributes = node.facts.attributes.into_iter();
        Self {
            key: Some(node.key.into()),
            attributes: attributes
                .map(|(name, attribute)| (name, attribute.value))
                .collect(),
            tags: node.facts.tags.into_iter().collect(),
            revision: node.facts.revision,
            recorded_at: Some(to_timestamp(node.recorded_at)),
            held_from: node.facts.held.from.map(to_timestamp),
            held_until: node.facts.held.until.map(to_timestamp),
        }
    }
}

impl From<Verdict> for proto::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Clean => Self::Clean,
            Verdict::Tainted => Self::Tainted,
            Verdict::Incomplete => Self::Incomplete,
        }
    }
}
