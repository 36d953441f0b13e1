//! What an event says, as a record of the lineage service.
//!
//! A run used its inputs and generated its outputs; it is part of its parent run, and used its job, the
//! job's source and the engine. A JobEvent says the same of the job itself. An event is mapped by
//! itself alone, and what it says counts by its time: so order and number of events do not matter.
//!
//! **In place.** A run that reads and writes one data set would be its own ancestor. It generates the
//! data set, and what it read is a state of its own, `before:RUN`; its other outputs come from the
//! data set. So whatever reads the data set later descends from all who ever wrote to it.

use std::collections::{BTreeMap, HashMap};

use herdbook_core::{NameError, check_key, check_name};
use herdbook_proto::{
    InvalidRequest, Violations,
    lineage::v1::{ColumnLinks, Edge, EdgeType, Facet, Node, NodeKey, RecordRequest},
};

use super::{
    datasets::state,
    event::{Dataset, Event, Facets},
    exact,
    facets::{self, DatasetVersion, Lineage, Place, Tags},
    naming,
    time::revision,
};

/// Bytes in an attribute; longer texts are in the facet alone.
pub(super) const ATTRIBUTE_BYTES: usize = 64 * 1024;
/// Characters in the label of an edge.
const LABEL_CHARS: usize = 255;
/// Tags that one event puts on a node.
const TAGS: usize = 50;

/// What of an event is cut, because it closes a cycle with events before: jobs in a loop, each of which
/// reads what the other wrote. A data set with a version is never cut: it is one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    /// All is kept.
    Nothing,
    /// What is read is a state `before:RUN` of which nothing more is known, so that proofs say so.
    Reads,
    /// What is written is a state `after:RUN` too, and the data set has an unknown source `loop:RUN`.
    ReadsAndWrites,
}

/// The record of an event.
pub(crate) fn record(event: &Event, cut: Cut) -> Result<RecordRequest, InvalidRequest> {
    let mut recorder = Recorder::new(event, cut);
    recorder.check_names();
    recorder.check_facets();
    std::mem::take(&mut recorder.violations).finish()?;
    if exact::is_exact(event) {
        exact::record(&mut recorder)?;
    } else {
        recorder.record()?;
    }
    recorder.violations.finish()?;
    Ok(recorder.record)
}

/// A record being put together.
pub(super) struct Recorder<'a> {
    pub(super) event: &'a Event,
    pub(super) cut: Cut,
    pub(super) record: RecordRequest,
    pub(super) violations: Violations,
    pub(super) revision: i64,
    /// Id of the run that tells; empty if none does.
    pub(super) run: String,
    /// Links by source and target, so that a wide table names them once.
    pub(super) links: BTreeMap<[String; 6], ColumnLinks>,
    /// What a data set of the event is, by namespace and name.
    named: HashMap<(&'a str, &'a str), NodeKey>,
}

impl<'a> Recorder<'a> {
    fn new(event: &'a Event, cut: Cut) -> Self {
        let run = event.run.as_ref();
        Self {
            event,
            cut,
            record: RecordRequest::default(),
            violations: Violations::default(),
            revision: revision(event.event_time, event.event_type),
            run: run
                .map(|run| run.run_id.0.simple().to_string())
                .unwrap_or_default(),
            links: BTreeMap::new(),
            named: HashMap::new(),
        }
    }

    /// The data sets of the event, with where they stand.
    pub(super) fn datasets(&self) -> impl Iterator<Item = (String, Place, &'a Dataset)> + use<'a> {
        let at = |list: &'static str, place: Place| {
            move |(index, dataset): (usize, &'a Dataset)| {
                (format!("{list}[{index}]"), place, dataset)
            }
        };
        let event = self.event;
        let own = event.dataset.iter();
        own.map(|dataset| ("dataset".to_owned(), Place::Dataset, dataset))
            .chain(
                event
                    .inputs
                    .iter()
                    .enumerate()
                    .map(at("inputs", Place::Input)),
            )
            .chain(
                event
                    .outputs
                    .iter()
                    .enumerate()
                    .map(at("outputs", Place::Output)),
            )
    }

    fn check_names(&mut self) {
        if let Some(job) = &self.event.job {
            naming::check("job", &job.namespace, &job.name, &mut self.violations);
        }
        for (scope, _, dataset) in self.datasets() {
            naming::check(
                &scope,
                &dataset.namespace,
                &dataset.name,
                &mut self.violations,
            );
        }
    }

    fn check_facets(&mut self) {
        let event = self.event;
        let run = event
            .run
            .iter()
            .map(|run| ("run.facets".to_owned(), Place::Run, &run.facets));
        let job = event
            .job
            .iter()
            .map(|job| ("job.facets".to_owned(), Place::Job, &job.facets));
        let datasets = self.datasets().flat_map(|(scope, _, dataset)| {
            [
                (format!("{scope}.facets"), Place::Dataset, &dataset.facets),
                (
                    format!("{scope}.inputFacets"),
                    Place::Input,
                    &dataset.input_facets,
                ),
                (
                    format!("{scope}.outputFacets"),
                    Place::Output,
                    &dataset.output_facets,
                ),
            ]
        });
        let all: Vec<_> = run.chain(job).chain(datasets).collect();
        for (scope, place, facets) in all {
            for (name, facet) in facets {
                let field = format!("{scope}.{name}");
                self.violations.check(field.clone(), check_key(name));
                if let Err(wrong) = facets::check(place, name, facet, &field) {
                    self.violations.add(wrong.field, wrong.description);
                }
            }
        }
    }

