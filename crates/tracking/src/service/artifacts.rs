//! Artifacts.

use std::{pin::Pin, time::Duration};

use futures::{Stream, StreamExt as _};
use herdbook_blobs::{Blobs, byte_range, chunks};
use herdbook_core::{Digest, PageToken, WorkspaceId};
use herdbook_proto::{
    InvalidRequest, Violations,
    common::v1::File,
    fields,
    tracking::v1::{
        self as proto, artifact_service_server::ArtifactService,
        download_artifact_response::Message as Download, folder_entry::Entry,
        upload_artifact_request::Message as Upload,
    },
};
use herdbook_rpc::{Caller, status};
use tonic::{Request, Response, Status, Streaming};

use super::answer;
use crate::{
    TrackingError, artifact_path, convert,
    holder::Holder,
    quota::Quotas,
    store::{Store, artifacts::Artifact, folders::FolderEntry},
};

/// For how long a URL is good, and can be at most: clouds take no longer time.
const PRESIGNED_SECONDS: u32 = 900;
const MAX_PRESIGNED_SECONDS: u32 = 604_800;

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
        let holder = holder(&header.run_id, &header.logged_model_id)?;
        self.store.check_active(workspace, holder).await?;
        // Before any byte comes, if it is known how many will.
        let size = size.ok().flatten();
        if let Some(size) = size {
            self.quotas.admit_bytes(workspace, size).await?;
        }

        let pieces = messages.map(|message| match message.map(|message| message.message) {
            Ok(Some(Upload::Chunk(chunk))) => Ok(chunk),
            Ok(_) => Err(Status::invalid_argument("expected a chunk")),
            Err(status) => Err(status),
        });
        let blob = self.blobs.put(pieces, digest, size).await?;
        if size.is_none() {
            self.quotas.admit_bytes(workspace, blob.size).await?;
        }
        self.store
            .put_artifact(workspace, holder, &header.path, blob)
            .await?;
        Ok(Artifact {
            path: header.path,
            blob,
        }
        .into())
    }

    async fn download(
        &self,
        workspace: WorkspaceId,
        request: proto::DownloadArtifactRequest,
    ) -> Result<Answers<proto::DownloadArtifactResponse>, TrackingError> {
        let holder = holder(&request.run_id, &request.logged_model_id)?;
        let artifact = self.find(workspace, holder, &request.path).await?;
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

    /// The file that has this very path.
    async fn find(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
        path: &str,
    ) -> Result<Artifact, TrackingError> {
        let key = self.store.holder_key(workspace, holder).await?;
        if let Some(artifact) = self.store.artifact(key, path).await? {
            return Ok(artifact);
        }
        self.check_there(workspace, holder).await?;
        let path = path.chars().take(200).collect();
        Err(TrackingError::ArtifactNotFound { holder, path })
    }

    /// Keys of runs are kept in memory: one may have been purged since.
    async fn check_there(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
    ) -> Result<(), TrackingError> {
        match holder {
            Holder::Run(id) => self.store.run(workspace, id).await.map(|_| ()),
            Holder::Model(_) => Ok(()),
        }
    }

    async fn list(
        &self,
        workspace: WorkspaceId,
        request: proto::ListArtifactsRequest,
    ) -> Result<proto::ListArtifactsResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let path = folder(&request.path)?;
        let holder = holder(&request.run_id, &request.logged_model_id)?;
        let query = format!("artifacts of {holder} {path}");
        let after = PageToken::<String>::decode(&request.page_token, &query)?;
        let key = self.store.holder_key(workspace, holder).await?;
        let mut found = self
            .store
            .artifacts(key, path, after.as_deref(), size + 1)
            .await?;
        if found.is_empty() {
            self.check_there(workspace, holder).await?;
        }
        let next_page_token = PageToken::cut(&mut found, size, &query, |last| last.path.clone());
        Ok(proto::ListArtifactsResponse {
            files: found.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    async fn list_folder(
        &self,
        workspace: WorkspaceId,
        request: proto::ListFolderRequest,
    ) -> Result<proto::ListFolderResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let path = folder(&request.path)?;
        let holder = holder(&request.run_id, &request.logged_model_id)?;
        let query = format!("folder of {holder} {path}");
        let from = PageToken::<String>::decode(&request.page_token, &query)?;
        let key = self.store.holder_key(workspace, holder).await?;
        let listed = self.store.folder(key, path, from.as_deref(), size + 1);
        let mut found = listed.await?;
        if found.is_empty() {
            self.check_there(workspace, holder).await?;
        }
        let next_page_token = PageToken::cut(&mut found, size, &query, FolderEntry::next);
        Ok(proto::ListFolderResponse {
            entries: found.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    async fn delete(
        &self,
        workspace: WorkspaceId,
        request: proto::DeleteArtifactsRequest,
    ) -> Result<u64, TrackingError> {
        let path = folder(&request.path)?;
        let holder = holder(&request.run_id, &request.logged_model_id)?;
        self.store.check_active(workspace, holder).await?;
        self.store.delete_artifacts(workspace, holder, path).await
    }

    async fn presign(
        &self,
        workspace: WorkspaceId,
        request: proto::PresignArtifactRequest,
    ) -> Result<proto::PresignArtifactResponse, TrackingError> {
        let seconds = match request.expires_in_seconds {
            0 => PRESIGNED_SECONDS,
            seconds if seconds > MAX_PRESIGNED_SECONDS => {
                let what = format!("is {seconds}; at most {MAX_PRESIGNED_SECONDS} are possible");
                return Err(InvalidRequest::field("expires_in_seconds", what).into());
            }
            seconds => seconds,
        };
        let holder = holder(&request.run_id, &request.logged_model_id)?;
        let artifact = self.find(workspace, holder, &request.path).await?;
        let expires_in = Duration::from_secs(seconds.into());
        let url = self.blobs.presign(artifact.blob.digest, expires_in).await?;
        Ok(proto::PresignArtifactResponse {
            file: Some(artifact.into()),
            url,
        })
    }
}

/// What a request names: a run, or a logged model.
pub(super) fn holder(run: &str, model: &str) -> Result<Holder, TrackingError> {
    match (run, model) {
        (run, "") => Ok(Holder::Run(convert::run_id(run)?)),
        ("", model) => Ok(Holder::Model(convert::logged_model::model_id(model)?)),
        _ => {
            let what = "stands in place of run_id; give one of them";
            Err(InvalidRequest::field("logged_model_id", what).into())
        }
    }
}

/// The path of a folder, or nothing for the topmost.
fn folder(path: &str) -> Result<&str, InvalidRequest> {
    let path = path.trim_end_matches('/');
    if !path.is_empty() {
        artifact_path::check(path).map_err(|error| InvalidRequest::field("path", error))?;
    }
    Ok(path)
}

impl From<FolderEntry> for proto::FolderEntry {
    fn from(entry: FolderEntry) -> Self {
        Self {
            entry: Some(match entry {
                FolderEntry::File(artifact) => Entry::File(artifact.into()),
                FolderEntry::Folder(path) => Entry::Folder(path),
            }),
        }
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

    async fn list_folder(
        &self,
        request: Request<proto::ListFolderRequest>,
    ) -> Result<Response<proto::ListFolderResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.list_folder(workspace, request.into_inner()).await)
    }

    async fn delete_artifacts(
        &self,
        request: Request<proto::DeleteArtifactsRequest>,
    ) -> Result<Response<proto::DeleteArtifactsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let deleted = self.delete(workspace, request.into_inner()).await;
        answer(deleted.map(|deleted| proto::DeleteArtifactsResponse {
            deleted: i64::try_from(deleted).unwrap_or(i64::MAX),
        }))
    }

    async fn presign_artifact(
        &self,
        request: Request<proto::PresignArtifactRequest>,
    ) -> Result<Response<proto::PresignArtifactResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.presign(workspace, request.into_inner()).await)
    }
}
