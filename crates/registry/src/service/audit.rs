//! Exports and checkpoints of the audit log.

use std::pin::Pin;

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use herdbook_core::{PageToken, WorkspaceId};
use herdbook_proto::{
    Violations, fields,
    registry::v1::{self as proto, audit_service_server::AuditService},
};
use herdbook_rpc::{Caller, status};
use tonic::{Request, Response, Status};

use super::answer;
use crate::{RegistryError, checkpoint::Checkpoint, checkpointer, store::Store};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct AuditApi {
    store: Store,
}

impl AuditApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Where an export begins.
    async fn begin(
        &self,
        workspace: WorkspaceId,
        request: &proto::ExportAuditRequest,
    ) -> Result<Place, RegistryError> {
        let mut violations = Violations::default();
        let since = violations.time("since", request.since.as_ref());
        let until = violations.time("until", request.until.as_ref());
        violations.finish()?;
        let after = match since {
            Some(since) => self.store.revision_before(workspace, since).await?,
            None => 0,
        };
        let until = match until {
            Some(until) => self.store.revision_before(workspace, until).await?,
            None => self.store.revision(workspace).await?,
        };
        let before = self.store.audit_rows(workspace, after - 1, after).await?;
        let hash = before.into_iter().next().map(|row| row.hash);
        Ok(Place {
            after,
            hash: hash.unwrap_or_default(),
            until,
        })
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListCheckpointsRequest,
    ) -> Result<proto::ListCheckpointsResponse, RegistryError> {
        let size = fields::page_size(request.page_size)?;
        let token = PageToken::<i64>::decode(&request.page_token, "checkpoints")?;
        let before = token.unwrap_or(i64::MAX);
        let mut found = self
            .store
            .checkpoints(caller.workspace, before, size + 1)
            .await?;
        let next_page_token = PageToken::cut(&mut found, size, "checkpoints", |last| last.revision);
        Ok(proto::ListCheckpointsResponse {
            checkpoints: found.iter().map(Checkpoint::to_proto).collect(),
            next_page_token,
        })
    }
}

/// How far an export has come, and where it ends.
struct Place {
    after: i64,
    /// Hash of the record before.
    hash: Vec<u8>,
    until: i64,
}

/// The next lines of an export.
async fn page(
    store: &Store,
    workspace: WorkspaceId,
    place: &mut Place,
) -> Result<Vec<proto::ExportAuditResponse>, RegistryError> {
    let rows = store
        .audit_rows(workspace, place.after, place.until)
        .await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        lines.push(row.line(&place.hash)?);
        place.after = row.revision;
        place.hash = row.hash;
    }
    Ok(lines)
}

#[tonic::async_trait]
impl AuditService for AuditApi {
    type ExportAuditStream = Answers<proto::ExportAuditResponse>;

    async fn export_audit(
        &self,
        request: Request<proto::ExportAuditRequest>,
    ) -> Result<Response<Self::ExportAuditStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let place = self.begin(workspace, request.get_ref()).await;
        let store = self.store.clone();
        let pages = stream::try_unfold(place.map_err(status)?, move |mut place| {
            let store = store.clone();
            async move {
                let lines = page(&store, workspace, &mut place).await.map_err(status)?;
                let next = (!lines.is_empty()).then_some((lines, place));
                Ok::<_, Status>(next)
            }
        });
        let lines = pages.map_ok(|lines| stream::iter(lines).map(Ok));
        Ok(Response::new(Box::pin(lines.try_flatten())))
    }

    async fn create_checkpoint(
        &self,
        request: Request<proto::CreateCheckpointRequest>,
    ) -> Result<Response<proto::CreateCheckpointResponse>, Status> {
        let caller = Caller::of(&request)?;
        let made = checkpointer::make(&self.store, caller.workspace).await;
        answer(made.map(|made| proto::CreateCheckpointResponse {
            checkpoint: Some(made.to_proto()),
        }))
    }

    async fn list_checkpoints(
        &self,
        request: Request<proto::ListCheckpointsRequest>,
    ) -> Result<Response<proto::ListCheckpointsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }
}
