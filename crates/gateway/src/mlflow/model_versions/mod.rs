//! Versions of registered models.

mod artifact;
mod create;
mod mlmodel;
mod shown;
mod source;
mod transition;

use axum::response::Response;
use herdbook_core::limits::MESSAGE_BYTES;
use herdbook_proto::{
    registry::v1::{
        DeleteVersionRequest, GetVersionRequest, SearchVersionsRequest, UpdateVersionRequest,
        Version, version_service_client::VersionServiceClient,
    },
    tracking::v1::{GetLoggedModelRequest, LoggedModel},
};
use herdbook_rpc::CallerChannel;
use http::Method;
use prost_types::FieldMask;
use serde::Deserialize;
use serde_json::json;

pub(super) use shown::{Many, Shown};

use self::shown::One;
use super::{
    call::Call,
    endpoint::{Base, Endpoint},
    error::{Answer, Error},
    logged_models::artifact_uri,
    registered_models::{
        self as models, Search, VERSIONS, model_name, refused, tag_key, tag_value, version,
    },
    wire,
};

/// Versions of a search at most, and if nobody says how many.
const PAGE_MOST: i64 = 200_000;
/// Versions that are asked for at a time.
const AT_A_TIME: i64 = 1_000;
/// Versions that stand behind each other as sources at most.
const SOURCES: usize = 10;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("model-versions/create", create::create),
        Endpoint::get("model-versions/get", get),
        Endpoint::get("model-versions/search", find),
        Endpoint::new(Method::PATCH, "model-versions/update", update),
        Endpoint::new(Method::DELETE, "model-versions/delete", delete),
        Endpoint::post("model-versions/transition-stage", transition::transition),
        Endpoint::get("model-versions/get-download-uri", download_uri),
        Endpoint::post("model-versions/set-tag", set_tag),
        Endpoint::new(Method::DELETE, "model-versions/delete-tag", delete_tag),
        Endpoint::get("model-versions/get-artifact", artifact::get),
        Endpoint::get("model-versions/get-artifact", artifact::get).at(Base::Root),
    ]
}

/// The fields of these calls.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    name: Option<String>,
    version: Option<String>,
    description: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

impl Fields {
    /// Which version they name.
    fn named(&self) -> Answer<(String, i64)> {
        let name = model_name("name", self.name.clone())?;
        Ok((name, version(self.version.clone())?))
    }
}

fn versions(call: &Call) -> VersionServiceClient<CallerChannel> {
    VersionServiceClient::new(call.registry()).max_decoding_message_size(MESSAGE_BYTES)
}

/// An error of the registry about a version, in MLflow's words.
pub(super) fn about(name: &str, number: i64, error: impl Into<Error>) -> Error {
    let error = error.into();
    match error.is_for("VERSION_NOT_FOUND") {
        true => not_found(name, number),
        false => refused(models::about(name, error)),
    }
}

fn not_found(name: &str, number: i64) -> Error {
    Error::not_found(format!(
        "Model Version (name={name}, version={number}) not found"
    ))
}

/// A version by its number.
async fn get_version(call: &Call, name: &str, number: i64) -> Answer<Version> {
    let found = versions(call)
        .get_version(GetVersionRequest {
            reference: format!("{name}/{number}"),
        })
        .await;
    let found = found.map_err(|error| match Error::from(error) {
        // A number that no version can have.
        error if error.is_for("INVALID_REQUEST") => not_found(name, number),
        // MLflow does not tell a model that is not there from a version that is not.
        error if error.is_for("MODEL_NOT_FOUND") => not_found(name, number),
        error => about(name, number, error),
    })?;
    let version = found.into_inner().version;
    version.ok_or_else(|| not_found(name, number))
}

/// A version by the name of a stage, an alias, or `latest`.
async fn resolve(call: &Call, name: &str, pointer: &str) -> Answer<Version> {
    let request = GetVersionRequest {
        reference: format!("{name}@{pointer}"),
    };
    let found = versions(call).get_version(request).await;
    let found = found.map_err(|error| models::about(name, error))?;
    let missing = || Error::not_found(format!("There is no version of {name} behind {pointer}"));
    found.into_inner().version.ok_or_else(missing)
}

/// The version as an answer.
pub(super) async fn answer(call: &Call, name: &str, number: i64) -> Answer<Response> {
    whole(get_version(call, name, number).await?)
}

