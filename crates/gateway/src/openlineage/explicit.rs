//! Explicit lineage: what a producer says of the flow between things, besides inputs and outputs.

use herdbook_proto::lineage::v1::{EdgeType, NodeKey};

use super::{
    event::RunId,
    facets::{LineageEntry, LineageFields, LineageInput},
    mapping::{Recorder, is_valid},
    naming,
};

impl Recorder<'_> {
    /// An entry of a job's facet.
    pub(super) fn entry(&mut self, entry: LineageEntry, activity: &NodeKey) {
        match entry {
            LineageEntry::Dataset {
                namespace,
                name,
                flows,
            } => {
                let target = self.named(&namespace, &name);
                self.explicit(flows, &target, Some(activity));
            }
            LineageEntry::Job {
                namespace,
                name,
                run_id,
                inputs,
            } => {
                let target = job(namespace, name, run_id).unwrap_or_else(|| activity.clone());
                for input in inputs {
                    self.flow(input, &target, Some(activity));
                }
            }
        }
    }

    /// What flows into a data set and into its columns.
    pub(super) fn explicit(
        &mut self,
        flows: LineageFields,
        target: &NodeKey,
        activity: Option<&NodeKey>,
    ) {
        if !is_valid(target) {
            return;
        }
        for input in flows.inputs {
            if let LineageInput::Dataset {
                namespace,
                name,
                field: Some(field),
                transformations,
            } = &input
            {
                let source = self.named(namespace, name);
                self.link(source, field.clone(), target, "", transformations);
            }
            self.flow(input, target, activity);
        }
        for (column, inputs) in flows.fields {
            for input in inputs.inputs {
                if let LineageInput::Dataset {
                    namespace,
                    name,
                    field,
                    transformations,
                } = &input
                {
                    let source = self.named(namespace, name);
                    let field = field.clone().unwrap_or_default();
                    self.link(source, field, target, &column, transformations);
                }
                self.flow(input, target, activity);
            }
        }
    }

    /// An edge from a source to a data set or a job.
    fn flow(&mut self, input: LineageInput, target: &NodeKey, activity: Option<&NodeKey>) {
        let to_data = target.kind == "dataset";
        let (source, edge_type) = match input {
            LineageInput::Dataset {
                namespace, name, ..
            } => {
                let named = self.named(&namespace, &name);
                let read = match activity {
                    Some(activity) => self.as_read(&named, activity),
                    None => named,
                };
                let edge_type = if to_data {
                    EdgeType::DerivedFrom
                } else {
                    EdgeType::Used
                };
                (read, edge_type)
            }
            LineageInput::Job {
                namespace,
                name,
                run_id,
                ..
            } => {
                let named = job(namespace, name, run_id).or_else(|| activity.cloned());
                let Some(source) = named else { return };
                let edge_type = if to_data {
                    EdgeType::Generated
                } else {
                    EdgeType::DerivedFrom
                };
                (source, edge_type)
            }
        };
        if is_valid(&source) && is_valid(target) {
            self.edge(source, target, edge_type, "");
        }
    }
}

/// A run if it is named, or else a job; `None` for that of the event.
fn job(namespace: Option<String>, name: Option<String>, run_id: Option<RunId>) -> Option<NodeKey> {
    match (run_id, namespace, name) {
        (Some(run), ..) => Some(naming::run(run.0)),
        (None, Some(namespace), Some(name)) => Some(naming::job(&namespace, &name)),
        _ => None,
    }
}
