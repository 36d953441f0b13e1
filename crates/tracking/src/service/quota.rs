//! Quotas.

use herdbook_core::WorkspaceId;
use herdbook_proto::{
    Violations,
    fields::Mask,
    tracking::v1::{self as proto, quota_service_server::QuotaService},
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    TrackingError,
    quota::{Limits, Quotas, Usage},
    store::{Store, usage::NewLimits},
};

pub(crate) struct QuotaApi {
    store: Store,
    quotas: Quotas,
}

impl QuotaApi {
    pub(crate) fn new(store: Store, quotas: Quotas) -> Self {
        Self { store, quotas }
    }

    async fn usage(
        &self,
        workspace: WorkspaceId,
    ) -> Result<proto::GetUsageResponse, TrackingError> {
        let (own, usage) = self.store.usage(workspace).await?;
        Ok(proto::GetUsageResponse {
            usage: Some(usage.into()),
            quota: Some(self.quotas.in_force(own).into()),
            own: Some(own.into()),
        })
    }

    async fn update(
        &self,
        workspace: WorkspaceId,
        request: proto::UpdateQuotaRequest,
    ) -> Result<Limits, TrackingError> {
        let mut violations = Violations::default();
        let fields = ["runs", "points", "bytes"];
        let mask = Mask::read(request.update_mask, &fields, &mut violations);
        let given = request.quota.unwrap_or_default();
        let mut read = |field: &str, limit: Option<i64>| {
            if limit.is_some_and(|limit| limit < 0) {
                violations.add(format!("quota.{field}"), "must not be negative");
            }
            mask.has(field).then_some(limit)
        };
        let new = NewLimits {
            runs: read("runs", given.runs),
            points: read("points", given.points),
            bytes: read("bytes", given.bytes),
        };
        violations.finish()?;
        let limits = self.store.set_limits(workspace, new).await?;
        self.quotas.forget(workspace);
        Ok(limits)
    }
}

impl From<Usage> for proto::Usage {
    fn from(usage: Usage) -> Self {
        Self {
            runs: usage.runs,
            points: usage.points,
            bytes: usage.bytes,
        }
    }
}

impl From<Limits> for proto::Quota {
    fn from(limits: Limits) -> Self {
        Self {
            runs: limits.runs,
            points: limits.points,
            bytes: limits.bytes,
        }
    }
}

#[tonic::async_trait]
impl QuotaService for QuotaApi {
    async fn get_usage(
        &self,
        request: Request<proto::GetUsageRequest>,
    ) -> Result<Response<proto::GetUsageResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.usage(workspace).await)
    }

    async fn update_quota(
        &self,
        request: Request<proto::UpdateQuotaRequest>,
    ) -> Result<Response<proto::UpdateQuotaResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let changed = self.update(workspace, request.into_inner()).await;
        answer(changed.map(|limits| proto::UpdateQuotaResponse {
            quota: Some(limits.into()),
        }))
    }
}
