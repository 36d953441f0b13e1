//! Logged models as answers have them.

use herdbook_proto::tracking::v1::{LoggedModel, LoggedModelMetric, LoggedModelStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::mlflow::wire::millis;

/// The names of statuses, by their numbers.
const STATUSES: [(&str, LoggedModelStatus); 4] = [
    (
        "LOGGED_MODEL_STATUS_UNSPECIFIED",
        LoggedModelStatus::Unspecified,
    ),
    ("LOGGED_MODEL_PENDING", LoggedModelStatus::Pending),
    ("LOGGED_MODEL_READY", LoggedModelStatus::Ready),
    ("LOGGED_MODEL_UPLOAD_FAILED", LoggedModelStatus::Failed),
];

/// Where MLflow's clients find the files of a logged model.
pub(in crate::mlflow) fn artifact_uri(experiment: i64, model: &str) -> String {
    format!("mlflow-artifacts:/{experiment}/models/{model}/artifacts")
}

/// The status that a value names.
pub(super) fn status_of(value: &Value) -> Option<LoggedModelStatus> {
    let named = STATUSES.iter().enumerate();
    let mut named = named.filter(|(number, (name, _))| match value {
        Value::String(text) => text == name,
        other => other.as_u64() == u64::try_from(*number).ok(),
    });
    named.next().map(|(_, (_, status))| *status)
}

#[derive(Serialize)]
pub(super) struct One {
    pub(super) model: Shown,
}

#[derive(Serialize)]
pub(super) struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) models: Vec<Shown>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) next_page_token: String,
}

/// A key and its value.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Serialize)]
pub(super) struct Shown {
    info: Info,
    data: Data,
}

#[derive(Serialize)]
struct Info {
    model_id: String,
    experiment_id: String,
    name: String,
    creation_timestamp_ms: Option<i64>,
    last_updated_timestamp_ms: Option<i64>,
    artifact_uri: String,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    model_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source_run_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    status_message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair>,
}

#[derive(Serialize)]
struct Data {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<Pair>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
struct Metric {
    key: String,
    value: Value,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    dataset_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dataset_digest: String,
    model_id: String,
    run_id: String,
}

impl From<LoggedModel> for Shown {
    fn from(model: LoggedModel) -> Self {
        let status = model.status();
        let status = STATUSES.iter().find(|(_, known)| *known == status);
        Self {
            info: Info {
                artifact_uri: artifact_uri(model.experiment_id, &model.id),
                model_id: model.id,
                experiment_id: model.experiment_id.to_string(),
                name: model.name,
                creation_timestamp_ms: millis(model.created_at.as_ref()),
                last_updated_timestamp_ms: millis(model.updated_at.as_ref()),
                status: status.map_or(STATUSES[0].0, |(name, _)| name),
                model_type: model.r#type,
                source_run_id: model.source_run_id,
                status_message: model.status_message,
                tags: sorted(model.tags),
            },
            data: Data {
                params: sorted(model.params),
                metrics: model.metrics.into_iter().map(Into::into).collect(),
            },
        }
    }
}

fn sorted(pairs: impl IntoIterator<Item = (String, String)>) -> Vec<Pair> {
    let pairs = pairs.into_iter().map(|(key, value)| Pair { key, value });
    let mut pairs: Vec<Pair> = pairs.collect();
    pairs.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    pairs
}

impl From<LoggedModelMetric> for Metric {
    fn from(metric: LoggedModelMetric) -> Self {
        let dataset = metric.dataset.unwrap_or_default();
        Self {
            key: metric.key,
            value: number(metric.value),
            timestamp: metric.time_us.unwrap_or_default().div_euclid(1_000),
            step: metric.step,
            dataset_name: dataset.name,
            dataset_digest: dataset.digest,
            model_id: metric.model_id,
            run_id: metric.run_id,
        }
    }
}

/// A number in protobuf's JSON, where what JSON has no numbers for stands as a text.
fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_known_by_name_and_number() {
        assert_eq!(
            status_of(&"LOGGED_MODEL_READY".into()),
            Some(LoggedModelStatus::Ready)
        );
        assert_eq!(status_of(&3.into()), Some(LoggedModelStatus::Failed));
        assert_eq!(status_of(&"READY".into()), None);
        assert_eq!(status_of(&9.into()), None);
    }

    #[test]
    fn numbers_that_json_lacks_are_texts() {
        assert_eq!(number(0.5), 0.5);
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(number(f64::NEG_INFINITY), "-Infinity");
    }
}
