//! Files of runs and logged models: through the proxy, as MLflow's clients do, and by the calls of its pages.
//!
//! The address of a file says what it belongs to (`place`). What belongs to neither a run nor a logged model
//! is not kept: clients send such files only for what Herdbook does not do.

mod download;
mod listing;
mod media_type;
mod parts;
mod place;
mod presigned;
mod proxy;
mod shown;
mod upload;

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use http::Method;
use serde::Deserialize;

use self::place::{Holder, Place};
pub(super) use self::{media_type::attachment, place::checked};
use super::{
    call::Call,
    endpoint::{Base, Endpoint},
    error::{Answer, Error},
    wire,
};

/// Bytes of a file that a page uploads; there, too, they are few.
const SMALL_BYTES: usize = 10 << 20;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = proxy::endpoints();
    endpoints.extend(presigned::endpoints());
    endpoints.extend(parts::endpoints());
    endpoints.extend([
        Endpoint::get("artifacts/list", listing::of_run),
        Endpoint::get("get-artifact", get),
        Endpoint::get("get-artifact", get).at(Base::Root),
        Endpoint::streamed(Method::POST, "upload-artifact", put),
        Endpoint::get(
            "logged-models/{model_id}/artifacts/directories",
            listing::of_model,
        ),
        Endpoint::get("logged-models/{model_id}/artifacts/files", get_of_model),
    ]);
    endpoints
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfRun {
    run_id: Option<String>,
    run_uuid: Option<String>,
    path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfModel {
    artifact_file_path: Option<String>,
}

async fn get(call: Call) -> Answer<Response> {
    let fields: OfRun = call.read()?;
    let run = fields
        .run_id
        .filter(|id| !id.is_empty())
        .or(fields.run_uuid);
    let place = Place {
        holder: Holder::Run(wire::required_text("run_id", run)?),
        path: checked(&wire::required_text("path", fields.path)?)?,
    };
    download::send(&call, &place).await
}

async fn get_of_model(call: Call) -> Answer<Response> {
    let fields: OfModel = call.read()?;
    let place = Place {
        holder: Holder::Model(call.captured("model_id").to_owned()),
        path: checked(&wire::required_text(
            "artifact_file_path",
            fields.artifact_file_path,
        )?)?,
    };
    download::send(&call, &place).await
}

async fn put(call: Call, body: Body) -> Answer<Response> {
    let fields: OfRun = call.read()?;
    let run = fields.run_uuid.filter(|id| !id.is_empty());
    let run = run.ok_or_else(|| Error::invalid("Request must specify run_uuid."))?;
    let path = fields.path.filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| Error::invalid("Request must specify path."))?;
    let place = Place {
        holder: Holder::Run(run),
        path: checked(&path)?,
    };
    let content = to_bytes(body, SMALL_BYTES).await;
    let content =
        content.map_err(|_| Error::invalid("Artifact size is too large. Max size is 10MB."))?;
    if content.is_empty() {
        return Err(Error::invalid("Request must specify data."));
    }
    upload::keep(&call, &place, content.into()).await?;
    wire::empty()
}
