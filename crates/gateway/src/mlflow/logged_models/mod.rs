//! Logged models: models as runs made them, before anybody registers them.

mod filter;
mod links;
mod search;
mod shown;

use std::collections::BTreeMap;

use axum::response::Response;
use herdbook_proto::{
    common::v1::Lifecycle,
    tracking::v1::{
        CreateLoggedModelRequest, DeleteLoggedModelRequest, DeleteLoggedModelTagsRequest,
        GetLoggedModelRequest, LogLoggedModelRequest, LoggedModel, LoggedModelStatus,
        UpdateLoggedModelRequest,
    },
};
use http::Method;
use prost_types::FieldMask;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use self::shown::{One, Pair, Shown, status_of};
pub(super) use self::{
    links::{link, measure, of_run},
    shown::artifact_uri,
};
use super::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    wire,
};

/// What no name may have in it, for it stands in addresses of models.
const NOT_IN_NAMES: [char; 6] = ['/', ':', '.', '%', '"', '\''];

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("logged-models", create),
        Endpoint::post("logged-models/search", search::search),
        Endpoint::get("logged-models/{model_id}", get),
        Endpoint::new(Method::PATCH, "logged-models/{model_id}", finalize),
        Endpoint::new(Method::DELETE, "logged-models/{model_id}", delete),
        Endpoint::post("logged-models/{model_id}/params", log_params),
        Endpoint::new(Method::PATCH, "logged-models/{model_id}/tags", set_tags),
        Endpoint::new(
            Method::DELETE,
            "logged-models/{model_id}/tags/{tag_key}",
            delete_tag,
        ),
        Endpoint::post("runs/outputs", links::outputs),
    ]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Create {
    experiment_id: Option<String>,
    name: Option<String>,
    model_type: Option<String>,
    source_run_id: Option<String>,
    params: Option<Vec<Pair>>,
    tags: Option<Vec<Pair>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Facts {
    params: Option<Vec<Pair>>,
    tags: Option<Vec<Pair>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Finalize {
    #[serde(deserialize_with = "status")]
    status: Option<LoggedModelStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Get {
    #[serde(deserialize_with = "wire::flag")]
    allow_deleted: Option<bool>,
}

/// A status by its name or its number.
fn status<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<LoggedModelStatus>, D::Error> {
    match Value::deserialize(reader)? {
        Value::Null => Ok(None),
        value => status_of(&value)
            .map(Some)
            .ok_or_else(|| serde::de::Error::custom("no status of a logged model")),
    }
}

async fn create(call: Call) -> Answer<Response> {
    let fields: Create = call.read()?;
    let experiment = wire::required_text("experiment_id", fields.experiment_id)?;
    let experiment_id = experiment
        .parse()
        .map_err(|_| Error::not_found(format!("No Experiment with id={experiment} exists")))?;
    let name = fields.name.unwrap_or_default();
    if name.contains(NOT_IN_NAMES) {
        return Err(Error::invalid(format!(
            "Invalid model name ('{name}') provided. Model name must be a non-empty string and cannot contain \
             the following characters: / : . % \" '"
        )));
    }
    let request = CreateLoggedModelRequest {
        experiment_id,
        name,
        r#type: fields.model_type.unwrap_or_default(),
        source_run_id: fields.source_run_id.unwrap_or_default(),
        params: pairs(fields.params),
        tags: pairs(fields.tags),
        ..Default::default()
    };
    let made = call.logged_models().create_logged_model(request).await?;
    shown(made.into_inner().model)
}

async fn get(call: Call) -> Answer<Response> {
    let fields: Get = call.read()?;
    let id = call.captured("model_id");
    let model = by_id(&call, id).await?;
    if model.lifecycle() == Lifecycle::Deleted && fields.allow_deleted != Some(true) {
        return Err(not_found(id));
    }
    shown(Some(model))
}

async fn finalize(call: Call) -> Answer<Response> {
    let fields: Finalize = call.read()?;
    let status = wire::required("status", fields.status)?;
    let id = call.captured("model_id");
    let request = UpdateLoggedModelRequest {
        model: Some(LoggedModel {
            id: id.to_owned(),
            status: status.into(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["status".to_owned()],
        }),
    };
    let updated = call.logged_models().update_logged_model(request).await;
    let updated = updated.map_err(|status| refused(id, status))?;
    shown(updated.into_inner().model)
}

async fn delete(call: Call) -> Answer<Response> {
    let id = call.captured("model_id");
    let request = DeleteLoggedModelRequest {
        model_id: id.to_owned(),
    };
    let deleted = call.logged_models().delete_logged_model(request).await;
    deleted.map_err(|status| refused(id, status))?;
    wire::empty()
}

async fn log_params(call: Call) -> Answer<Response> {
    let fields: Facts = call.read()?;
    log(&call, pairs(fields.params), BTreeMap::new()).await
}

async fn set_tags(call: Call) -> Answer<Response> {
    let fields: Facts = call.read()?;
    log(&call, BTreeMap::new(), pairs(fields.tags)).await
}

async fn log(
    call: &Call,
    params: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
) -> Answer<Response> {
    let id = call.captured("model_id");
    let request = LogLoggedModelRequest {
        model_id: id.to_owned(),
        params,
        tags,
    };
    let logged = call.logged_models().log_logged_model(request).await;
    logged.map_err(|status| refused(id, status))?;
    wire::empty()
}

async fn delete_tag(call: Call) -> Answer<Response> {
    let (id, key) = (call.captured("model_id"), call.captured("tag_key"));
    let request = DeleteLoggedModelTagsRequest {
        model_id: id.to_owned(),
        keys: vec![key.to_owned()],
    };
    let deleted = call.logged_models().delete_logged_model_tags(request).await;
    let deleted = deleted.map_err(|status| refused(id, status))?;
    match deleted.into_inner().deleted {
        0 => Err(Error::not_found(format!(
            "No tag with key '{key}' found for model with ID '{id}'."
        ))),
        _ => wire::empty(),
    }
}

/// The logged model `id`, deleted or not.
async fn by_id(call: &Call, id: &str) -> Answer<LoggedModel> {
    let request = GetLoggedModelRequest {
        model_id: id.to_owned(),
    };
    let found = call.logged_models().get_logged_model(request).await;
    let found = found.map_err(|status| refused(id, status))?;
    Ok(found.into_inner().model.unwrap_or_default())
}

/// Why a call about the model `id` failed, in MLflow's words where it is not there.
fn refused(id: &str, status: tonic::Status) -> Error {
    match Error::from(status) {
        error if error.is_for("LOGGED_MODEL_NOT_FOUND") || error.is_for("LOGGED_MODEL_DELETED") => {
            not_found(id)
        }
        error if error.is_for("PARAM_CHANGED") => Error::invalid(
            "Changing param values is not allowed. A param of the logged model has another value already.",
        ),
        error => error,
    }
}

fn not_found(id: &str) -> Error {
    Error::not_found(format!("Logged model with ID '{id}' not found."))
}

fn shown(model: Option<LoggedModel>) -> Answer<Response> {
    wire::json(&One {
        model: Shown::from(model.unwrap_or_default()),
    })
}

/// Pairs as the services have them; of a key that is there twice the last counts.
fn pairs(pairs: Option<Vec<Pair>>) -> BTreeMap<String, String> {
    let pairs = pairs.unwrap_or_default().into_iter();
    pairs.map(|pair| (pair.key, pair.value)).collect()
}
