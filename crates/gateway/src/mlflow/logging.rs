//! What is logged to runs: metrics, params, tags.

use std::collections::{HashMap, HashSet};

use axum::response::Response;
use herdbook_core::limits::{PARAM_VALUE_BYTES, TAG_VALUE_BYTES};
use herdbook_proto::{
    common::v1::Lifecycle,
    lineage::v1::{Edge, RecordRequest, lineage_service_client::LineageServiceClient},
    tracking::v1::{
        DeleteTagsRequest, GetRunRequest, LogBatchRequest, LoggedModelMetric, MeasuredDataset,
        Metric, Run, UpdateRunRequest,
    },
};
use prost_types::FieldMask;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    call::Call,
    conventions,
    endpoint::Endpoint,
    error::{Answer, Error},
    logged_models,
    runs::{
        Named,
        shown::with_tags,
        tags::Fields,
        words::{inactive, of_run},
    },
    wire::{self, validate},
};

/// What one batch may have.
const METRICS: usize = 1_000;
const PARAMS: usize = 100;
const TAGS: usize = 100;
const ALL: usize = 1_000;
/// Characters of values; what is longer is cut, as MLflow's server does.
const PARAM_CHARS: usize = 6_000;
const TAG_CHARS: usize = 8_000;
/// The tag in which older clients list the models of a run.
const MODELS: &str = "mlflow.log-model.history";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("runs/log-batch", log_batch),
        Endpoint::post("runs/log-metric", log_metric),
        Endpoint::post("runs/log-parameter", log_param),
        Endpoint::post("runs/set-tag", set_tag),
        Endpoint::post("runs/delete-tag", delete_tag),
        Endpoint::post("runs/log-model", log_model),
    ]
}

/// A param or a tag.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Pair {
    key: Option<String>,
    value: Option<String>,
}

