//! Data sets of an event: what read and wrote them, and how their columns came from others.

use herdbook_proto::{
    InvalidRequest,
    lineage::v1::{ColumnLink, ColumnLinks, EdgeType, NodeKey},
};
use sha2::{Digest as _, Sha256};

use super::{
    event::Dataset,
    facets::{
        ColumnLineage, DatasetType, Datasource, Documentation, InputField, LineageFields,
        Transformation,
    },
    mapping::{ATTRIBUTE_BYTES, Attributes, Cut, Recorder, is_valid},
    naming,
};

/// Bytes in the name of a column.
const FIELD_BYTES: usize = 900;
/// Bytes in the type of a transformation.
const TYPE_BYTES: usize = 64;

impl<'a> Recorder<'a> {
    /// What the activity read and wrote.
    pub(super) fn flows(&mut self, activity: &NodeKey) -> Result<(), InvalidRequest> {
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

    pub(super) fn dataset(
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
pub(super) fn state(dataset: &NodeKey, when: &str, activity: &NodeKey) -> NodeKey {
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

fn short(text: &str) -> String {
    cut_at(text, TYPE_BYTES)
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
