//! Experiments as answers have them.

use herdbook_proto::{common::v1::Lifecycle, tracking::v1::Experiment};
use serde::Serialize;

use crate::mlflow::wire::millis;

#[derive(Serialize)]
pub(super) struct One {
    pub(super) experiment: Shown,
}

#[derive(Serialize)]
pub(super) struct Shown {
    experiment_id: String,
    name: String,
    artifact_location: String,
    lifecycle_stage: &'static str,
    last_update_time: Option<i64>,
    creation_time: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
struct Tag {
    key: String,
    value: String,
}

impl From<Experiment> for Shown {
    fn from(experiment: Experiment) -> Self {
        let mut tags: Vec<Tag> = experiment
            .tags
            .into_iter()
            .map(|(key, value)| Tag { key, value })
            .collect();
        tags.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Self {
            experiment_id: experiment.id.to_string(),
            name: experiment.name,
            artifact_location: format!("mlflow-artifacts:/{}", experiment.id),
            lifecycle_stage: stage(experiment.lifecycle),
            last_update_time: millis(experiment.updated_at.as_ref()),
            creation_time: millis(experiment.created_at.as_ref()),
            tags,
        }
    }
}

/// The lifecycle in MLflow's words.
pub(in crate::mlflow) fn stage(lifecycle: i32) -> &'static str {
    match Lifecycle::try_from(lifecycle) {
        Ok(Lifecycle::Deleted) => "deleted",
        _ => "active",
    }
}
