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
    lineage::v1::{ColumnLink, ColumnLinks, Edge, EdgeType, Facet, Node, NodeKey, RecordRequest},
};
use sha2::{Digest as _, Sha256};

use super::{
    event::{Dataset, Event, EventType, Facets, Job, Run},
    exact,
    facets::{
        self, ColumnLineage, DatasetType, DatasetVersion, Datasource, Documentation, ErrorMessage,
        InputField, JobType, Lineage, LineageFields, NominalTime, Parent, Place, ProcessingEngine,
        SourceCode, SourceCodeLocation, Tags, Transformation,
    },
    naming,
    time::revision,
};

/// Bytes in an attribute; longer texts are in the facet alone.
const ATTRIBUTE_BYTES: usize = 64 * 1024;
/// Bytes in the name of a column.
const FIELD_BYTES: usize = 900;
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
    cut: Cut,
    pub(super) record: RecordRequest,
    pub(super) violations: Violations,
    pub(super) revision: i64,
    /// Id of the run that tells; empty if none does.
    pub(super) run: String,
    /// Links by source and target, so that a wide table names them once.
    links: BTreeMap<[String; 6], ColumnLinks>,
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
        for (scope, place, dataset) in self.datasets() {
            let key = self.dataset_key(dataset, &scope)?;
            let name = (dataset.namespace.as_str(), dataset.name.as_str());
            // Of a data set that is read and written, columns come from what it is.
            if place != Place::Input || !self.named.contains_key(&name) {
                self.named.entry(name).or_insert(key);
            }
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
    fn read<T: serde::de::DeserializeOwned>(
        &self,
        facets: &Facets,
        name: &str,
        scope: &str,
    ) -> Result<Option<T>, InvalidRequest> {
        facets::read(facets, name, scope).map_err(super::event::refuse)
    }

    fn job(&mut self, job: &Job) -> Result<NodeKey, InvalidRequest> {
        let key = naming::job(&job.namespace, &job.name);
        let facets = &job.facets;
        let mut attributes = Attributes::default();
        attributes.add("namespace", &job.namespace);
        attributes.add("name", &job.name);
        if let Some(kind) = self.read::<JobType>(facets, "jobType", "job.facets")? {
            attributes.add("integration", &kind.integration);
            attributes.add("processing_type", &kind.processing_type);
            attributes.add("job_type", kind.job_type.as_deref().unwrap_or_default());
        }
        if let Some(about) = self.read::<Documentation>(facets, "documentation", "job.facets")? {
            attributes.add("description", &about.description);
        }
        let tags = self.tags(facets, "job.facets")?;
        self.tell(&key, attributes, tags);
        self.attach(&key, "", facets);
        Ok(key)
    }

    fn run(&mut self, run: &Run, job: Option<&NodeKey>) -> Result<NodeKey, InvalidRequest> {
        let key = naming::run(run.run_id.0);
        let facets = &run.facets;
        let mut attributes = Attributes::default();
        if let Some(job) = &self.event.job {
            attributes.add("name", &job.name);
        }
        let time = self.event.event_time.0.to_rfc3339();
        match self.event.event_type {
            Some(EventType::Start) => attributes.add("started_at", &time),
            Some(EventType::Complete | EventType::Fail | EventType::Abort) => {
                attributes.add("ended_at", &time);
            }
            Some(EventType::Running | EventType::Other) | None => {}
        }
        attributes.add("status", status(self.event.event_type));
        if let Some(due) = self.read::<NominalTime>(facets, "nominalTime", "run.facets")? {
            attributes.add("nominal_time", &due.nominal_start_time.0.to_rfc3339());
        }
        if let Some(error) = self.read::<ErrorMessage>(facets, "errorMessage", "run.facets")? {
            attributes.add("error", &error.message);
        }
        let tags = self.tags(facets, "run.facets")?;
        self.tell(&key, attributes, tags);
        self.attach(&key, "", facets);
        if let Some(job) = job {
            self.edge(job.clone(), &key, EdgeType::Used, "job");
        }
        if let Some(engine) =
            self.read::<ProcessingEngine>(facets, "processing_engine", "run.facets")?
        {
            let name = engine.name.unwrap_or_else(|| "engine".to_owned());
            let environment = naming::key("environment", name.to_lowercase(), engine.version);
            self.source(environment, Attributes::default(), &key, "engine");
        }
        if let Some(parent) = self.read::<Parent>(facets, "parent", "run.facets")? {
            self.parent(&parent, &key);
        }
        Ok(key)
    }

    fn parent(&mut self, parent: &Parent, child: &NodeKey) {
        let run = naming::run(parent.run.run_id.0);
        let job = naming::job(&parent.job.namespace, &parent.job.name);
        if run == *child || !is_valid(&job) {
            return;
        }
        let mut attributes = Attributes::default();
        attributes.add("name", &parent.job.name);
        self.tell(&run, attributes, Vec::new());
        let mut attributes = Attributes::default();
        attributes.add("namespace", &parent.job.namespace);
        attributes.add("name", &parent.job.name);
        self.tell(&job, attributes, Vec::new());
        self.edge(job, &run, EdgeType::Used, "job");
        self.edge(run, child, EdgeType::PartOf, "parent");
    }

    /// What the job's source is, for whatever ran it.
    fn code(&mut self, job: &Job, activity: &NodeKey) -> Result<(), InvalidRequest> {
        let scope = "job.facets";
        if let Some(code) =
            self.read::<SourceCodeLocation>(&job.facets, "sourceCodeLocation", scope)?
        {
            let repository = code.repo_url.as_deref().filter(|url| !url.is_empty());
            let version = code.version.as_deref().unwrap_or_default();
            let key = naming::code(repository.unwrap_or(&code.url), version);
            let mut attributes = Attributes::default();
            attributes.add("url", &code.url);
            attributes.add("branch", code.branch.as_deref().unwrap_or_default());
            let path = code.path.as_deref().unwrap_or_default();
            attributes.add("entry_point", path);
            self.source(key, attributes, activity, path);
        }
        if let Some(code) = self.read::<SourceCode>(&job.facets, "sourceCode", scope)? {
            let of = naming::job(&job.namespace, &job.name);
            let mut attributes = Attributes::default();
            attributes.add("language", &code.language);
            let key = naming::source_code(&of, &code.source_code);
            self.source(key, attributes, activity, "source");
        }
        Ok(())
    }

    /// What the activity read and wrote.
    fn flows(&mut self, activity: &NodeKey) -> Result<(), InvalidRequest> {
        let event = self.event;
        if let Some(job) = &event.job {
            self.code(job, activity)?;
        }
        let keys = |list: &'a [Dataset], name: &str, recorder: &Self| {
            let numbered = list.iter().enumerate();
            let keys = numbered
                .map(|(index, dataset)| recorder.dataset_key(dataset, &format!("{name}[{index}]")));
            keys.collect::<Result<Vec<_>, _>>()
        };
        let inputs = keys(&event.inputs, "inputs", self)?;
        let outputs = keys(&event.outputs, "outputs", self)?;
        for (input, dataset) in inputs.iter().zip(&event.inputs) {
            if is_in_place(input, &outputs) {
                let before = state(input, "before", activity);
                self.tell(&before, names(dataset), Vec::new());
                self.edge(before, activity, EdgeType::Used, "");
                for other in outputs.iter().filter(|output| output.name != input.name) {
                    self.edge(input.clone(), other, EdgeType::DerivedFrom, "in place");
                }
            } else {
                let read = self.as_read(input, activity);
                self.edge(read, activity, EdgeType::Used, "");
            }
        }
        for output in &outputs {
            let written = if output.version.is_empty() && self.cut == Cut::ReadsAndWrites {
                let unknown = state(output, "loop", activity);
                self.edge(unknown, output, EdgeType::DerivedFrom, "loop");
                state(output, "after", activity)
            } else {
                output.clone()
            };
            self.edge(activity.clone(), &written, EdgeType::Generated, "");
            if !output.version.is_empty() && self.cut == Cut::Nothing && output.kind == "dataset" {
                let all = naming::key(&output.kind, output.name.clone(), "");
                self.edge(output.clone(), &all, EdgeType::PartOf, "version");
            }
        }
        Ok(())
    }

    fn dataset(
        &mut self,
        dataset: &'a Dataset,
        scope: &str,
        activity: Option<&NodeKey>,
    ) -> Result<(), InvalidRequest> {
        let key = self.dataset_key(dataset, scope)?;
        let facets_scope = format!("{scope}.facets");
        let facets = &dataset.facets;
        let mut attributes = names(dataset);
        if let Some(kind) = self.read::<DatasetType>(facets, "datasetType", &facets_scope)? {
            attributes.add("dataset_type", &kind.dataset_type);
        }
        if let Some(about) = self.read::<Documentation>(facets, "documentation", &facets_scope)? {
            attributes.add("description", &about.description);
        }
        if let Some(place) = self.read::<Datasource>(facets, "dataSource", &facets_scope)? {
            attributes.add("source_uri", place.uri.as_deref().unwrap_or_default());
        }
        let tags = self.tags(facets, &facets_scope)?;
        if !key.version.is_empty() && facets.contains_key("symlinks") {
            // Its other names mean the data set as a whole too.
            let all = naming::key(&key.kind, key.name.clone(), "");
            self.tell(&all, names(dataset), Vec::new());
        }
        self.tell(&key, attributes, tags);
        self.attach(&key, "", facets);
        self.attach(&key, "input", &dataset.input_facets);
        self.attach(&key, "output", &dataset.output_facets);
        if let Some(columns) = self.read::<ColumnLineage>(facets, "columnLineage", &facets_scope)? {
            self.columns(columns, &key);
        }
        if let Some(flows) = self.read::<LineageFields>(facets, "lineage", &facets_scope)? {
            self.explicit(flows, &key, activity);
        }
        Ok(())
    }

    fn columns(&mut self, columns: ColumnLineage, target: &NodeKey) {
        for (field, column) in columns.fields {
            let old = column.transformation_type.map(|kind| Transformation {
                masking: Some(kind == "MASKED"),
                kind,
                subtype: None,
                description: column.transformation_description,
            });
            for input in column.input_fields {
                self.column(input, target, &field, old.as_ref());
            }
        }
        for input in columns.dataset {
            self.column(input, target, "", None);
        }
    }

    fn column(
        &mut self,
        input: InputField,
        target: &NodeKey,
        field: &str,
        old: Option<&Transformation>,
    ) {
        let source = self.named(&input.namespace, &input.name);
        let transformations = match (input.transformations.is_empty(), old) {
            (true, Some(old)) => vec![old.clone()],
            _ => input.transformations,
        };
        self.link(source, input.field, target, field, &transformations);
    }

    /// Adds links from a column, one for each transformation.
    pub(super) fn link(
        &mut self,
        source: NodeKey,
        source_field: String,
        target: &NodeKey,
        target_field: &str,
        transformations: &[Transformation],
    ) {
        let too_long = [source_field.as_str(), target_field]
            .iter()
            .any(|field| field.len() > FIELD_BYTES || field.contains('\0'));
        if too_long {
            let what =
                format!("has a column of more than {FIELD_BYTES} bytes, or with a NUL character");
            self.violations.add("columnLineage", what);
            return;
        }
        if !is_valid(&source) {
            return;
        }
        let ends =
            [&source, target].map(|key| [&key.kind, &key.name, &key.version].map(Clone::clone));
        let [[a, b, c], [d, e, f]] = ends;
        let links = self
            .links
            .entry([a, b, c, d, e, f])
            .or_insert_with(|| ColumnLinks {
                source: Some(source),
                target: Some(target.clone()),
                links: Vec::new(),
            });
        let link = |transformation: Option<&Transformation>| ColumnLink {
            source_field: source_field.clone(),
            target_field: target_field.to_owned(),
            r#type: transformation.map(|t| short(&t.kind)).unwrap_or_default(),
            subtype: transformation
                .and_then(|t| t.subtype.as_deref().map(short))
                .unwrap_or_default(),
            description: transformation
                .and_then(|t| t.description.as_deref().map(long))
                .unwrap_or_default(),
            masking: transformation.and_then(|t| t.masking).unwrap_or_default(),
        };
        if transformations.is_empty() {
            links.links.push(link(None));
        }
        links
            .links
            .extend(transformations.iter().map(|t| link(Some(t))));
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

    fn dataset_key(&self, dataset: &Dataset, scope: &str) -> Result<NodeKey, InvalidRequest> {
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

    fn tags(&self, facets: &Facets, scope: &str) -> Result<Vec<String>, InvalidRequest> {
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
    fn source(&mut self, key: NodeKey, attributes: Attributes, activity: &NodeKey, label: &str) {
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
pub(super) struct Attributes(pub(super) HashMap<String, String>);

impl Attributes {
    fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() && value.len() <= ATTRIBUTE_BYTES && !value.contains('\0') {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// How a data set is named.
fn names(dataset: &Dataset) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.add("namespace", &dataset.namespace);
    attributes.add("name", &dataset.name);
    if !dataset.namespace.starts_with(naming::OWN) {
        attributes.add("uri", &naming::uri(&dataset.namespace, &dataset.name));
    }
    attributes
}

/// Whether an input is written too: as it is, or any state of it as its next version.
fn is_in_place(input: &NodeKey, outputs: &[NodeKey]) -> bool {
    outputs.iter().any(|output| {
        let same_name = output.kind == input.kind && output.name == input.name;
        same_name && (input.version.is_empty() || output.version == input.version)
    })
}

/// A state of a data set that only `activity` saw.
fn state(dataset: &NodeKey, when: &str, activity: &NodeKey) -> NodeKey {
    let who = match activity.kind.as_str() {
        "run" => activity.name.clone(),
        // The name of a job may be longer than a version.
        _ => {
            let digest = Sha256::digest(activity.name.as_bytes());
            digest
                .iter()
                .take(16)
                .map(|byte| format!("{byte:02x}"))
                .collect()
        }
    };
    naming::key(&dataset.kind, dataset.name.clone(), format!("{when}:{who}"))
}

/// Whether the graph takes such a key. What is derived from facets alone must not refuse an event.
pub(super) fn is_valid(key: &NodeKey) -> bool {
    let name = match check_name(&key.name) {
        Err(NameError::TooLong { .. }) => key.name.len() <= 1_024,
        checked => checked.is_ok(),
    };
    name && (key.version.is_empty() || check_name(&key.version).is_ok())
}

fn short(text: &str) -> String {
    cut_at(text, 64)
}

fn long(text: &str) -> String {
    cut_at(text, ATTRIBUTE_BYTES)
}

/// The beginning of a text, without NUL characters, which Postgres cannot keep.
fn cut_at(text: &str, bytes: usize) -> String {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "")
}

/// The status of a run, as Herdbook's own runs have it.
fn status(event_type: Option<EventType>) -> &'static str {
    match event_type {
        Some(EventType::Start | EventType::Running) => "RUNNING",
        Some(EventType::Complete) => "FINISHED",
        Some(EventType::Fail) => "FAILED",
        Some(EventType::Abort) => "KILLED",
        Some(EventType::Other) | None => "",
    }
}
