//! Runs as answers have them, written straight from what the services say.

use herdbook_proto::{
    common::v1::Lifecycle,
    tracking::v1::{DatasetInput, MetricSummary, ModelOutput, Run, RunModels, RunStatus},
};
use serde::{Serialize, Serializer};

use super::tags;
use crate::mlflow::{
    inputs,
    wire::{Number, Pairs, millis},
};

#[derive(Serialize)]
pub(in crate::mlflow) struct One<'a> {
    pub(in crate::mlflow) run: Whole<'a>,
}

/// A run.
#[derive(Serialize)]
pub(in crate::mlflow) struct Whole<'a> {
    info: Info<'a>,
    data: Data<'a>,
    inputs: Inputs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Outputs<'a>>,
}

/// Its attributes.
#[derive(Serialize)]
pub(in crate::mlflow) struct Info<'a> {
    run_uuid: &'a str,
    experiment_id: String,
    run_name: &'a str,
    user_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    artifact_uri: String,
    lifecycle_stage: &'static str,
    run_id: &'a str,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "is_empty", serialize_with = "latest")]
    metrics: &'a [MetricSummary],
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    params: Pairs<'a>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    tags: Pairs<'a>,
}

#[derive(Serialize)]
struct Latest<'a> {
    key: &'a str,
    value: Number,
    timestamp: i64,
    step: i64,
}

#[derive(Serialize)]
struct Inputs<'a> {
    #[serde(skip_serializing_if = "is_empty", serialize_with = "datasets")]
    dataset_inputs: &'a [DatasetInput],
    #[serde(skip_serializing_if = "is_empty", serialize_with = "models")]
    model_inputs: &'a [String],
}

#[derive(Serialize)]
struct ModelInput<'a> {
    model_id: &'a str,
}

#[derive(Serialize)]
struct Outputs<'a> {
    #[serde(skip_serializing_if = "is_empty", serialize_with = "made")]
    model_outputs: &'a [ModelOutput],
}

#[derive(Serialize)]
struct ShownOutput<'a> {
    model_id: &'a str,
    step: i64,
}

impl<'a> Whole<'a> {
    /// `run`, with the models it used and made, unless it is just made itself.
    pub(in crate::mlflow) fn of(run: &'a Run, models: Option<&'a RunModels>) -> Self {
        Self {
            info: Info::of(run),
            data: Data {
                metrics: &run.metrics,
                params: Pairs(&run.params),
                tags: Pairs(&run.tags),
            },
            inputs: Inputs {
                dataset_inputs: &run.inputs,
                model_inputs: models.map_or(&[], |models| &models.input_model_ids),
            },
            outputs: models.map(|models| Outputs {
                model_outputs: &models.outputs,
            }),
        }
    }
}

impl<'a> Info<'a> {
    pub(in crate::mlflow) fn of(run: &'a Run) -> Self {
        Self {
            run_uuid: &run.id,
            experiment_id: run.experiment_id.to_string(),
            run_name: &run.name,
            user_id: &run.user,
            status: status_name(run.status()),
            start_time: millis(run.started_at.as_ref()),
            end_time: millis(run.ended_at.as_ref()),
            artifact_uri: format!(
                "mlflow-artifacts:/{}/{}/artifacts",
                run.experiment_id, run.id
            ),
            lifecycle_stage: match run.lifecycle() {
                Lifecycle::Deleted => "deleted",
                _ => "active",
            },
            run_id: &run.id,
        }
    }
}

/// What of a run stands in fields of its own here and in tags there.
pub(in crate::mlflow) fn with_tags(mut run: Run) -> Run {
    tags::complete(&mut run);
    run
}

fn status_name(status: RunStatus) -> &'static str {
    let name = status.as_str_name();
    name.strip_prefix("RUN_STATUS_").unwrap_or(name)
}

fn is_empty<T>(list: &&[T]) -> bool {
    list.is_empty()
}

fn latest<S: Serializer>(metrics: &[MetricSummary], writer: S) -> Result<S::Ok, S::Error> {
    writer.collect_seq(metrics.iter().map(|metric| Latest {
        key: &metric.key,
        value: Number(metric.latest),
        timestamp: millis(metric.latest_time.as_ref()).unwrap_or_default(),
        step: metric.latest_step,
    }))
}

fn datasets<S: Serializer>(inputs: &[DatasetInput], writer: S) -> Result<S::Ok, S::Error> {
    writer.collect_seq(inputs.iter().map(inputs::Shown::of))
}

fn models<S: Serializer>(ids: &[String], writer: S) -> Result<S::Ok, S::Error> {
    writer.collect_seq(ids.iter().map(|model_id| ModelInput { model_id }))
}

fn made<S: Serializer>(outputs: &[ModelOutput], writer: S) -> Result<S::Ok, S::Error> {
    writer.collect_seq(outputs.iter().map(|output| ShownOutput {
        model_id: &output.model_id,
        step: output.step,
    }))
}
