//! What systems that serve models ask.

use std::time::{Duration, SystemTime};

use herdbook_blobs::Blobs;
use herdbook_proto::{
    InvalidRequest, Violations,
    registry::v1::{self as proto, serving_service_server::ServingService},
};
use herdbook_rpc::{Caller, WORKSPACE};
use tonic::{Request, Response, Status};

use super::answer;
use crate::{RegistryError, convert, reference::Reference, resolve::Resolver};

/// Files whose URLs are given at a time.
const FILES: usize = 1_000;
/// For how long URLs are good: at most, which is what the clouds allow, and if the caller does not say.
const EXPIRY: (Duration, Duration) = (
    Duration::from_secs(7 * 24 * 3600),
    Duration::from_secs(3600),
);

pub(crate) struct ServingApi {
    resolver: Resolver,
    blobs: Blobs,
}

impl ServingApi {
    pub(crate) fn new(resolver: Resolver, blobs: Blobs) -> Self {
        Self { resolver, blobs }
    }

    async fn resolve(
        &self,
        caller: &Caller,
        reference: Reference,
    ) -> Result<proto::ResolveVersionResponse, RegistryError> {
        let (found, revision) = self.resolver.resolve(caller.workspace, &reference).await?;
        Ok(convert::to_resolved(&found, revision))
    }

    async fn presign(
        &self,
        caller: &Caller,
        reference: Reference,
        request: proto::PresignVersionFilesRequest,
    ) -> Result<proto::PresignVersionFilesResponse, RegistryError> {
        let mut violations = Violations::default();
        let expires_in = expiry(request.expires_in, &mut violations);
        if request.paths.len() > FILES {
            violations.add(
                "paths",
                format!("has more than {FILES} entries; ask again for the rest"),
            );
        }
        violations.finish()?;
        let (found, _) = self.resolver.resolve(caller.workspace, &reference).await?;
        let files: Vec<_> = match request.paths.is_empty() {
            true => found.files.iter().collect(),
            false => {
                let files = request.paths.iter().map(|path| found.file(path));
                files.collect::<Result<_, _>>()?
            }
        };
        if files.len() > FILES {
            let what = format!(
                "must name some of the {} files, {FILES} at most",
                files.len()
            );
            return Err(InvalidRequest::field("paths", what).into());
        }
        // Before the first is signed, so that none is good for less.
        let expires_at = SystemTime::now() + expires_in;
        let mut presigned = Vec::with_capacity(files.len());
        for file in files {
            presigned.push(proto::PresignedFile {
                file: Some(file.clone().into()),
                url: self.blobs.presign(file.digest, expires_in).await?,
            });
        }
        Ok(proto::PresignVersionFilesResponse {
            model: found.model.clone(),
            version: found.number,
            files: presigned,
            expires_at: Some(expires_at.into()),
        })
    }
}

/// The reference in a field of a request. One that names a workspace goes with the workspace of the call.
pub(super) fn reference<T>(
    request: &Request<T>,
    field: &str,
    text: &str,
) -> Result<Reference, InvalidRequest> {
    let reference = Reference::parse(text).map_err(|error| InvalidRequest::field(field, error))?;
    let called = request.metadata().get(WORKSPACE);
    match &reference.workspace {
        Some(named) if called.is_none_or(|called| called != named.as_str()) => {
            let what = format!(
                "names the workspace {named:?}; send the call there, with `{WORKSPACE}: {named}` in its \
                 metadata"
            );
            Err(InvalidRequest::field(field, what))
        }
        _ => Ok(reference),
    }
}

/// Reads for how long URLs are to be good.
fn expiry(given: Option<prost_types::Duration>, violations: &mut Violations) -> Duration {
    let (longest, usual) = EXPIRY;
    let Some(given) = given else {
        return usual;
    };
    let read = Duration::try_from(given).ok();
    let fits = read.filter(|read| (Duration::from_secs(1)..=longest).contains(read));
    if fits.is_none() {
        violations.add("expires_in", "must be a second to 7 days");
    }
    fits.unwrap_or(usual)
}

#[tonic::async_trait]
impl ServingService for ServingApi {
    async fn resolve_version(
        &self,
        request: Request<proto::ResolveVersionRequest>,
    ) -> Result<Response<proto::ResolveVersionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let found = async {
            let reference = reference(&request, "reference", &request.get_ref().reference)?;
            self.resolve(&caller, reference).await
        };
        answer(found.await)
    }

    async fn presign_version_files(
        &self,
        request: Request<proto::PresignVersionFilesRequest>,
    ) -> Result<Response<proto::PresignVersionFilesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let urls = async {
            let reference = reference(&request, "reference", &request.get_ref().reference)?;
            self.presign(&caller, reference, request.into_inner()).await
        };
        answer(urls.await)
    }
}
