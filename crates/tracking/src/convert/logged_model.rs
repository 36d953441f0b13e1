//! Logged models between the contract and the domain.

use chrono::Utc;
use herdbook_core::{
    LoggedModelId, RunId, check_key, check_name,
    limits::{PARAM_VALUE_BYTES, TAG_VALUE_BYTES},
};
use herdbook_proto::{Violations, fields, time::to_timestamp, tracking::v1 as proto};

use super::{experiment_id, lifecycle};
use crate::{
    TrackingError,
    logged_model::{DatasetName, LoggedModel, Measurement, ModelStatus, RunModels},
    run_name,
};

/// Bytes of a metric's key and its data's name and digest together: they stand in one index.
const INDEXED_BYTES: usize = 2_000;

/// The id of a logged model in a request; one that is none means no model.
pub(crate) fn model_id(text: &str) -> Result<LoggedModelId, TrackingError> {
    text.parse().map_err(|_| {
        let shown = text.chars().filter(|c| !c.is_control()).take(64);
        TrackingError::LoggedModelNotFound(shown.collect())
    })
}

pub(crate) fn new_model(
    request: proto::CreateLoggedModelRequest,
) -> Result<LoggedModel, TrackingError> {
    let mut violations = Violations::default();
    let id = match request.id.as_str() {
        "" => Some(LoggedModelId::generate()),
        text => violations.check("id", text.parse()),
    };
    let id = id.unwrap_or_else(LoggedModelId::generate);
    let name = match request.name.is_empty() {
        true => run_name::made_up(id.as_uuid()),
        false => request.name,
    };
    violations.check("name", check_name(&name));
    if !request.r#type.is_empty() {
        violations.check("type", check_name(&request.r#type));
    }
    let source_run = match request.source_run_id.as_str() {
        "" => None,
        text => violations.check("source_run_id", text.parse::<RunId>()),
    };
    let created_at = violations
        .time("created_at", request.created_at.as_ref())
        .unwrap_or_else(Utc::now);
    let params = fields::pairs("params", request.params, PARAM_VALUE_BYTES, &mut violations);
    let tags = fields::pairs("tags", request.tags, TAG_VALUE_BYTES, &mut violations);
    let experiment = experiment_id("experiment_id", request.experiment_id)?;
    violations.finish()?;
    Ok(LoggedModel {
        id,
        experiment,
        name,
        kind: request.r#type,
        source_run,
        status: ModelStatus::Pending,
        status_message: String::new(),
        params,
        tags,
        metrics: Vec::new(),
        created_at,
        updated_at: created_at,
        deleted: false,
    })
}

pub(crate) fn dataset(
    field: &str,
    dataset: proto::MeasuredDataset,
    violations: &mut Violations,
) -> DatasetName {
    violations.check(format!("{field}.name"), check_name(&dataset.name));
    if !dataset.digest.is_empty() {
        violations.check(format!("{field}.digest"), check_name(&dataset.digest));
    }
    DatasetName {
        name: dataset.name,
        digest: dataset.digest,
    }
}

pub(crate) fn measurements(
    run: RunId,
    metrics: Vec<proto::LoggedModelMetric>,
) -> Result<Vec<Measurement>, TrackingError> {
    let mut violations = Violations::default();
    fields::entries("metrics", metrics.len(), &mut violations);
    let now = Utc::now().timestamp_micros();
    let mut read = Vec::new();
    for (index, metric) in metrics.into_iter().enumerate() {
        let field = format!("metrics[{index}]");
        violations.check(format!("{field}.key"), check_key(&metric.key));
        let dataset = metric.dataset.map(|given| {
            let field = format!("{field}.dataset");
            dataset(&field, given, &mut violations)
        });
        let dataset = dataset.unwrap_or_default();
        let indexed = metric.key.len() + dataset.name.len() + dataset.digest.len();
        if indexed > INDEXED_BYTES {
            let what = format!(
                "key, name and digest have {indexed} bytes together; at most {INDEXED_BYTES} are allowed"
            );
            violations.add(&*field, what);
        }
        let id = metric.model_id.parse();
        let Some(model) = violations.check(format!("{field}.model_id"), id) else {
            continue;
        };
        read.push(Measurement {
            model,
            run,
            key: metric.key,
            value: metric.value,
            step: metric.step,
            time_us: metric.time_us.unwrap_or(now),
            dataset,
        });
    }
    violations.finish()?;
    Ok(read)
}

pub(crate) fn run_models(
    inputs: Vec<String>,
    outputs: Vec<proto::ModelOutput>,
) -> Result<RunModels, TrackingError> {
    let mut violations = Violations::default();
    fields::entries("input_model_ids", inputs.len(), &mut violations);
    fields::entries("outputs", outputs.len(), &mut violations);
    violations.finish()?;
    let inputs = inputs.iter().map(|id| model_id(id));
    let outputs = outputs
        .iter()
        .map(|output| Ok((model_id(&output.model_id)?, output.step)));
    Ok(RunModels {
        inputs: inputs.collect::<Result<_, TrackingError>>()?,
        outputs: outputs.collect::<Result<_, TrackingError>>()?,
    })
}

/// What `run` used and made.
pub(crate) fn to_run_models(run: RunId, models: RunModels) -> proto::RunModels {
    let outputs = models.outputs.into_iter();
    proto::RunModels {
        run_id: run.to_string(),
        input_model_ids: models.inputs.iter().map(ToString::to_string).collect(),
        outputs: outputs
            .map(|(id, step)| proto::ModelOutput {
                model_id: id.to_string(),
                step,
            })
            .collect(),
    }
}

impl From<LoggedModel> for proto::LoggedModel {
    fn from(model: LoggedModel) -> Self {
        Self {
            id: model.id.to_string(),
            experiment_id: model.experiment.0,
            name: model.name,
            r#type: model.kind,
            source_run_id: model
                .source_run
                .map(|id| id.to_string())
                .unwrap_or_default(),
            status: model.status.number().into(),
            status_message: model.status_message,
            params: model.params,
            tags: model.tags,
            metrics: model.metrics.into_iter().map(Into::into).collect(),
            lifecycle: lifecycle(model.deleted).into(),
            created_at: Some(to_timestamp(model.created_at)),
            updated_at: Some(to_timestamp(model.updated_at)),
        }
    }
}

impl From<Measurement> for proto::LoggedModelMetric {
    fn from(metric: Measurement) -> Self {
        let DatasetName { name, digest } = metric.dataset;
        let dataset = (!name.is_empty()).then_some(proto::MeasuredDataset { name, digest });
        Self {
            model_id: metric.model.to_string(),
            run_id: metric.run.to_string(),
            key: metric.key,
            value: metric.value,
            step: metric.step,
            time_us: Some(metric.time_us),
            dataset,
        }
    }
}
