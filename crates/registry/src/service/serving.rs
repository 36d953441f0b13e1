//! What systems that serve models ask.

use herdbook_proto::{
    InvalidRequest,
    registry::v1::{self as proto, serving_service_server::ServingService},
};
use herdbook_rpc::{Caller, WORKSPACE};
use tonic::{Request, Response, Status};

use super::answer;
use crate::{RegistryError, convert, reference::Reference, resolve::Resolver};

pub(crate) struct ServingApi {
    resolver: Resolver,
}

impl ServingApi {
    pub(crate) fn new(resolver: Resolver) -> Self {
        Self { resolver }
    }

    async fn resolve(
        &self,
        caller: &Caller,
        reference: Reference,
    ) -> Result<proto::ResolveVersionResponse, RegistryError> {
        let (found, revision) = self.resolver.resolve(caller.workspace, &reference).await?;
        Ok(convert::to_resolved(&found, revision))
    }
}

/// The reference that a request names. One that names a workspace goes with the workspace of the call.
pub(super) fn reference<T>(request: &Request<T>, text: &str) -> Result<Reference, InvalidRequest> {
    let reference =
        Reference::parse(text).map_err(|error| InvalidRequest::field("reference", error))?;
    let called = request.metadata().get(WORKSPACE);
    match &reference.workspace {
        Some(named) if called.is_none_or(|called| called != named.as_str()) => {
            let what = format!(
                "names the workspace {named:?}; send the call there, with `{WORKSPACE}: {named}` in its \
                 metadata"
            );
            Err(InvalidRequest::field("reference", what))
        }
        _ => Ok(reference),
    }
}

#[tonic::async_trait]
impl ServingService for ServingApi {
    async fn resolve_version(
        &self,
        request: Request<proto::ResolveVersionRequest>,
    ) -> Result<Response<proto::ResolveVersionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let found = async {
            let reference = reference(&request, &request.get_ref().reference)?;
            self.resolve(&caller, reference).await
        };
        answer(found.await)
    }
}
