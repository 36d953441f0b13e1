//! Experiments.

mod shown;

use axum::response::Response;
use herdbook_proto::tracking::v1::{Experiment, GetExperimentRequest, get_experiment_request};
use serde::Deserialize;

use self::shown::{One, Shown};
use super::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    wire,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::get("experiments/get", get)]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ById {
    experiment_id: Option<String>,
}

async fn get(call: Call) -> Answer<Response> {
    let fields: ById = call.read()?;
    let experiment = by_id(&call, fields.experiment_id).await?;
    wire::json(&One {
        experiment: Shown::from(experiment),
    })
}

async fn by_id(call: &Call, id: Option<String>) -> Answer<Experiment> {
    let id = wire::required_text("experiment_id", id)?;
    let unknown = || Error::not_found(format!("No Experiment with id={id} exists"));
    let request = GetExperimentRequest {
        experiment: Some(get_experiment_request::Experiment::Id(number(&id)?)),
    };
    let found = call.experiments().get_experiment(request).await;
    let found = found.map_err(Error::from).map_err(|error| match error {
        error if error.is_for("EXPERIMENT_NOT_FOUND") => unknown(),
        error => error,
    })?;
    Ok(found.into_inner().experiment.unwrap_or_default())
}

/// The number of an experiment, which is all that its id is.
fn number(id: &str) -> Answer<i64> {
    let unknown = || Error::not_found(format!("No Experiment with id={id} exists"));
    id.parse().map_err(|_| unknown())
}
