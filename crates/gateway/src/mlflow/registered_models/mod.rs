//! Registered models, their aliases and tags. Prompts are models with a tag.

mod names;
mod search;
mod shown;

use axum::response::Response;
use herdbook_core::limits::MESSAGE_BYTES;
use herdbook_proto::registry::v1::{
    CreateModelRequest, DeleteAliasRequest, DeleteModelRequest, GetModelRequest, GetPolicyRequest,
    Model, RenameModelRequest, SearchModelsRequest, SetAliasRequest, UpdateModelRequest,
    model_service_client::ModelServiceClient,
};
use herdbook_rpc::CallerChannel;
use http::Method;
use prost_types::FieldMask;
use serde::Deserialize;

pub(super) use names::{RUN_ID, RUN_LINK, Tag};
pub(super) use names::{is_prompt, model as model_name, tag_key, tag_value, tags, version};
pub(super) use search::{Search, VERSIONS};
pub(super) use shown::{TagShown, tags_shown};

use self::{
    search::MODELS,
    shown::{One, Page, Shown, newest},
};
use super::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error, ErrorCode},
    model_versions, wire,
};

/// Models of a page: as many as are asked for, or so many.
const PAGE: i64 = 100;
/// Models of a page at most.
const PAGE_MOST: i64 = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("registered-models/create", create),
        Endpoint::get("registered-models/get", get),
        Endpoint::get("registered-models/search", find),
        Endpoint::post("registered-models/get-latest-versions", latest_versions),
        Endpoint::get("registered-models/get-latest-versions", latest_versions),
        Endpoint::new(Method::PATCH, "registered-models/update", update),
        Endpoint::post("registered-models/rename", rename),
        Endpoint::new(Method::DELETE, "registered-models/delete", delete),
        Endpoint::post("registered-models/set-tag", set_tag),
        Endpoint::new(Method::DELETE, "registered-models/delete-tag", delete_tag),
        Endpoint::post("registered-models/alias", set_alias),
        Endpoint::new(Method::DELETE, "registered-models/alias", delete_alias),
        Endpoint::get("registered-models/alias", version_by_alias),
    ]
}

/// The fields of all these calls.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    name: Option<String>,
    new_name: Option<String>,
    description: Option<String>,
    tags: Vec<Tag>,
    key: Option<String>,
    value: Option<String>,
    alias: Option<String>,
    version: Option<String>,
    #[serde(deserialize_with = "wire::texts")]
    stages: Vec<String>,
}

pub(super) fn models(call: &Call) -> ModelServiceClient<CallerChannel> {
    ModelServiceClient::new(call.registry()).max_decoding_message_size(MESSAGE_BYTES)
}

/// An error of the registry about the model `name`, in MLflow's words.
pub(super) fn about(name: &str, error: impl Into<Error>) -> Error {
    let error = error.into();
    if error.is_for("MODEL_NOT_FOUND") {
        return not_found(name);
    }
    error
}

fn not_found(name: &str) -> Error {
    Error::not_found(format!("Registered Model with name={name} not found"))
}

/// A model with the newest version of each stage.
pub(super) async fn get_model(call: &Call, name: &str) -> Answer<Model> {
    let request = GetModelRequest {
        name: name.to_owned(),
        newest_versions: true,
    };
    let found = models(call).get_model(request).await;
    let found = found.map_err(|error| about(name, error))?;
    found.into_inner().model.ok_or_else(|| not_found(name))
}

async fn create(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let tags = tags(fields.tags)?;
    let prompt = is_prompt(&tags);
    let request = CreateModelRequest {
        name: name.clone(),
        description: fields.description.unwrap_or_default(),
        tags,
        ..Default::default()
    };
    let made = match models(&call).create_model(request).await {
        Ok(made) => made.into_inner().model.unwrap_or_default(),
        Err(status) => {
            let error = Error::from(status);
            return Err(match error.is_for("MODEL_EXISTS") {
                true => taken(&call, &name, prompt, error).await,
                false => error,
            });
        }
    };
    wire::json(&One {
        registered_model: Shown::from(made),
    })
}

