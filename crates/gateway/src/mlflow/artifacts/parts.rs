//! Large files in parts: clients send several at a time, each to an address of this very server.
//!
//! A part goes out with what its answer to `create` told to send, and with nothing of the client's own: the address
//! of the server as the client knows it, and the credentials that it came with.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use herdbook_proto::tracking::v1::{
    AbortUploadRequest, CompleteUploadRequest, CreateUploadRequest, PartHeader, UploadPartRequest,
    UploadedPart, upload_part_request::Message,
};
use http::{
    HeaderValue, Method,
    header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG},
};
use serde::{Deserialize, Serialize};
use tonic::Status;

use super::{place::Place, upload};
use crate::mlflow::{
    call::Call,
    endpoint::{Base, Endpoint},
    error::{Answer, Error},
    unsupported, wire,
};

/// Parts of one file.
const PARTS: i64 = 10_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        Endpoint::post("mpu/create/{*path}", create),
        Endpoint::streamed(Method::PUT, "mpu/parts/{upload}/{number}", put),
        Endpoint::post("mpu/complete/{*path}", complete),
        Endpoint::post("mpu/abort/{*path}", abort),
    ]
    .map(|endpoint| endpoint.at(Base::Artifacts))
    .into()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    path: Option<String>,
    #[serde(deserialize_with = "wire::int")]
    num_parts: Option<i64>,
    upload_id: Option<String>,
    parts: Option<Vec<Part>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    #[serde(deserialize_with = "wire::int")]
    part_number: Option<i64>,
    etag: Option<String>,
}

#[derive(Serialize)]
struct Created {
    upload_id: String,
    credentials: Vec<Credential>,
}

#[derive(Serialize)]
struct Credential {
    url: String,
    part_number: i64,
    headers: BTreeMap<&'static str, String>,
}

/// The place of the file: the folder that the address names, and the name of the file on the client's machine.
fn place(call: &Call, path: Option<&str>) -> Answer<Place> {
    let file = path.and_then(|path| path.rsplit(['/', '\\']).next());
    let file = wire::required_text("path", file.map(str::to_owned))?;
    let folder = call.captured("path").trim_end_matches('/');
    let place = Place::at(&format!("{folder}/{file}"))?.filter(|place| !place.path.is_empty());
    place.ok_or_else(unsupported::place)
}

async fn create(call: Call) -> Answer<Response> {
    let fields: Wanted = call.read()?;
    let place = place(&call, fields.path.as_deref())?;
    let count = fields.num_parts.unwrap_or(1);
    if !(1..=PARTS).contains(&count) {
        let what = format!(
            "num_parts must be between 1 and {PARTS} (got {count}); for larger parts, set \
             MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"
        );
        return Err(Error::invalid(what));
    }
    let base = call.base_url()?;
    let (run_id, logged_model_id) = place.holder.ids();
    let request = CreateUploadRequest {
        run_id,
        logged_model_id,
        path: place.path,
    };
    let created = call.uploads().create_upload(request).await?.into_inner();
    let upload_id = created.upload_id;
    let credential = |part_number| Credential {
        url: format!("{base}/api/2.0/mlflow-artifacts/mpu/parts/{upload_id}/{part_number}"),
        part_number,
        headers: call.sent_credentials(),
    };
    let credentials = (1..=count).map(credential).collect();
    let mut answer = wire::json(&Created {
        credentials,
        upload_id,
    })?;
    // It has the caller's credentials in it.
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(answer)
}

async fn put(call: Call, body: Body) -> Answer<Response> {
    let number = call.captured("number").parse();
    let announced = call.header(CONTENT_LENGTH.as_str());
    let header = PartHeader {
        upload_id: call.captured("upload").to_owned(),
        number: number.map_err(|_| Error::invalid("the part's number is no number"))?,
        size: announced.and_then(|size| size.parse().ok()),
        ..Default::default()
    };
    let (chunks, breaks) = upload::pieces(body);
    let messages = stream::iter([Message::Header(header)]).chain(chunks.map(Message::Chunk));
    let messages = messages.map(|message| UploadPartRequest {
        message: Some(message),
    });
    let mut uploads = call.uploads();
    let kept = upload::whole(uploads.upload_part(messages), breaks).await?;
    let part = kept.into_inner().part;
    let part = part.ok_or_else(|| Status::internal("the part was not told"))?;
    let etag = format!("\"{}\"", part.digest);
    Ok([(ETAG, etag)].into_response())
}

async fn complete(call: Call) -> Answer<Response> {
    let fields: Wanted = call.read()?;
    place(&call, fields.path.as_deref())?;
    let part = |part: Part| -> Answer<UploadedPart> {
        let number = wire::required("parts.part_number", part.part_number)?;
        let etag = wire::required_text("parts.etag", part.etag)?;
        Ok(UploadedPart {
            number: u32::try_from(number).unwrap_or_default(),
            digest: etag.trim_matches('"').to_owned(),
            size: 0,
        })
    };
    let parts = wire::required("parts", fields.parts)?;
    let request = CompleteUploadRequest {
        upload_id: wire::required_text("upload_id", fields.upload_id)?,
        parts: parts.into_iter().map(part).collect::<Answer<_>>()?,
        ..Default::default()
    };
    call.uploads().complete_upload(request).await?;
    wire::empty()
}

async fn abort(call: Call) -> Answer<Response> {
    let fields: Wanted = call.read()?;
    place(&call, fields.path.as_deref())?;
    let request = AbortUploadRequest {
        upload_id: wire::required_text("upload_id", fields.upload_id)?,
    };
    call.uploads().abort_upload(request).await?;
    wire::empty()
}