    fn record(&mut self) -> Result<(), InvalidRequest> {
        let event = self.event;
        for (scope, _, dataset) in self.datasets() {
            let key = self.dataset_key(dataset, &scope)?;
            let name = (dataset.namespace.as_str(), dataset.name.as_str());
            // Inputs come first: of a data set that is read and written, columns come from what was read.
            self.named.entry(name).or_insert(key);
        }
        let job = event.job.as_ref().map(|job| self.job(job)).transpose()?;
        let run = event
            .run
            .as_ref()
            .map(|run| self.run(run, job.as_ref()))
            .transpose()?;
        let activity = run.or(job);
        if let Some(activity) = &activity {
            self.flows(activity)?;
        }
        for (scope, _, dataset) in self.datasets() {
            self.dataset(dataset, &scope, activity.as_ref())?;
        }
        if let (Some(job), Some(activity)) = (&event.job, &activity) {
            let lineage: Option<Lineage> = self.read(&job.facets, "lineage", "job.facets")?;
            for entry in lineage.into_iter().flat_map(|lineage| lineage.entries) {
                self.entry(entry, activity);
            }
        }
        self.record.column_links = std::mem::take(&mut self.links).into_values().collect();
        Ok(())
    }

    /// The facet of this name, by its type.
    pub(super) fn read<T: serde::de::DeserializeOwned>(
        &self,
        facets: &Facets,
        name: &str,
        scope: &str,
    ) -> Result<Option<T>, InvalidRequest> {
        facets::read(facets, name, scope).map_err(super::event::refuse)
    }

    /// A data set of the event as it is, or one that only its name tells of.
    pub(super) fn named(&self, namespace: &str, name: &str) -> NodeKey {
        let known = self.named.get(&(namespace, name));
        known
            .cloned()
            .unwrap_or_else(|| naming::dataset(namespace, name, ""))
    }

    /// A data set as `activity` read it.
    pub(super) fn as_read(&self, dataset: &NodeKey, activity: &NodeKey) -> NodeKey {
        if dataset.version.is_empty() && dataset.kind == "dataset" && self.cut >= Cut::Reads {
            state(dataset, "before", activity)
        } else {
            dataset.clone()
        }
    }

    pub(super) fn dataset_key(
        &self,
        dataset: &Dataset,
        scope: &str,
    ) -> Result<NodeKey, InvalidRequest> {
        let scope = format!("{scope}.facets");
        let version: Option<DatasetVersion> = self.read(&dataset.facets, "version", &scope)?;
        let version = version
            .map(|version| version.dataset_version)
            .unwrap_or_default();
        if !version.is_empty() {
            check_name(&version).map_err(|error| {
                InvalidRequest::field(format!("{scope}.version.datasetVersion"), error)
            })?;
        }
        Ok(naming::dataset(&dataset.namespace, &dataset.name, &version))
    }

    pub(super) fn tags(&self, facets: &Facets, scope: &str) -> Result<Vec<String>, InvalidRequest> {
        let tags: Option<Tags> = self.read(facets, "tags", scope)?;
        let tags = tags.into_iter().flat_map(|tags| tags.tags);
        // A tag of a column is not one of the data set.
        let own = tags.filter(|tag| tag.field.as_deref().unwrap_or_default().is_empty());
        let text = own.map(|tag| match tag.value.as_str() {
            "" | "true" => tag.key,
            value => format!("{}:{value}", tag.key),
        });
        Ok(text
            .filter(|tag| check_key(tag).is_ok())
            .take(TAGS)
            .collect())
    }

    /// Something that was used besides data, if it can be named in the graph.
    pub(super) fn source(
        &mut self,
        key: NodeKey,
        attributes: Attributes,
        activity: &NodeKey,
        label: &str,
    ) {
        if is_valid(&key) {
            self.tell(&key, attributes, Vec::new());
            self.edge(key, activity, EdgeType::Used, label);
        }
    }

    pub(super) fn tell(&mut self, key: &NodeKey, attributes: Attributes, tags: Vec<String>) {
        self.record.nodes.push(Node {
            key: Some(key.clone()),
            attributes: attributes.0,
            tags,
            revision: self.revision,
            ..Node::default()
        });
    }

    pub(super) fn edge(
        &mut self,
        source: NodeKey,
        target: &NodeKey,
        edge_type: EdgeType,
        label: &str,
    ) {
        let fits = label.chars().count() <= LABEL_CHARS && !label.chars().any(char::is_control);
        if source != *target {
            self.record.edges.push(Edge {
                source: Some(source),
                target: Some(target.clone()),
                r#type: edge_type.into(),
                label: if fits {
                    label.to_owned()
                } else {
                    String::new()
                },
                ..Edge::default()
            });
        }
    }

    pub(super) fn attach(&mut self, node: &NodeKey, scope: &str, facets: &Facets) {
        let facets = facets.iter().filter(|(name, _)| *name != exact::NAME);
        let facets = facets.map(|(name, document)| Facet {
            node: Some(node.clone()),
            name: name.clone(),
            scope: scope.to_owned(),
            run: self.run.clone(),
            document: document.get().to_owned(),
            revision: self.revision,
            recorded_at: None,
        });
        self.record.facets.extend(facets);
    }
}

/// Attributes of a node: what is empty or too long for one is left out.
#[derive(Default)]
pub(super) struct Attributes(pub(super) BTreeMap<String, String>);

impl Attributes {
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() && value.len() <= ATTRIBUTE_BYTES && !value.contains('\0') {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Whether the graph takes such a key. What is derived from facets alone must not refuse an event.
pub(super) fn is_valid(key: &NodeKey) -> bool {
    let name = match check_name(&key.name) {
        Err(NameError::TooLong { .. }) => key.name.len() <= 1_024,
        checked => checked.is_ok(),
    };
    name && (key.version.is_empty() || check_name(&key.version).is_ok())
}
