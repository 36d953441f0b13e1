//! A file of a version, as it was registered: what its source has at that place by now is not looked at.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use herdbook_proto::registry::v1::{
    DownloadVersionFileRequest, download_version_file_response::Message,
};
use http::header;
use serde::Deserialize;

use super::{about, versions};
use crate::mlflow::{
    artifacts::{attachment, checked},
    call::Call,
    error::{Answer, Error},
    registered_models::{model_name, version},
    wire,
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    name: Option<String>,
    version: Option<String>,
    path: Option<String>,
}

pub(super) async fn get(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let path = checked(&wire::required_text("path", fields.path)?)?;
    let name = model_name("name", fields.name)?;
    let number = version(fields.version)?;
    let request = DownloadVersionFileRequest {
        reference: format!("{name}/{number}"),
        path: path.clone(),
        ..Default::default()
    };
    let stream = versions(&call).download_version_file(request).await;
    let mut stream = stream
        .map_err(|error| about(&name, number, error))?
        .into_inner();
    let first = stream.next().await.transpose()?;
    let Some(Message::File(file)) = first.and_then(|first| first.message) else {
        return Err(Error::not_found(format!("there is no file {path}")));
    };
    let bytes = stream.filter_map(|message| async move {
        match message.map(|message| message.message) {
            Ok(Some(Message::Chunk(chunk))) => Some(Ok(chunk)),
            Ok(_) => None,
            Err(status) => Some(Err(status)),
        }
    });
    let file_name = path.rsplit('/').next().unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, file.size.to_string()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_DISPOSITION, attachment(file_name)),
    ];
    Ok((headers, Body::from_stream(bytes)).into_response())
}