/// Says who has the name: a prompt and a model cannot both.
async fn taken(call: &Call, name: &str, prompt: bool, error: Error) -> Error {
    let there = match get_model(call, name).await {
        Ok(model) => is_prompt(&model.tags),
        Err(_) => return error,
    };
    let word = |prompt: bool| if prompt { "Prompt" } else { "Registered Model" };
    error.saying(match there == prompt {
        true => format!("{} (name={name}) already exists.", word(prompt)),
        false => format!(
            "Tried to create a {} with name '{name}', but the name is already taken by a {}. MLflow does not allow \
             creating a model and a prompt with the same name.",
            word(prompt).to_lowercase(),
            word(there).to_lowercase()
        ),
    })
}

async fn get(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let registered_model = Shown::from(get_model(&call, &name).await?);
    wire::json(&One { registered_model })
}

async fn find(call: Call) -> Answer<Response> {
    let fields: Search = call.read()?;
    let size = fields.max_results.unwrap_or(PAGE);
    if size > PAGE_MOST {
        return Err(Error::invalid(format!(
            "Invalid value {size} for parameter 'max_results' supplied: It must be at most {PAGE_MOST}"
        )));
    }
    let filter = MODELS.filter(fields.filter.as_deref().unwrap_or_default())?;
    let order_by = MODELS.orders(&fields.order_by)?;
    if size <= 0 {
        // A page of nothing, which MLflow's server takes for models alone.
        return wire::empty();
    }
    let request = SearchModelsRequest {
        filter,
        order_by,
        page_size: u32::try_from(size).unwrap_or_default(),
        page_token: fields.page_token.unwrap_or_default(),
        newest_versions: true,
        ..Default::default()
    };
    let found = models(&call).search_models(request).await?.into_inner();
    wire::json(&Page {
        registered_models: found.models.into_iter().map(Shown::from).collect(),
        next_page_token: found.next_page_token,
    })
}

async fn latest_versions(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let model = get_model(&call, &name).await?;
    let has = |stage: &String| {
        let mut contents = model.stages.iter();
        contents.any(|content| content.stage.eq_ignore_ascii_case(stage))
    };
    // What holds nothing may be misspelt.
    if let Some(empty) = fields.stages.iter().find(|stage| !has(stage)) {
        check_stage(&call, &name, empty).await?;
    }
    let wanted = |stage: &str| {
        let mut stages = fields.stages.iter();
        fields.stages.is_empty() || stages.any(|wanted| wanted.eq_ignore_ascii_case(stage))
    };
    let stages = model.stages.into_iter();
    let stages = stages.filter(|content| wanted(&content.stage));
    let versions = newest(stages.collect()).map(|version| {
        let mine = model.aliases.iter();
        let mine = mine.filter(|(_, number)| **number == version.number);
        let mut aliases: Vec<String> = mine.map(|(alias, _)| alias.clone()).collect();
        aliases.sort_unstable();
        model_versions::Shown::from(version).with_aliases(aliases)
    });
    wire::json(&model_versions::Many {
        model_versions: versions.collect(),
        next_page_token: String::new(),
    })
}

/// Refuses a stage that the model's policy does not have.
pub(super) async fn check_stage(call: &Call, model: &str, stage: &str) -> Answer<()> {
    let request = GetPolicyRequest {
        model: model.to_owned(),
    };
    let policy = models(call).get_policy(request).await;
    let policy = policy.map_err(|error| about(model, error))?.into_inner();
    let stages = policy.policy.unwrap_or_default().stages;
    let mut names = stages.iter().map(|known| known.name.as_str());
    if names.clone().any(|known| known.eq_ignore_ascii_case(stage)) {
        return Ok(());
    }
    let all = names.by_ref().collect::<Vec<_>>().join(", ");
    Err(Error::invalid(format!(
        "Invalid Model Version stage: {stage}. Value must be one of {all}."
    )))
}

