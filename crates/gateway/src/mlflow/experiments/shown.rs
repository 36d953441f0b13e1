//! Experiments as answers have them.

use std::collections::BTreeMap;

use herdbook_proto::{common::v1::Lifecycle, tracking::v1::Experiment};
use serde::{Serialize, Serializer};

use crate::mlflow::wire::{Pairs, millis};

/// The tag in which the place is kept that a client wants files in; it is shown, and not used.
pub(super) const LOCATION: &str = "mlflow.artifactLocation";

#[derive(Serialize)]
pub(super) struct One {
    pub(super) experiment: Shown,
}

#[derive(Serialize)]
pub(in crate::mlflow) struct Shown {
    experiment_id: String,
    name: String,
    artifact_location: String,
    lifecycle_stage: &'static str,
    last_update_time: Option<i64>,
    creation_time: Option<i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "pairs")]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
}

fn pairs<S: Serializer>(tags: &BTreeMap<String, String>, writer: S) -> Result<S::Ok, S::Error> {
    Pairs(tags).serialize(writer)
}

impl Shown {
    /// An experiment of this workspace.
    pub(in crate::mlflow) fn of(mut experiment: Experiment, workspace: Option<&str>) -> Self {
        let wanted = experiment.tags.remove(LOCATION);
        Self {
            experiment_id: experiment.id.to_string(),
            artifact_location: wanted
                .unwrap_or_else(|| format!("mlflow-artifacts:/{}", experiment.id)),
            lifecycle_stage: match experiment.lifecycle() {
                Lifecycle::Deleted => "deleted",
                _ => "active",
            },
            last_update_time: millis(experiment.updated_at.as_ref()),
            creation_time: millis(experiment.created_at.as_ref()),
            name: experiment.name,
            tags: experiment.tags,
            workspace: workspace.map(str::to_owned),
        }
    }
}
