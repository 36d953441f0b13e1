//! Policies that models share.

use herdbook_core::{PageToken, check_name};
use herdbook_proto::{
    Violations, fields,
    registry::v1::{self as proto, policy_service_server::PolicyService},
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    RegistryError,
    convert::policy::{read, to_shared, write},
    store::Store,
};

pub(crate) struct PolicyApi {
    store: Store,
}

impl PolicyApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListSharedPoliciesRequest,
    ) -> Result<proto::ListSharedPoliciesResponse, RegistryError> {
        let size = fields::page_size(request.page_size)?;
        let after =
            PageToken::<String>::decode(&request.page_token, "policies")?.unwrap_or_default();
        let workspace = caller.workspace;
        let mut found = self
            .store
            .shared_policies(workspace, &after, size + 1)
            .await?;
        let next_page_token =
            PageToken::cut(&mut found, size, "policies", |last| last.name.clone());
        Ok(proto::ListSharedPoliciesResponse {
            policies: found.into_iter().map(to_shared).collect(),
            next_page_token,
        })
    }

    async fn revisions(
        &self,
        caller: &Caller,
        request: proto::ListSharedPolicyRevisionsRequest,
    ) -> Result<proto::ListSharedPolicyRevisionsResponse, RegistryError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!("revisions {}", request.name);
        let before = PageToken::<i64>::decode(&request.page_token, &query)?.unwrap_or(i64::MAX);
        let (workspace, name) = (caller.workspace, &request.name);
        let mut found = self
            .store
            .policy_revisions(workspace, name, before, size + 1)
            .await?;
        if found.is_empty() {
            self.store.shared_policy(workspace, name, None).await?;
        }
        let next_page_token = PageToken::cut(&mut found, size, &query, |last| last.revision);
        Ok(proto::ListSharedPolicyRevisionsResponse {
            revisions: found.into_iter().map(to_shared).collect(),
            next_page_token,
        })
    }

    async fn apply(
        &self,
        caller: &Caller,
        request: proto::ApplySharedPolicyRequest,
    ) -> Result<proto::ApplySharedPolicyResponse, RegistryError> {
        let mut violations = Violations::default();
        violations.check("name", check_name(&request.name));
        let given = violations
            .require("policy", request.policy)
            .unwrap_or_default();
        violations.finish()?;
        let expected = given.revision;
        let policy = read(given)?;
        let applied = self
            .store
            .apply_policy(
                caller.workspace,
                &caller.name,
                &request.name,
                &policy,
                expected,
                request.dry_run,
            )
            .await?;
        let before = applied.before;
        Ok(proto::ApplySharedPolicyResponse {
            policy: Some(to_shared(applied.now)),
            before: before.map(|before| write(before.policy.0, before.revision)),
            changed: applied.changed,
        })
    }
}

#[tonic::async_trait]
impl PolicyService for PolicyApi {
    async fn get_shared_policy(
        &self,
        request: Request<proto::GetSharedPolicyRequest>,
    ) -> Result<Response<proto::GetSharedPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let proto::GetSharedPolicyRequest { name, revision } = request.into_inner();
        let revision = Some(revision).filter(|revision| *revision != 0);
        let found = self
            .store
            .shared_policy(caller.workspace, &name, revision)
            .await;
        answer(found.map(|found| proto::GetSharedPolicyResponse {
            policy: Some(to_shared(found)),
        }))
    }

    async fn list_shared_policies(
        &self,
        request: Request<proto::ListSharedPoliciesRequest>,
    ) -> Result<Response<proto::ListSharedPoliciesResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }

    async fn list_shared_policy_revisions(
        &self,
        request: Request<proto::ListSharedPolicyRevisionsRequest>,
    ) -> Result<Response<proto::ListSharedPolicyRevisionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.revisions(&caller, request.into_inner()).await)
    }

    async fn apply_shared_policy(
        &self,
        request: Request<proto::ApplySharedPolicyRequest>,
    ) -> Result<Response<proto::ApplySharedPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.apply(&caller, request.into_inner()).await)
    }

    async fn delete_shared_policy(
        &self,
        request: Request<proto::DeleteSharedPolicyRequest>,
    ) -> Result<Response<proto::DeleteSharedPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let (workspace, name) = (caller.workspace, &request.get_ref().name);
        let deleted = self
            .store
            .delete_policy(workspace, &caller.name, name)
            .await;
        answer(deleted.map(|()| proto::DeleteSharedPolicyResponse {}))
    }

    async fn use_shared_policy(
        &self,
        request: Request<proto::UseSharedPolicyRequest>,
    ) -> Result<Response<proto::UseSharedPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let proto::UseSharedPolicyRequest { model, policy } = request.into_inner();
        let (workspace, principal) = (caller.workspace, &caller.name);
        let model = self
            .store
            .use_policy(workspace, principal, &model, &policy)
            .await;
        answer(model.map(|model| proto::UseSharedPolicyResponse {
            policy: Some(write(model.policy.0, model.policy_revision)),
        }))
    }
}
