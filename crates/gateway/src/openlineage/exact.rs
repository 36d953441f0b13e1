//! Events that Herdbook exported itself: the facet `herdbook` says exactly what a node is, and what it
//! came from. In an event with one, what has none is there for other readers alone.

use std::collections::BTreeMap;

use herdbook_proto::{
    InvalidRequest,
    lineage::v1::{ColumnLink, ColumnLinks, EdgeType, NodeKey},
};
use serde::Deserialize;

use super::{
    event::{Event, Facets, nullable, refuse},
    facets,
    mapping::{Attributes, Recorder},
};

/// Name of the facet.
pub(crate) const NAME: &str = "herdbook";

#[derive(Deserialize)]
struct Exact {
    node: Key,
    /// Absent for a node that nobody has told of itself.
    attributes: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "nullable")]
    tags: Vec<String>,
    #[serde(default)]
    revision: i64,
    #[serde(default, deserialize_with = "nullable")]
    sources: Vec<Source>,
    #[serde(default, deserialize_with = "nullable")]
    columns: Vec<Columns>,
}

#[derive(Deserialize)]
struct Key {
    kind: String,
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Source {
    node: Key,
    #[serde(rename = "type")]
    edge_type: String,
    #[serde(default)]
    label: String,
}

#[derive(Deserialize)]
struct Columns {
    source: Key,
    links: Vec<Link>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Link {
    source_field: String,
    target_field: String,
    r#type: String,
    subtype: String,
    description: String,
    masking: bool,
}

impl From<Key> for NodeKey {
    fn from(key: Key) -> Self {
        Self {
            kind: key.kind,
            name: key.name,
            version: key.version,
        }
    }
}

/// Whether the event says exactly what its nodes are.
pub(super) fn is_exact(event: &Event) -> bool {
    let run = event.run.iter().map(|run| &run.facets);
    let job = event.job.iter().map(|job| &job.facets);
    let datasets = event
        .dataset
        .iter()
        .chain(&event.inputs)
        .chain(&event.outputs);
    let mut all = run
        .chain(job)
        .chain(datasets.map(|dataset| &dataset.facets));
    all.any(|facets| facets.contains_key(NAME))
}

/// Records what the event says exactly.
pub(super) fn record(recorder: &mut Recorder<'_>) -> Result<(), InvalidRequest> {
    let event = recorder.event;
    let none = BTreeMap::new();
    recorder.run = String::new();
    if let Some(run) = &event.run {
        let exact = read(&run.facets, "run.facets")?;
        recorder.run = exact.map(|exact| exact.node.name).unwrap_or_default();
        item(recorder, &run.facets, "run.facets", [&none, &none])?;
    }
    if let Some(job) = &event.job {
        item(recorder, &job.facets, "job.facets", [&none, &none])?;
    }
    for (scope, _, dataset) in recorder.datasets() {
        let roles = [&dataset.input_facets, &dataset.output_facets];
        item(recorder, &dataset.facets, &format!("{scope}.facets"), roles)?;
    }
    Ok(())
}

fn read(facets: &Facets, scope: &str) -> Result<Option<Exact>, InvalidRequest> {
    facets::read(facets, NAME, scope).map_err(refuse)
}

/// Records a node that has the facet.
fn item(
    recorder: &mut Recorder<'_>,
    facets: &Facets,
    scope: &str,
    [input, output]: [&Facets; 2],
) -> Result<(), InvalidRequest> {
    let Some(exact) = read(facets, scope)? else {
        return Ok(());
    };
    let key = NodeKey::from(exact.node);
    recorder.revision = exact.revision;
    if let Some(attributes) = exact.attributes {
        recorder.tell(&key, Attributes(attributes), exact.tags);
    }
    for (index, source) in exact.sources.into_iter().enumerate() {
        let name = format!("EDGE_TYPE_{}", source.edge_type);
        let Some(edge_type) = EdgeType::from_str_name(&name) else {
            let field = format!("{scope}.{NAME}.sources[{index}].type");
            let what = "must be one of USED, GENERATED, DERIVED_FROM and PART_OF";
            return Err(InvalidRequest::field(field, what));
        };
        recorder.edge(source.node.into(), &key, edge_type, &source.label);
    }
    for columns in exact.columns {
        let links = columns.links.into_iter().map(|link| ColumnLink {
            source_field: link.source_field,
            target_field: link.target_field,
            r#type: link.r#type,
            subtype: link.subtype,
            description: link.description,
            masking: link.masking,
        });
        recorder.record.column_links.push(ColumnLinks {
            source: Some(columns.source.into()),
            target: Some(key.clone()),
            links: links.collect(),
        });
    }
    recorder.attach(&key, "", facets);
    recorder.attach(&key, "input", input);
    recorder.attach(&key, "output", output);
    Ok(())
}
