//! Uploads in parts.

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use herdbook_blobs::Blobs;
use herdbook_core::{Digest, UploadId, WorkspaceId};
use herdbook_proto::{
    InvalidRequest, Violations,
    time::to_timestamp,
    tracking::v1::{
        self as proto, upload_part_request::Message, upload_service_server::UploadService,
    },
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status, Streaming};

use super::{answer, artifacts::holder};
use crate::{
    TrackingError, artifact_path,
    quota::Quotas,
    store::{
        Store,
        artifacts::Artifact,
        uploads::{Part, PartedUpload},
    },
};

/// Parts of one upload.
const PARTS: u32 = 10_000;

#[derive(Clone)]
pub(crate) struct UploadApi {
    store: Store,
    blobs: Blobs,
    quotas: Quotas,
}

impl UploadApi {
    pub(crate) fn new(store: Store, blobs: Blobs, quotas: Quotas) -> Self {
        Self {
            store,
            blobs,
            quotas,
        }
    }

    async fn create(
        &self,
        workspace: WorkspaceId,
        request: proto::CreateUploadRequest,
    ) -> Result<proto::CreateUploadResponse, TrackingError> {
        artifact_path::check(&request.path)
            .map_err(|error| InvalidRequest::field("path", error))?;
        let holder = holder(&request.run_id, &request.logged_model_id)?;
        self.store.check_active(workspace, holder).await?;
        let created = self.store.create_upload(workspace, holder, &request.path);
        let (id, expires_at) = created.await?;
        Ok(proto::CreateUploadResponse {
            upload_id: id.to_string(),
            expire_time: Some(to_timestamp(expires_at)),
        })
    }

    async fn put(
        &self,
        workspace: WorkspaceId,
        mut messages: Streaming<proto::UploadPartRequest>,
    ) -> Result<Part, TrackingError> {
        let first = messages.next().await.and_then(Result::ok);
        let Some(Message::Header(header)) = first.and_then(|first| first.message) else {
            let what = "the first message must be the header, with the upload and the number";
            return Err(InvalidRequest::field("header", what).into());
        };
        let mut violations = Violations::default();
        if !(1..=PARTS).contains(&header.number) {
            let what = format!("is {}; expected 1 to {PARTS}", header.number);
            violations.add("header.number", what);
        }
        let digest = match header.digest.as_str() {
            "" => None,
            text => violations.check("header.digest", text.parse::<Digest>()),
        };
        let size = header.size.map(u64::try_from).transpose();
        if size.is_err() {
            violations.add("header.size", "must not be negative");
        }
        violations.finish()?;
        let id = upload_id(&header.upload_id)?;
        // Before any byte comes, if it is known how many will.
        self.store.check_open(workspace, id).await?;
        let size = size.ok().flatten();
        if let Some(size) = size {
            self.quotas.admit_bytes(workspace, size).await?;
        }
        let pieces = messages.map(|message| match message.map(|message| message.message) {
            Ok(Some(Message::Chunk(chunk))) => Ok(chunk),
            Ok(_) => Err(Status::invalid_argument("expected a chunk")),
            Err(status) => Err(status),
        });
        let blob = self.blobs.put(pieces, digest, size).await?;
        if size.is_none() {
            self.quotas.admit_bytes(workspace, blob.size).await?;
        }
        let number = header.number;
        let part = Part { number, blob };
        self.store.put_part(workspace, id, part).await?;
        Ok(part)
    }

