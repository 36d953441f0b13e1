//! DefineKind, ListKinds, DeleteKind.

use herdbook_core::WorkspaceId;
use herdbook_proto::{InvalidRequest, lineage::v1 as proto};

use super::LineageApi;
use crate::{LineageError, convert, kinds};

/// Kinds that a workspace may define.
const KINDS: i64 = 1_000;

impl LineageApi {
    pub(super) async fn define(
        &self,
        workspace: WorkspaceId,
        request: proto::DefineKindRequest,
    ) -> Result<proto::Kind, LineageError> {
        let kind = convert::kind(request.kind)?;
        self.store.define_kind(workspace, &kind, KINDS).await?;
        Ok(convert::to_kind(kind))
    }

    /// Those built in, then those defined, each by name.
    pub(super) async fn kinds(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<proto::Kind>, LineageError> {
        let defined = self.store.snapshot(workspace).await?.kinds().await?;
        let all = kinds::built_in().chain(defined.into_values());
        Ok(all.map(convert::to_kind).collect())
    }

    pub(super) async fn delete(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<(), LineageError> {
        if kinds::is_built_in(name) {
            let what = format!("{name} is built in, and stays");
            return Err(InvalidRequest::field("name", what).into());
        }
        self.store.delete_kind(workspace, name).await
    }
}
