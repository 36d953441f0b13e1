//! The proxy: files by their address.

use axum::{body::Body, response::Response};
use herdbook_proto::tracking::v1::DeleteArtifactsRequest;
use http::Method;
use serde::Deserialize;

use super::{
    download, listing,
    place::Place,
    shown::{Listing, Shown},
    upload,
};
use crate::mlflow::{
    call::Call,
    endpoint::{Base, Endpoint},
    error::{Answer, Error},
    unsupported, wire,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::get("artifacts", list),
        Endpoint::get("artifacts/{*path}", get),
        Endpoint::streamed(Method::PUT, "artifacts/{*path}", put),
        Endpoint::streamed(Method::DELETE, "artifacts/{*path}", delete),
    ]
    .map(|endpoint| endpoint.at(Base::Artifacts))
    .into()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Folder {
    path: Option<String>,
}

async fn list(call: Call) -> Answer<Response> {
    let fields: Folder = call.read()?;
    let place = Place::at(&fields.path.unwrap_or_default())?;
    let files = match place {
        // Nothing is there, as nothing is in a folder that there is not.
        None => Vec::new(),
        Some(place) => match listing::entries(&call, &place).await {
            Err(error) if is_gone(&error) => Vec::new(),
            entries => entries?.into_iter().map(Shown::by_name).collect(),
        },
    };
    wire::json(&Listing {
        root_uri: None,
        files,
    })
}

/// Whether there is no such run or logged model.
fn is_gone(error: &Error) -> bool {
    error.is_for("RUN_NOT_FOUND") || error.is_for("LOGGED_MODEL_NOT_FOUND")
}

async fn get(call: Call) -> Answer<Response> {
    let address = call.captured("path");
    let place = Place::at(address)?.filter(|place| !place.path.is_empty());
    let place = place.ok_or_else(|| Error::not_found(format!("No such artifact: '{address}'")))?;
    download::send(&call, &place).await
}

async fn put(call: Call, body: Body) -> Answer<Response> {
    let place = Place::at(call.captured("path"))?.filter(|place| !place.path.is_empty());
    let place = place.ok_or_else(unsupported::place)?;
    upload::keep(&call, &place, body).await?;
    // Not even an empty object, unlike all other endpoints.
    Ok(Response::default())
}

async fn delete(call: Call, _: Body) -> Answer<Response> {
    if let Some(place) = Place::at(call.captured("path"))? {
        let (run_id, logged_model_id) = place.holder.ids();
        let request = DeleteArtifactsRequest {
            run_id,
            logged_model_id,
            path: place.path,
        };
        call.artifacts().delete_artifacts(request).await?;
    }
    wire::empty()
}
