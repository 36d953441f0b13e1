//! URLs of a bucket's own.
//!
//! A file's bytes are named by their digest, which nobody knows before they have all come: a client cannot put
//! them into the bucket by itself. Uploads go through the server, in one request of any length or in parts.

use std::collections::BTreeMap;

use axum::response::Response;
use herdbook_proto::tracking::v1::{PresignArtifactRequest, PresignArtifactResponse};
use serde::{Deserialize, Serialize};

use super::place::{Holder, Place, checked};
use crate::mlflow::{
    call::Call,
    endpoint::{Base, Endpoint},
    error::{Answer, Error},
    unsupported, wire,
};

/// Clients know by these very words to get the file in one request.
const NO_DOWNLOAD: &str = "Multipart download is not supported for the current artifact repository";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("presigned/{*path}", of_address).at(Base::Artifacts),
        Endpoint::post("artifacts/presigned-download-url", of_run),
        Endpoint::post("artifacts/presigned-upload-url", no_upload),
    ]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    run_id: Option<String>,
    path: Option<String>,
    #[serde(deserialize_with = "wire::int")]
    expiration: Option<i64>,
}

/// As the proxy has it.
#[derive(Serialize)]
struct ByProxy {
    url: String,
    headers: BTreeMap<String, String>,
    file_size: i64,
}

#[derive(Serialize)]
struct OfRun {
    presigned_url: String,
    file_size: i64,
}

async fn no_upload(_: Call) -> Answer<Response> {
    Err(Error::invalid(
        "Presigned upload is not supported for proxied artifact storage; upload through the server.",
    ))
}

async fn of_address(call: Call) -> Answer<Response> {
    let address = call.captured("path");
    let missing = || Error::not_found(format!("No such artifact: '{address}'"));
    let place = Place::at(address)?.ok_or_else(missing)?;
    let presigned = presign(&call, place, 0).await?;
    wire::json(&ByProxy {
        url: presigned.url,
        headers: BTreeMap::new(),
        file_size: presigned.file.unwrap_or_default().size,
    })
}

async fn of_run(call: Call) -> Answer<Response> {
    let fields: Wanted = call.read()?;
    let place = Place {
        holder: Holder::Run(wire::required_text("run_id", fields.run_id)?),
        path: checked(&wire::required_text("path", fields.path)?)?,
    };
    let seconds = match fields.expiration {
        None => 0,
        Some(seconds @ 1..=604_800) => u32::try_from(seconds).unwrap_or_default(),
        Some(seconds) => {
            let what = format!("expiration must be between 1 and 604800 seconds (got {seconds}).");
            return Err(Error::invalid(what));
        }
    };
    let presigned = presign(&call, place, seconds).await?;
    wire::json(&OfRun {
        presigned_url: presigned.url,
        file_size: presigned.file.unwrap_or_default().size,
    })
}

async fn presign(call: &Call, place: Place, seconds: u32) -> Answer<PresignArtifactResponse> {
    let (run_id, logged_model_id) = place.holder.ids();
    let request = PresignArtifactRequest {
        run_id,
        logged_model_id,
        path: place.path,
        expires_in_seconds: seconds,
    };
    match call.artifacts().presign_artifact(request).await {
        Ok(presigned) => Ok(presigned.into_inner()),
        Err(status) => Err(match Error::from(status) {
            error if error.is_for("NOT_PRESIGNED") => unsupported::error(NO_DOWNLOAD),
            error => error,
        }),
    }
}
