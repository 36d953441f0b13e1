//! Runs: created, read, changed, deleted and restored. What is logged to them is in `logging`.

pub(super) mod shown;
pub(super) mod tags;
pub(super) mod words;

use axum::response::Response;
use herdbook_proto::tracking::v1::{
    CreateRunRequest, DeleteRunRequest, GetRunRequest, RestoreRunRequest, Run, RunStatus,
    UpdateRunRequest,
};
use prost_types::FieldMask;
use serde::{Deserialize, Serialize};

use self::{
    shown::{Info, One, Whole},
    tags::{Fields, as_name},
    words::{of_experiment, of_run},
};
use super::{
    call::Call,
    conventions,
    endpoint::Endpoint,
    error::{Answer, Error},
    experiments, logged_models,
    logging::{self, Pair},
    wire,
};

/// By which clients say that two requests are the same.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("runs/create", create),
        Endpoint::get("runs/get", get),
        Endpoint::post("runs/update", update),
        Endpoint::post("runs/delete", delete),
        Endpoint::post("runs/restore", restore),
    ]
}

/// By which a request names a run; the older name counts where the newer is missing. Read by itself: what is read as
/// a part of other fields does not tell which one is wrong.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    run_id: Option<String>,
    run_uuid: Option<String>,
}

impl Named {
    pub(super) fn id(self) -> Answer<String> {
        let given = self.run_id.filter(|id| !id.is_empty());
        wire::required_text("run_id", given.or(self.run_uuid))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Create {
    experiment_id: Option<String>,
    user_id: Option<String>,
    run_name: Option<String>,
    #[serde(deserialize_with = "wire::int")]
    start_time: Option<i64>,
    tags: Vec<Pair>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Update {
    status: Option<serde_json::Value>,
    #[serde(deserialize_with = "wire::int")]
    end_time: Option<i64>,
    run_name: Option<String>,
}

#[derive(Serialize)]
struct Updated<'a> {
    run_info: Info<'a>,
}

/// A request that comes twice makes two runs, as there is nothing in it by which two workers that start in the same
/// moment could be told from one that tries again, unless an `Idempotency-Key` is sent.
async fn create(call: Call) -> Answer<Response> {
    let fields: Create = call.read()?;
    let experiment_id = fields.experiment_id.filter(|id| !id.is_empty());
    let experiment_id = experiment_id.unwrap_or_else(|| "0".to_owned());
    let mut tags = logging::tags(fields.tags)?;
    let named = fields.run_name.filter(|name| !name.is_empty());
    match (&named, tags.get(tags::NAME)) {
        (Some(name), Some(tag)) if name != tag => {
            return Err(Error::invalid(format!(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values \
                 (run_name='{name}', mlflow.runName='{tag}')."
            )));
        }
        (Some(name), None) => {
            tags.insert(tags::NAME.to_owned(), name.clone());
        }
        _ => {}
    }
    let said = fields.user_id.filter(|user| !user.is_empty());
    let user = match call.principal() {
        // What the client calls itself stays as a tag.
        Some(principal) => {
            if let Some(said) = said {
                tags.entry(conventions::USER_TAG.to_owned()).or_insert(said);
            }
            Some(principal.to_owned())
        }
        None => said,
    };
    let origins = conventions::read(&Default::default(), &tags);
    let own = Fields::of(&tags);
    let user = user.and_then(|user| as_name(&user));
    let request = CreateRunRequest {
        experiment_id: experiments::number(&experiment_id)?,
        name: own.name.unwrap_or_default(),
        user: user.or_else(|| as_name(&origins.user)).unwrap_or_default(),
        started_at: fields.start_time.map(wire::from_millis),
        description: own.description.unwrap_or_default(),
        tags,
        inputs: origins.inputs.clone(),
        source: origins.source.clone(),
        parent_run_id: origins.parent_run_id.clone(),
        based_on: origins.based_on.clone(),
        request_id: call.header(IDEMPOTENCY_KEY).unwrap_or_default().to_owned(),
        ..Default::default()
    };
    let mut runs = call.runs();
    let made = match runs.create_run(request.clone()).await {
        // A parent that was never here, such as one of another server, keeps no run from being made.
        Err(status)
            if !request.parent_run_id.is_empty()
                && Error::from(status.clone()).is_for("RUN_NOT_FOUND") =>
        {
            let alone = CreateRunRequest {
                parent_run_id: String::new(),
                ..request
            };
            runs.create_run(alone).await
        }
        made => made,
    };
    let made = made.map_err(|status| of_experiment(&experiment_id, status))?;
    let run = shown::with_tags(made.into_inner().run.unwrap_or_default());
    logging::derive(&call, origins.derivations).await;
    wire::json(&One {
        run: Whole::of(&run, None),
    })
}

async fn get(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let request = GetRunRequest { run_id: id.clone() };
    let mut runs = call.runs();
    let models = logged_models::of_run(&call, id.clone());
    let (found, models) = futures::join!(runs.get_run(request), models);
    let found = found.map_err(|status| of_run(&id, status))?;
    let run = shown::with_tags(found.into_inner().run.unwrap_or_default());
    wire::json(&One {
        run: Whole::of(&run, Some(&models?)),
    })
}

async fn update(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let fields: Update = call.read()?;
    let mut run = Run {
        id: id.clone(),
        ..Default::default()
    };
    let mut paths = Vec::new();
    if let Some(said) = fields.status {
        run.status = status(&said)?.into();
        paths.push("status");
    }
    if let Some(time) = fields.end_time {
        run.ended_at = Some(wire::from_millis(time));
        paths.push("ended_at");
    }
    let written = fields.run_name.filter(|name| !name.is_empty());
    if let Some(name) = written.as_deref().and_then(as_name) {
        run.name = name;
        paths.push("name");
    }
    let changed = if paths.is_empty() {
        let found = call
            .runs()
            .get_run(GetRunRequest { run_id: id.clone() })
            .await;
        found.map(|found| found.into_inner().run)
    } else {
        let request = UpdateRunRequest {
            run: Some(run),
            update_mask: Some(FieldMask {
                paths: paths.into_iter().map(str::to_owned).collect(),
            }),
        };
        let changed = call.runs().update_run(request).await;
        changed.map(|changed| changed.into_inner().run)
    };
    let run = changed.map_err(|status| of_run(&id, status))?;
    wire::json(&Updated {
        run_info: Info::of(&run.unwrap_or_default()),
    })
}

/// A status, by its name or by MLflow's number.
fn status(said: &serde_json::Value) -> Answer<RunStatus> {
    let status = match said {
        serde_json::Value::String(name) => RunStatus::from_str_name(&format!("RUN_STATUS_{name}")),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(1) => Some(RunStatus::Running),
            Some(2) => Some(RunStatus::Scheduled),
            Some(3) => Some(RunStatus::Finished),
            Some(4) => Some(RunStatus::Failed),
            Some(5) => Some(RunStatus::Killed),
            _ => None,
        },
        _ => None,
    };
    let known = status.filter(|status| *status != RunStatus::Unspecified);
    known.ok_or_else(|| {
        Error::invalid(format!(
            "Invalid value {said} for parameter 'status' supplied: it is one of RUNNING, SCHEDULED, FINISHED, \
             FAILED and KILLED. See the API docs for more information about request parameters."
        ))
    })
}

async fn delete(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let request = DeleteRunRequest { run_id: id.clone() };
    let deleted = call.runs().delete_run(request).await;
    deleted.map_err(|status| of_run(&id, status))?;
    wire::empty()
}

async fn restore(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let request = RestoreRunRequest { run_id: id.clone() };
    let restored = call.runs().restore_run(request).await;
    restored.map_err(|status| of_run(&id, status))?;
    wire::empty()
}