impl Pair {
    pub(super) fn split(self) -> (String, String) {
        (self.key.unwrap_or_default(), self.value.unwrap_or_default())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Point {
    key: Option<String>,
    #[serde(deserialize_with = "wire::double")]
    value: Option<f64>,
    #[serde(deserialize_with = "wire::int")]
    timestamp: Option<i64>,
    #[serde(deserialize_with = "wire::int")]
    step: Option<i64>,
    model_id: Option<String>,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Batch {
    run_id: Option<String>,
    metrics: Vec<Point>,
    params: Vec<Pair>,
    tags: Vec<Pair>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Model {
    run_id: Option<String>,
    model_json: Option<String>,
}

async fn log_batch(call: Call) -> Answer<Response> {
    let batch: Batch = call.read()?;
    let id = wire::required_text("run_id", batch.run_id)?;
    let (metrics, params, tags) = (batch.metrics.len(), batch.params.len(), batch.tags.len());
    for (what, limit, count) in [
        ("metrics", METRICS, metrics),
        ("params", PARAMS, params),
        ("tags", TAGS, tags),
        ("metrics, params, and tags", ALL, metrics + params + tags),
    ] {
        if count > limit {
            return Err(Error::invalid(format!(
                "A batch logging request can contain at most {limit} {what}. Got {count} {what}. Please split \
                 up {what} across multiple requests and try again."
            )));
        }
    }
    let points = points(batch.metrics, |index| format!("metrics[{index}]."))?;
    let facts = Facts {
        params: self::params(batch.params)?,
        tags: self::tags(batch.tags)?,
    };
    // Neither undoes the other, as there: metrics are kept though a param is refused.
    let (logged, noted) = futures::join!(log_points(&call, &id, points), facts.log(&call, &id));
    noted.map_err(|error| match error.detail("old") {
        Some(old) => {
            let of = |name| error.detail(name).unwrap_or_default();
            Error::invalid(format!(
                "Changing param values is not allowed. Params were already logged='[{{'key': '{}', \
                 'old_value': '{old}', 'new_value': '{}'}}]' for run ID='{id}'.",
                of("key"),
                of("new")
            ))
        }
        None => error,
    })?;
    logged?;
    wire::empty()
}

async fn log_metric(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let point = call.read()?;
    log_points(&call, &id, points(vec![point], |_| String::new())?).await?;
    wire::empty()
}

async fn log_param(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let facts = Facts {
        params: HashMap::from([param("", call.read()?)?]),
        tags: HashMap::new(),
    };
    let logged = facts.log(&call, &id).await;
    logged.map_err(|error| of_run(&id, error))?;
    wire::empty()
}

async fn set_tag(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let facts = Facts {
        params: HashMap::new(),
        tags: HashMap::from([tag("", call.read()?)?]),
    };
    facts.log(&call, &id).await?;
    wire::empty()
}

async fn delete_tag(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let key = wire::required_text("key", call.read::<Pair>()?.key)?;
    let found = call
        .runs()
        .get_run(GetRunRequest { run_id: id.clone() })
        .await;
    let run = found
        .map_err(|status| of_run(&id, status))?
        .into_inner()
        .run
        .unwrap_or_default();
    if run.lifecycle() == Lifecycle::Deleted {
        return Err(inactive(&format!("run {id}")));
    }
    if !with_tags(run).tags.contains_key(&key) {
        return Err(Error::not_found(format!(
            "No tag with name: {key} in run with id {id}"
        )));
    }
    set_fields(&call, &id, Fields::without(&key)).await?;
    let request = DeleteTagsRequest {
        run_id: id.clone(),
        keys: vec![key],
    };
    let deleted = call.runs().delete_tags(request).await;
    deleted.map_err(|status| of_run(&id, status))?;
    wire::empty()
}

/// What clients before MLflow 3 tell of a model: kept in the tag in which their server kept it.
async fn log_model(call: Call) -> Answer<Response> {
    let fields: Model = call.read()?;
    let id = wire::required_text("run_id", fields.run_id)?;
    let text = wire::required_text("model_json", fields.model_json)?;
    let model: serde_json::Value = serde_json::from_str(&text).map_err(|_| {
        Error::invalid(format!(
            "Malformed model info. \n {text} \n is not a valid JSON."
        ))
    })?;
    let needed = ["artifact_path", "flavors", "utc_time_created", "run_id"];
    let missing: Vec<&str> = needed
        .into_iter()
        .filter(|name| model.get(name).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(Error::invalid(format!(
            "Model json is missing mandatory fields: {missing:?}"
        )));
    }
    let found = call
        .runs()
        .get_run(GetRunRequest { run_id: id.clone() })
        .await;
    let run = found
        .map_err(|status| of_run(&id, status))?
        .into_inner()
        .run;
    let known = run.unwrap_or_default().tags.remove(MODELS);
    let known: Option<Vec<serde_json::Value>> =
        known.and_then(|known| serde_json::from_str(&known).ok());
    let mut models = known.unwrap_or_default();
    if !models.contains(&model) {
        models.push(model);
    }
    let facts = Facts {
        params: HashMap::new(),
        tags: HashMap::from([(
            MODELS.to_owned(),
            serde_json::Value::from(models).to_string(),
        )]),
    };
    facts.log(&call, &id).await?;
    wire::empty()
}

/// Points of a run, and of them those that measure a model.
struct Points {
    metrics: Vec<Metric>,
    of_models: Vec<LoggedModelMetric>,
}

fn points(points: Vec<Point>, path: impl Fn(usize) -> String) -> Answer<Points> {
    let mut metrics = Vec::with_capacity(points.len());
    let mut of_models = Vec::new();
    for (index, point) in points.into_iter().enumerate() {
        let at = |field: &str| format!("{}{field}", path(index));
        let key = wire::required(&at("key"), point.key)?;
        let value = wire::required(&at("value"), point.value)?;
        let timestamp = wire::required(&at("timestamp"), point.timestamp)?;
        validate::name(&at("name"), "Metric name", &key)?;
        if timestamp < 0 {
            return Err(Error::invalid(format!(
                "Invalid value {timestamp} for parameter '{}' supplied: metric '{key}' (value={value}). \
                 Timestamp must be a nonnegative long (64-bit integer) ",
                at("timestamp")
            )));
        }
        let time_us = Some(timestamp.saturating_mul(1_000));
        let step = point.step.unwrap_or_default();
        if let Some(model_id) = point.model_id.filter(|id| !id.is_empty()) {
            of_models.push(LoggedModelMetric {
                model_id,
                key: key.clone(),
                value,
                step,
                time_us,
                dataset: point.dataset_name.map(|name| MeasuredDataset {
                    name,
                    digest: point.dataset_digest.unwrap_or_default(),
                }),
                ..Default::default()
            });
        }
        metrics.push(Metric {
            key,
            value,
            step,
            time_us,
        });
    }
    // Of points of one step and time the service has the last as the latest, MLflow the greatest.
    metrics.sort_by(|a, b| {
        let place = |metric: &Metric| (metric.step, metric.time_us, !metric.value.is_nan());
        let places = place(a).cmp(&place(b));
        places.then_with(|| a.value.total_cmp(&b.value))
    });
    Ok(Points { metrics, of_models })
}

/// Logs points. The same ones again are known by their digest, and stored once.
async fn log_points(call: &Call, id: &str, points: Points) -> Answer<()> {
    if points.metrics.is_empty() {
        return Ok(());
    }
    let request = LogBatchRequest {
        run_id: id.to_owned(),
        request_id: digest(&points.metrics),
        metrics: points.metrics,
        ..Default::default()
    };
    let logged = call.runs().log_batch(request).await;
    logged.map_err(|status| of_run(id, status))?;
    if points.of_models.is_empty() {
        return Ok(());
    }
    logged_models::measure(call, id.to_owned(), points.of_models).await
}

fn digest(metrics: &[Metric]) -> String {
    let mut hash = Sha256::new();
    for metric in metrics {
        hash.update(metric.key.len().to_le_bytes());
        hash.update(metric.key.as_bytes());
        hash.update(metric.value.to_bits().to_le_bytes());
        hash.update(metric.step.to_le_bytes());
        hash.update(metric.time_us.unwrap_or_default().to_le_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    // Half of it tells batches of one run apart.
    let half = digest.iter().take(16);
    half.fold("points-".to_owned(), |text, byte| {
        format!("{text}{byte:02x}")
    })
}

/// Params and tags to be logged.
struct Facts {
    params: HashMap<String, String>,
    tags: HashMap<String, String>,
}

impl Facts {
    /// Logs them, with what they say about where the run came from.
    async fn log(self, call: &Call, id: &str) -> Answer<()> {
        if self.params.is_empty() && self.tags.is_empty() {
            return Ok(());
        }
        let origins = conventions::read(&self.params, &self.tags);
        let tells =
            origins.source.is_some() || !origins.based_on.is_empty() || !origins.inputs.is_empty();
        let fields = Fields::of(&self.tags);
        let request = LogBatchRequest {
            run_id: id.to_owned(),
            params: self.params,
            tags: self.tags,
            inputs: origins.inputs,
            ..Default::default()
        };
        let logged = call.runs().log_batch(request).await;
        logged.map_err(|status| match Error::from(status) {
            changed if changed.is_for("PARAM_CHANGED") => changed,
            error => of_run(id, error),
        })?;
        set_fields(call, id, fields).await?;
        match tells {
            true => tell(call, id).await,
            false => Ok(()),
        }
    }
}

/// Has the source of a run, and what it is based on, be as all of its params and tags say: those of one call may be a
/// part of it.
async fn tell(call: &Call, id: &str) -> Answer<()> {
    let request = GetRunRequest {
        run_id: id.to_owned(),
    };
    let found = call.runs().get_run(request).await;
    let found = found.map_err(|status| of_run(id, status))?;
    let known = found.into_inner().run.unwrap_or_default();
    let origins = conventions::read(&known.params, &known.tags);
    let mut paths = Vec::new();
    if origins.source.is_some() && origins.source != known.source {
        paths.push("source".to_owned());
    }
    if !origins.based_on.is_empty() && origins.based_on != known.based_on {
        paths.push("based_on".to_owned());
    }
    if !paths.is_empty() {
        let run = Run {
            id: id.to_owned(),
            source: origins.source,
            based_on: origins.based_on,
            ..Default::default()
        };
        change(call, id, run, paths).await?;
    }
    derive(call, origins.derivations).await;
    Ok(())
}

/// Sets the fields that tags stand for.
async fn set_fields(call: &Call, id: &str, fields: Fields) -> Answer<()> {
    let mut paths = Vec::new();
    let mut run = Run {
        id: id.to_owned(),
        ..Default::default()
    };
    if let Some(name) = fields.name {
        run.name = name;
        paths.push("name".to_owned());
    }
    if let Some(description) = fields.description {
        run.description = description;
        paths.push("description".to_owned());
    }
    match paths.is_empty() {
        true => Ok(()),
        false => change(call, id, run, paths).await,
    }
}

async fn change(call: &Call, id: &str, run: Run, paths: Vec<String>) -> Answer<()> {
    let request = UpdateRunRequest {
        run: Some(run),
        update_mask: Some(FieldMask { paths }),
    };
    let changed = call.runs().update_run(request).await;
    changed.map_err(|status| of_run(id, status))?;
    Ok(())
}

/// Tells lineage which data were made of which others. What it does not take, such as a cycle, is a matter of
/// lineage, and keeps nothing from being logged.
pub(super) async fn derive(call: &Call, derivations: Vec<Edge>) {
    if derivations.is_empty() {
        return;
    }
    let request = RecordRequest {
        edges: derivations,
        ..Default::default()
    };
    let recorded = LineageServiceClient::new(call.lineage())
        .record(request)
        .await;
    if let Err(status) = recorded {
        tracing::info!(%status, "what data were made of could not be recorded");
    }
}

fn params(params: Vec<Pair>) -> Answer<HashMap<String, String>> {
    let (mut keys, mut twice) = (HashSet::new(), Vec::new());
    for key in params.iter().filter_map(|param| param.key.as_deref()) {
        if !keys.insert(key) {
            twice.push(key);
        }
    }
    if !twice.is_empty() {
        let twice: Vec<String> = twice.iter().map(|key| format!("'{key}'")).collect();
        return Err(Error::invalid(format!(
            "Duplicate parameter keys have been submitted: [{}]. Please ensure the request contains only one \
             param value per param key.",
            twice.join(", ")
        )));
    }
    let params = params.into_iter().enumerate();
    params
        .map(|(index, pair)| param(&format!("params[{index}]."), pair))
        .collect()
}

fn param(path: &str, pair: Pair) -> Answer<(String, String)> {
    let key = wire::required(&format!("{path}key"), pair.key)?;
    validate::name(&format!("{path}key"), "Param key", &key)?;
    let value = pair.value.unwrap_or_default();
    Ok((key, validate::cut(value, PARAM_CHARS, PARAM_VALUE_BYTES)))
}

/// Tags of a request, the last of a key counts.
pub(super) fn tags(tags: Vec<Pair>) -> Answer<HashMap<String, String>> {
    let tags = tags.into_iter().enumerate();
    tags.map(|(index, pair)| tag(&format!("tags[{index}]."), pair))
        .collect()
}

fn tag(path: &str, pair: Pair) -> Answer<(String, String)> {
    let key = wire::required(&format!("{path}key"), pair.key)?;
    validate::name(&format!("{path}key"), "key", &key)?;
    let value = pair.value.unwrap_or_default();
    Ok((key, validate::cut(value, TAG_CHARS, TAG_VALUE_BYTES)))
}