fn whole(mut version: Version) -> Answer<Response> {
    let aliases = std::mem::take(&mut version.aliases);
    wire::json(&One {
        model_version: Shown::from(version).with_aliases(aliases),
    })
}

async fn logged_model(call: &Call, id: &str) -> Answer<LoggedModel> {
    let request = GetLoggedModelRequest {
        model_id: id.to_owned(),
    };
    let found = call.logged_models().get_logged_model(request).await?;
    let missing = || Error::not_found(format!("Logged model with ID '{id}' not found."));
    found.into_inner().model.ok_or_else(missing)
}

async fn get(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let (name, number) = fields.named()?;
    answer(&call, &name, number).await
}

async fn find(call: Call) -> Answer<Response> {
    let fields: Search = call.read()?;
    let mut left = fields.max_results.unwrap_or(PAGE_MOST);
    if !(1..=PAGE_MOST).contains(&left) {
        return Err(Error::invalid(format!(
            "Invalid value {left} for parameter 'max_results' supplied: It must be at least 1 and at most {PAGE_MOST}"
        )));
    }
    let filter = VERSIONS.filter(fields.filter.as_deref().unwrap_or_default())?;
    let order_by = VERSIONS.orders(&fields.order_by)?;
    let mut next_page_token = fields.page_token.unwrap_or_default();
    let mut found: Vec<Shown> = Vec::new();
    loop {
        let request = SearchVersionsRequest {
            filter: filter.clone(),
            order_by: order_by.clone(),
            page_size: u32::try_from(left.min(AT_A_TIME)).unwrap_or_default(),
            page_token: next_page_token,
            ..Default::default()
        };
        let page = versions(&call).search_versions(request).await?.into_inner();
        left -= i64::try_from(page.versions.len()).unwrap_or(left);
        found.extend(page.versions.into_iter().map(Shown::from));
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() || left <= 0 {
            break;
        }
    }
    wire::json(&Many {
        model_versions: found,
        next_page_token,
    })
}

/// Changes a field of a version.
async fn change(call: &Call, version: Version, path: String) -> Answer<Version> {
    let (name, number) = (version.model.clone(), version.number);
    let request = UpdateVersionRequest {
        version: Some(version),
        update_mask: Some(FieldMask { paths: vec![path] }),
    };
    let updated = versions(call).update_version(request).await;
    let updated = updated.map_err(|error| about(&name, number, error))?;
    let updated = updated.into_inner().version;
    updated.ok_or_else(|| not_found(&name, number))
}

async fn update(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let (model, number) = fields.named()?;
    let version = Version {
        model,
        number,
        description: fields.description.unwrap_or_default(),
        ..Default::default()
    };
    whole(change(&call, version, "description".to_owned()).await?)
}

async fn delete(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let (model, number) = fields.named()?;
    let request = DeleteVersionRequest {
        model: model.clone(),
        number,
    };
    let deleted = versions(&call).delete_version(request).await;
    deleted.map_err(|error| about(&model, number, error))?;
    wire::empty()
}

async fn set_tag(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let (model, number) = fields.named()?;
    let key = tag_key(fields.key)?;
    let value = tag_value(&key, fields.value)?;
    let path = format!("tags.{key}");
    let version = Version {
        model,
        number,
        tags: [(key, value)].into(),
        ..Default::default()
    };
    change(&call, version, path).await?;
    wire::empty()
}

async fn delete_tag(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let (model, number) = fields.named()?;
    let version = Version {
        model,
        number,
        ..Default::default()
    };
    let key = tag_key(fields.key)?;
    change(&call, version, format!("tags.{key}")).await?;
    wire::empty()
}

/// Where the files of a version are read from: at its source, or where that leads in the end.
async fn download_uri(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let (name, number) = fields.named()?;
    let mut version = get_version(&call, &name, number).await?;
    for _ in 0..SOURCES {
        if !version.logged_model.is_empty() {
            let model = logged_model(&call, &version.logged_model).await?;
            let uri = artifact_uri(model.experiment_id, &model.id);
            return wire::json(&json!({ "artifact_uri": uri }));
        }
        let Some(reference) = version.source.strip_prefix("models:/") else {
            break;
        };
        version = source::referred(&call, reference).await?;
    }
    wire::json(&json!({ "artifact_uri": version.source }))
}