    async fn complete(
        &self,
        workspace: WorkspaceId,
        request: proto::CompleteUploadRequest,
    ) -> Result<Artifact, TrackingError> {
        let id = upload_id(&request.upload_id)?;
        let digest = match request.digest.as_str() {
            "" => None,
            text => Some(
                text.parse::<Digest>()
                    .map_err(|error| InvalidRequest::field("digest", error))?,
            ),
        };
        let upload = self.store.upload(workspace, id).await?;
        if let Some(file) = &upload.done {
            return Ok(file.clone());
        }
        check_parts(&upload.parts, &request.parts)?;
        let this = self.clone();
        // Goes on if the caller does not wait for it: it finds the file when it asks again.
        let joined = tokio::spawn(async move { this.join(workspace, id, upload, digest).await });
        joined
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// Makes one blob of the parts, and names it.
    async fn join(
        &self,
        workspace: WorkspaceId,
        id: UploadId,
        upload: PartedUpload,
        digest: Option<Digest>,
    ) -> Result<Artifact, TrackingError> {
        let size = upload.parts.iter().map(|part| part.blob.size).sum();
        let blobs = self.blobs.clone();
        let parts = stream::iter(upload.parts).then(move |part| {
            let blobs = blobs.clone();
            async move { blobs.get(part.blob, 0..part.blob.size).await }.boxed()
        });
        let bytes = parts.try_flatten().boxed();
        let blob = self.blobs.put(bytes, digest, Some(size)).await?;
        let path = upload.path;
        let file = Artifact { path, blob };
        self.store
            .complete_upload(workspace, id, upload.holder, &file)
            .await?;
        Ok(file)
    }
}

/// The id of an upload in a request; one that is none means no upload.
fn upload_id(text: &str) -> Result<UploadId, TrackingError> {
    text.parse().map_err(|_| {
        let shown = text.chars().filter(|c| !c.is_control()).take(64);
        TrackingError::UploadNotFound(shown.collect())
    })
}

/// Whether the parts that are `kept` are those that are `named`, and make a file without a gap.
fn check_parts(kept: &[Part], named: &[proto::UploadedPart]) -> Result<(), InvalidRequest> {
    let mut violations = Violations::default();
    if named.is_empty() {
        violations.add(
            "parts",
            "must not be empty; a file without bytes has one part without bytes",
        );
    }
    for (index, part) in named.iter().enumerate() {
        let field = |name| format!("parts[{index}].{name}");
        let number = part.number;
        let expected = index + 1;
        if usize::try_from(number) != Ok(expected) {
            let what =
                format!("is {number}, where {expected} was expected: name all parts, in order");
            violations.add(field("number"), what);
            break;
        }
        // Those before it are all there.
        match kept.get(index).filter(|kept| kept.number == number) {
            None => {
                let what =
                    format!("the part {number} did not arrive; upload it, and complete again");
                violations.add(field("number"), what);
                break;
            }
            Some(kept) if part.digest.parse::<Digest>() != Ok(kept.blob.digest) => {
                let what = format!("the part {number} is kept as {}", kept.blob.digest);
                violations.add(field("digest"), what);
            }
            Some(_) => {}
        }
    }
    if let Some(more) = kept.get(named.len()).filter(|_| kept.len() > named.len()) {
        let what = format!("leave out the part {}, which was uploaded", more.number);
        violations.add("parts", what);
    }
    violations.finish()
}

#[tonic::async_trait]
impl UploadService for UploadApi {
    async fn create_upload(
        &self,
        request: Request<proto::CreateUploadRequest>,
    ) -> Result<Response<proto::CreateUploadResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.create(workspace, request.into_inner()).await)
    }

    async fn upload_part(
        &self,
        request: Request<Streaming<proto::UploadPartRequest>>,
    ) -> Result<Response<proto::UploadPartResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let part = self.put(workspace, request.into_inner()).await;
        answer(part.map(|part| proto::UploadPartResponse {
            part: Some(part.into()),
        }))
    }

    async fn complete_upload(
        &self,
        request: Request<proto::CompleteUploadRequest>,
    ) -> Result<Response<proto::CompleteUploadResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let file = self.complete(workspace, request.into_inner()).await;
        answer(file.map(|file| proto::CompleteUploadResponse {
            file: Some(file.into()),
        }))
    }

    async fn abort_upload(
        &self,
        request: Request<proto::AbortUploadRequest>,
    ) -> Result<Response<proto::AbortUploadResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let aborted = match upload_id(&request.into_inner().upload_id) {
            Ok(id) => self.store.abort_upload(workspace, id).await,
            // There is nothing to end.
            Err(_) => Ok(()),
        };
        answer(aborted.map(|()| proto::AbortUploadResponse {}))
    }
}

impl From<Part> for proto::UploadedPart {
    fn from(part: Part) -> Self {
        Self {
            number: part.number,
            digest: part.blob.digest.to_string(),
            size: i64::try_from(part.blob.size).unwrap_or(i64::MAX),
        }
    }
}
