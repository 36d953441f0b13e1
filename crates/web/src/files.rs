//! Files of runs and of versions, for a browser to save, or those of runs to show where nothing in them can run: never as
//! pages of this origin.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures::{Stream, TryStreamExt as _};
use herdbook_proto::{
    common::v1::File,
    registry::v1::{
        DownloadVersionFileRequest, download_version_file_response::Message as OfVersion,
        version_service_client::VersionServiceClient,
    },
    tracking::v1::{
        DownloadArtifactRequest, artifact_service_client::ArtifactServiceClient,
        download_artifact_response::Message as OfRun,
    },
};
use herdbook_rpc::{Authenticate, Caller, PeerChannel, WORKSPACE, status};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tonic::{Code, Status};

use crate::session::SERVICE;

/// A file can run nothing and load nothing, should a browser show it after all.
const POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// A page may show a file within itself: as a document of no origin, in which nothing runs, and which loads and
/// calls nothing. Styles and pictures that it has in itself are shown.
const SHOWN_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; \
     frame-ancestors 'self'";

#[derive(Clone)]
struct Files {
    tracking: PeerChannel,
    registry: PeerChannel,
    authenticator: Arc<dyn Authenticate>,
}

/// A link cannot carry metadata.
#[derive(Deserialize)]
struct Place {
    workspace: Option<String>,
    /// `1` to have the file shown, if it is of a kind that browsers show.
    show: Option<String>,
}

/// What browsers show, by the ending of the name.
fn shown_as(path: &str) -> Option<&'static str> {
    let ending = path.rsplit_once('.')?.1.to_ascii_lowercase();
    Some(match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "html" | "htm" => "text/html; charset=utf-8",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => return None,
    })
}

pub(crate) fn routes(
    tracking: PeerChannel,
    registry: PeerChannel,
    authenticator: Arc<dyn Authenticate>,
) -> Router {
    Router::new()
        .route("/files/runs/{run}/{*path}", get(of_run))
        .route("/files/models/{model}/{number}/{*path}", get(of_version))
        .with_state(Files {
            tracking,
            registry,
            authenticator,
        })
}

async fn of_run(
    State(files): State<Files>,
    Path((run_id, path)): Path<(String, String)>,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> Response {
    let file = async {
        let shown = place.show.as_ref().and_then(|_| shown_as(&path));
        let caller = files.caller(place, headers).await?;
        let mut artifacts = ArtifactServiceClient::new(files.tracking.on_behalf_of(&caller));
        let wanted = DownloadArtifactRequest {
            run_id,
            path,
            ..DownloadArtifactRequest::default()
        };
        let messages = artifacts.download_artifact(wanted).await?.into_inner();
        let parts = messages.map_ok(|answer| match answer.message {
            Some(OfRun::File(file)) => Part::Facts(file),
            Some(OfRun::Chunk(bytes)) => Part::Bytes(bytes),
            None => Part::Bytes(Default::default()),
        });
        sent(parts, shown).await
    };
    file.await.unwrap_or_else(|refused| refusal(&refused))
}

async fn of_version(
    State(files): State<Files>,
    Path((model, number, path)): Path<(String, String, String)>,
    Query(place): Query<Place>,
    headers: HeaderMap,
) -> Response {
    let file = async {
        let caller = files.caller(place, headers).await?;
        let mut versions = VersionServiceClient::new(files.registry.on_behalf_of(&caller));
        let wanted = DownloadVersionFileRequest {
            reference: format!("{model}/{number}"),
            path,
            ..DownloadVersionFileRequest::default()
        };
        let messages = versions.download_version_file(wanted).await?.into_inner();
        let parts = messages.map_ok(|answer| match answer.message {
            Some(OfVersion::File(file)) => Part::Facts(file),
            Some(OfVersion::Chunk(bytes)) => Part::Bytes(bytes),
            None => Part::Bytes(Default::default()),
        });
        sent(parts, None).await
    };
    file.await.unwrap_or_else(|refused| refusal(&refused))
}

impl Files {
    async fn caller(&self, place: Place, mut asked: HeaderMap) -> Result<Caller, Status> {
        if let Some(workspace) = place.workspace {
            let workspace = HeaderValue::from_str(&workspace)
                .map_err(|_| Status::not_found("there is no such workspace"))?;
            asked.insert(WORKSPACE, workspace);
        }
        let caller = self.authenticator.authenticate(&asked, SERVICE).await;
        caller.map_err(status)
    }
}

/// A message of a download.
enum Part {
    /// The first.
    Facts(File),
    Bytes(Bytes),
}

/// A download as it comes: as a file that a browser saves, or shows as what it is.
async fn sent(
    mut parts: impl Stream<Item = Result<Part, Status>> + Send + Unpin + 'static,
    shown: Option<&'static str>,
) -> Result<Response, Status> {
    let Some(Part::Facts(file)) = parts.try_next().await? else {
        return Err(Status::internal("the file came without its facts"));
    };
    let chunks = parts.try_filter_map(async |part| match part {
        Part::Bytes(bytes) => Ok(Some(bytes)),
        Part::Facts(_) => Ok(None),
    });
    let (kind, disposition, policy) = match shown {
        Some(kind) => (kind, "inline".to_owned(), SHOWN_POLICY),
        None => ("application/octet-stream", saved_as(&file.path), POLICY),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, file.size.to_string()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy.to_owned()),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// The name to save a file under, in the notation of RFC 6266 and RFC 8187.
fn saved_as(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("attachment; filename*=UTF-8''{encoded}")
}

/// What a service answered, as HTTP has it, in words.
pub(crate) fn refusal(refused: &Status) -> Response {
    let code = match refused.code() {
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (code, format!("{}\n", refused.message())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_show_is_shown() {
        assert_eq!(shown_as("plots/ROC.PNG"), Some("image/png"));
        assert_eq!(shown_as("report.html"), Some("text/html; charset=utf-8"));
        assert_eq!(shown_as("model.pkl"), None);
        assert_eq!(shown_as("Makefile"), None);
        assert_eq!(shown_as("app.js"), None);
    }

    #[test]
    fn no_name_leaves_its_header() {
        assert_eq!(
            saved_as("model/weights v2\".bin"),
            "attachment; filename*=UTF-8''weights%20v2%22%2Ebin"
        );
    }
}
