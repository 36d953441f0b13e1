//! Artifacts.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use herdbook_blobs::{Blobs, byte_range, chunks};
use herdbook_core::{Digest, PageToken, WorkspaceId};
use herdbook_proto::{
    InvalidRequest, Violations,
    common::v1::File,
    fields,
    tracking::v1::{
        self as proto, artifact_service_server::ArtifactService,
        download_artifact_response::Message as Download,
        upload_artifact_request::Message as Upload,
    },
};
use herdbook_rpc::{Caller, status};
use tonic::{Request, Response, Status, Streaming};

use super::answer;
use crate::{
    TrackingError, artifact_path, convert,
    quota::{Quotas, Usage},
    store::{Store, artifacts::Artifact},
};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct ArtifactApi {
    store: Store,
    blobs: Blobs,
    quotas: Quotas,
}

impl ArtifactApi {
    pub(crate) fn new(store: Store, blobs: Blobs, quotas: Quotas) -> Self {
        Self {
            store,
            blobs,
            quotas,
        }
    }

    async fn upload(
        &self,
        workspace: WorkspaceId,
        mut messages: Streaming<proto::UploadArtifactRequest>,
    ) -> Result<File, TrackingError> {
        let first = messages
            .next()
            .await
            .and_then(Result::ok)
            .and_then(|first| first.message);
        let Some(Upload::Header(header)) = first else {
            let what = "the first message must be the header, with the run and the path";
            return Err(InvalidRequest::field("header", what).into());
        };
        let mut violations = Violations::default();
        violations.check("header.path", artifact_path::check(&header.path));
        let digest = match header.digest.as_str() {
            "" => None,
            text => violations.check("header.digest", text.parse::<Digest>()),
        };
        let size = header.size.map(u64::try_from).transpose();
        if size.is_err() {
            violations.add("header.size", "must not be negative");
        }
        violations.finish()?;
        let run = convert::run_id(&header.run_id)?;
        self.store.active_run(workspace, run).await?;
        // Before any byte comes, if it is known how many will.
        let size = size.ok().flatten();
        if let Some(size) = size {
            self.admit(workspace, size).await?;
        }

        let pieces = messages.map(|message| match message.map(|message| message.message) {
            Ok(Some(Upload::Chunk(chunk))) => Ok(chunk),
            Ok(_) => Err(Status::invalid_argument("expected a chunk")),
            Err(status) => Err(status),
        });
        let blob = self.blobs.put(pieces, digest, size).await?;
        if size.is_none() {
            self.admit(workspace, blob.size).await?;
        }
        self.store
            .put_artifact(workspace, run, &header.path, blob)
            .await?;
        Ok(Artifact {
            path: header.path,
            blob,
        }
        .into())
    }

    async fn admit(&self, workspace: WorkspaceId, size: u64) -> Result<(), TrackingError> {
        let added = Usage {
            bytes: i64::try_from(size).unwrap_or(i64::MAX),
            ..Usage::default()
        };
        self.quotas.admit(workspace, added).await
    }

    async fn download(
        &self,
        workspace: WorkspaceId,
        request: proto::DownloadArtifactRequest,
    ) -> Result<Answers<proto::DownloadArtifactResponse>, TrackingError> {
        let id = convert::run_id(&request.run_id)?;
        let (key, _) = self.store.run(workspace, id).await?;
        let found = self.store.artifact(key, &request.path).await?;
        let Some(artifact) = found else {
            let path = request.path.chars().take(200).collect();
            return Err(TrackingError::ArtifactNotFound { run: id, path });
        };
        let range = byte_range(request.offset, request.length, artifact.blob.size)?;
        let bytes = self.blobs.get(artifact.blob, range).await?;
        let file = proto::DownloadArtifactResponse {
            message: Some(Download::File(artifact.into())),
        };
        let chunks = chunks(bytes).map(|chunk| match chunk {
            Ok(chunk) => Ok(proto::DownloadArtifactResponse {
                message: Some(Download::Chunk(chunk)),
            }),
            Err(error) => Err(status(error)),
        });
        Ok(Box::pin(futures::stream::iter([Ok(file)]).chain(chunks)))
    }

    async fn list(
        &self,
        workspace: WorkspaceId,
        request: proto::ListArtifactsRequest,
    ) -> Result<proto::ListArtifactsResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let path = request.path.trim_end_matches('/');
        if !path.is_empty() {
            artifact_path::check(path).map_err(|error| InvalidRequest::field("path", error))?;
        }
        let query = format!("artifacts {} {path}", request.run_id);
        let after = PageToken::<String>::decode(&request.page_token, &query)?;
        let id = convert::run_id(&request.run_id)?;
        let key = self.store.run_key(workspace, id).await?;
        let mut found = self
            .store
            .artifacts(key, path, after.as_deref(), size + 1)
            .await?;
        if found.is_empty() {
            // Keys are kept in memory: the run may have been purged.
            self.store.run(workspace, id).await?;
        }
        let next_page_token = PageToken::cut(&mut found, size, &query, |last| last.path.clone());
        Ok(proto::ListArtifactsResponse {
            files: found.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }
}

impl From<Artifact> for File {
    fn from(artifact: Artifact) -> Self {
        Self {
            path: artifact.path,
            size: i64::try_from(artifact.blob.size).unwrap_or(i64::MAX),
            digest: artifact.blob.digest.to_string(),
        }
    }
}

#[tonic::async_trait]
impl ArtifactService for ArtifactApi {
    async fn upload_artifact(
        &self,
        request: Request<Streaming<proto::UploadArtifactRequest>>,
    ) -> Result<Response<proto::UploadArtifactResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let file = self.upload(workspace, request.into_inner()).await;
        answer(file.map(|file| proto::UploadArtifactResponse { file: Some(file) }))
    }

    type DownloadArtifactStream = Answers<proto::DownloadArtifactResponse>;

    async fn download_artifact(
        &self,
        request: Request<proto::DownloadArtifactRequest>,
    ) -> Result<Response<Self::DownloadArtifactStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.download(workspace, request.into_inner()).await)
    }

    async fn list_artifacts(
        &self,
        request: Request<proto::ListArtifactsRequest>,
    ) -> Result<Response<proto::ListArtifactsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.list(workspace, request.into_inner()).await)
    }
}
