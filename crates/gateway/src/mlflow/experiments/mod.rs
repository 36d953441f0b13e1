//! Experiments.

mod datasets;
pub(super) mod shown;

use std::collections::BTreeMap;

use axum::response::Response;
use herdbook_proto::{
    common::v1::View,
    tracking::v1::{
        CreateExperimentRequest, DeleteExperimentRequest, Experiment, GetExperimentRequest,
        RestoreExperimentRequest, SearchExperimentsRequest, UpdateExperimentRequest,
        get_experiment_request::Experiment as Which,
    },
};
use prost_types::FieldMask;
use serde::{Deserialize, Serialize};

use self::shown::{LOCATION, One, Shown};
use super::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    logging::Pair,
    runs::words::of_experiment,
    search,
    wire::{self, validate},
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("experiments/create", create),
        Endpoint::get("experiments/get", get),
        Endpoint::get("experiments/get-by-name", get_by_name),
        Endpoint::post("experiments/update", rename),
        Endpoint::post("experiments/delete", delete),
        Endpoint::post("experiments/restore", restore),
        Endpoint::post("experiments/set-experiment-tag", set_tag),
        Endpoint::post("experiments/delete-experiment-tag", delete_tag),
        Endpoint::post("experiments/search-datasets", datasets::search),
    ]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Create {
    name: Option<String>,
    artifact_location: Option<String>,
    tags: Vec<Pair>,
}

#[derive(Serialize)]
struct Created {
    experiment_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ById {
    experiment_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ByName {
    experiment_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rename {
    experiment_id: Option<String>,
    new_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tag {
    experiment_id: Option<String>,
    key: Option<String>,
    value: Option<String>,
}

async fn create(call: Call) -> Answer<Response> {
    let fields: Create = call.read()?;
    let name = wire::required_text("name", fields.name)?;
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in fields.tags.into_iter().map(Pair::split) {
        validate::name("key", "key", &key)?;
        tags.insert(key, value);
    }
    if let Some(location) = fields.artifact_location.filter(|text| !text.is_empty()) {
        tags.insert(LOCATION.to_owned(), location);
    }
    let request = CreateExperimentRequest {
        name: name.clone(),
        tags,
        ..Default::default()
    };
    let made = call.experiments().create_experiment(request).await;
    let made = made.map_err(Error::from).map_err(|error| match error {
        taken if taken.is_for("EXPERIMENT_NAME_TAKEN") => {
            taken.saying(format!("Experiment(name={name}) already exists."))
        }
        error => error,
    })?;
    let experiment = made.into_inner().experiment.unwrap_or_default();
    wire::json(&Created {
        experiment_id: experiment.id.to_string(),
    })
}

async fn get(call: Call) -> Answer<Response> {
    let id = wire::required_text("experiment_id", call.read::<ById>()?.experiment_id)?;
    let experiment = by_id(&call, &id).await?;
    wire::json(&One {
        experiment: Shown::of(experiment, call.workspace()),
    })
}

/// The experiment that has a name. Where none in use has it, a deleted one is told: clients then say that it is deleted,
/// and do not begin another by chance.
async fn get_by_name(call: Call) -> Answer<Response> {
    let fields: ByName = call.read()?;
    let name = wire::required_text("experiment_name", fields.experiment_name)?;
    let request = GetExperimentRequest {
        experiment: Some(Which::Name(name.clone())),
    };
    let found = call.experiments().get_experiment(request).await;
    let experiment = match found.map_err(Error::from) {
        Ok(found) => found.into_inner().experiment,
        Err(missing) if missing.is_for("EXPERIMENT_NOT_FOUND") => deleted(&call, &name).await?,
        Err(error) => return Err(error),
    };
    let experiment = experiment
        .ok_or_else(|| Error::not_found(format!("Could not find experiment with name '{name}'")))?;
    wire::json(&One {
        experiment: Shown::of(experiment, call.workspace()),
    })
}

/// Of the deleted experiments that had a name, the one that was changed last.
async fn deleted(call: &Call, name: &str) -> Answer<Option<Experiment>> {
    let request = SearchExperimentsRequest {
        filter: format!("name = {}", search::clauses::text(name)),
        order_by: vec!["updated_at desc".to_owned()],
        page_size: 1,
        view: View::Deleted.into(),
        ..Default::default()
    };
    let found = call.experiments().search_experiments(request).await?;
    Ok(found.into_inner().experiments.pop())
}

async fn rename(call: Call) -> Answer<Response> {
    let fields: Rename = call.read()?;
    let id = wire::required_text("experiment_id", fields.experiment_id)?;
    let experiment = Experiment {
        id: number(&id)?,
        name: wire::required_text("new_name", fields.new_name)?,
        ..Default::default()
    };
    change(&call, &id, experiment, "name".to_owned()).await
}

async fn delete(call: Call) -> Answer<Response> {
    let id = wire::required_text("experiment_id", call.read::<ById>()?.experiment_id)?;
    let request = DeleteExperimentRequest { id: number(&id)? };
    let deleted = call.experiments().delete_experiment(request).await;
    deleted.map_err(|status| of_experiment(&id, status))?;
    wire::empty()
}

async fn restore(call: Call) -> Answer<Response> {
    let id = wire::required_text("experiment_id", call.read::<ById>()?.experiment_id)?;
    let request = RestoreExperimentRequest { id: number(&id)? };
    let restored = call.experiments().restore_experiment(request).await;
    restored.map_err(|status| of_experiment(&id, status))?;
    wire::empty()
}

async fn set_tag(call: Call) -> Answer<Response> {
    let fields: Tag = call.read()?;
    let id = wire::required_text("experiment_id", fields.experiment_id)?;
    let key = wire::required_text("key", fields.key)?;
    validate::name("key", "key", &key)?;
    let path = format!("tags.{key}");
    let experiment = Experiment {
        id: number(&id)?,
        tags: BTreeMap::from([(key, fields.value.unwrap_or_default())]),
        ..Default::default()
    };
    change(&call, &id, experiment, path).await
}

async fn delete_tag(call: Call) -> Answer<Response> {
    let fields: Tag = call.read()?;
    let id = wire::required_text("experiment_id", fields.experiment_id)?;
    let key = wire::required_text("key", fields.key)?;
    let experiment = by_id(&call, &id).await?;
    if !experiment.tags.contains_key(&key) {
        return Err(Error::not_found(format!(
            "No tag with name: {key} in experiment with id {id}"
        )));
    }
    let experiment = Experiment {
        id: experiment.id,
        ..Default::default()
    };
    change(&call, &id, experiment, format!("tags.{key}")).await
}

async fn change(call: &Call, id: &str, experiment: Experiment, path: String) -> Answer<Response> {
    let request = UpdateExperimentRequest {
        experiment: Some(experiment),
        update_mask: Some(FieldMask { paths: vec![path] }),
    };
    let changed = call.experiments().update_experiment(request).await;
    changed.map_err(|status| of_experiment(id, status))?;
    wire::empty()
}

async fn by_id(call: &Call, id: &str) -> Answer<Experiment> {
    let request = GetExperimentRequest {
        experiment: Some(Which::Id(number(id)?)),
    };
    let found = call.experiments().get_experiment(request).await;
    let found = found.map_err(|status| of_experiment(id, status))?;
    Ok(found.into_inner().experiment.unwrap_or_default())
}

/// The number of an experiment, which is all that its id is.
pub(super) fn number(id: &str) -> Answer<i64> {
    let unknown = || Error::not_found(format!("No Experiment with id={id} exists"));
    id.parse().ok().filter(|id| *id >= 0).ok_or_else(unknown)
}
