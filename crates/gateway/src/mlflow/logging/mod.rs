//! What is logged to runs: metrics, params, tags.

mod batch;
mod facts;
mod points;

use std::{collections::BTreeMap, fmt};

use axum::response::Response;
use herdbook_proto::{
    common::v1::Lifecycle,
    tracking::v1::{DeleteTagsRequest, GetRunRequest},
};
use serde::Deserialize;

pub(super) use self::facts::{derive, tags};
use self::{
    facts::{Facts, param, set_fields, tag},
    points::{Point, Points},
};
use super::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    runs::{
        Named,
        shown::with_tags,
        tags::Fields,
        words::{inactive, of_run},
    },
    wire,
};

/// What one batch may have.
const METRICS: usize = 1_000;
const PARAMS: usize = 100;
const TAGS: usize = 100;
const ALL: usize = 1_000;
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
    let points = points::read(batch.metrics, |index| {
        fmt::from_fn(move |f| write!(f, "metrics[{index}]."))
    })?;
    let facts = Facts {
        params: facts::params(batch.params)?,
        tags: facts::tags(batch.tags)?,
    };
    let logged = batch::log(&call, &id, points, facts).await;
    logged.map_err(|error| match error.detail("old") {
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
    wire::empty()
}

async fn log_metric(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let point = call.read()?;
    let points = points::read(vec![point], |_| "")?;
    batch::log(&call, &id, points, Facts::default()).await?;
    wire::empty()
}

async fn log_param(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let facts = Facts {
        params: BTreeMap::from([param("", call.read()?)?]),
        tags: BTreeMap::new(),
    };
    let logged = batch::log(&call, &id, Points::default(), facts).await;
    logged.map_err(|error| of_run(&id, error))?;
    wire::empty()
}

async fn set_tag(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let facts = Facts {
        params: BTreeMap::new(),
        tags: BTreeMap::from([tag("", call.read()?)?]),
    };
    batch::log(&call, &id, Points::default(), facts).await?;
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
        params: BTreeMap::new(),
        tags: BTreeMap::from([(
            MODELS.to_owned(),
            serde_json::Value::from(models).to_string(),
        )]),
    };
    batch::log(&call, &id, Points::default(), facts).await?;
    wire::empty()
}