async fn update(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let model = Model {
        name: model_name("name", fields.name)?,
        description: fields.description.unwrap_or_default(),
        ..Default::default()
    };
    let updated = change(&call, model, "description".to_owned()).await?;
    wire::json(&One {
        registered_model: Shown::from(get_model(&call, &updated.name).await?),
    })
}

/// Changes a field of a model.
async fn change(call: &Call, model: Model, path: String) -> Answer<Model> {
    let name = model.name.clone();
    let request = UpdateModelRequest {
        model: Some(model),
        update_mask: Some(FieldMask { paths: vec![path] }),
    };
    let updated = models(call).update_model(request).await;
    let updated = updated.map_err(|error| about(&name, error))?.into_inner();
    updated.model.ok_or_else(|| not_found(&name))
}

async fn rename(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let new_name = model_name("new_name", fields.new_name)?;
    let request = RenameModelRequest {
        name: name.clone(),
        new_name: new_name.clone(),
    };
    models(&call)
        .rename_model(request)
        .await
        .map_err(|status| {
            let error = Error::from(status);
            match error.is_for("MODEL_EXISTS") {
                true => error.saying(format!(
                    "Registered Model (name={new_name}) already exists."
                )),
                false => about(&name, error),
            }
        })?;
    wire::json(&One {
        registered_model: Shown::from(get_model(&call, &new_name).await?),
    })
}

async fn delete(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let request = DeleteModelRequest { name: name.clone() };
    let deleted = models(&call).delete_model(request).await;
    deleted.map_err(|error| refused(about(&name, error)))?;
    wire::empty()
}

/// What rules forbid is forbidden: no client is to try it again.
pub(super) fn refused(error: Error) -> Error {
    match ["TRANSITION_REFUSED", "VERSION_GUARDED", "VERSION_FROZEN"]
        .iter()
        .any(|reason| error.is_for(reason))
    {
        true => error.with_code(ErrorCode::PermissionDenied),
        false => error,
    }
}

async fn set_tag(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let key = tag_key(fields.key)?;
    let value = tag_value(&key, fields.value)?;
    let path = format!("tags.{key}");
    let model = Model {
        name,
        tags: [(key, value)].into(),
        ..Default::default()
    };
    change(&call, model, path).await?;
    wire::empty()
}

async fn delete_tag(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let key = tag_key(fields.key)?;
    let model = Model {
        name,
        ..Default::default()
    };
    change(&call, model, format!("tags.{key}")).await?;
    wire::empty()
}

async fn set_alias(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let model = model_name("name", fields.name)?;
    let alias = names::new_alias(fields.alias)?;
    let version = version(fields.version)?;
    let request = SetAliasRequest {
        model: model.clone(),
        alias,
        version,
    };
    let set = models(&call).set_alias(request).await;
    set.map_err(|error| model_versions::about(&model, version, error))?;
    wire::empty()
}

async fn delete_alias(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let model = model_name("name", fields.name)?;
    let request = DeleteAliasRequest {
        model: model.clone(),
        alias: names::alias(fields.alias)?,
    };
    match models(&call)
        .delete_alias(request)
        .await
        .map_err(Error::from)
    {
        // What is not there is as gone as what was.
        Err(error) if !error.is_for("ALIAS_NOT_FOUND") => Err(about(&model, error)),
        _ => wire::empty(),
    }
}

async fn version_by_alias(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let alias = names::alias(fields.alias)?;
    let model = get_model(&call, &name).await?;
    let number = match alias.eq_ignore_ascii_case("latest") {
        true if model.latest_version == 0 => {
            return Err(Error::not_found(format!(
                "Latest version not found for model {name}."
            )));
        }
        true => model.latest_version,
        false => *model
            .aliases
            .get(&alias)
            .ok_or_else(|| Error::invalid(format!("Registered model alias {alias} not found.")))?,
    };
    model_versions::answer(&call, &name, number).await
}
