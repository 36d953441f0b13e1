//! The rpcs of the access service.

use std::sync::Arc;

use herdbook_core::{PageToken, PrincipalId, check_name, check_text};
use herdbook_proto::{
    Violations,
    access::v1::{self as proto, access_service_server::AccessService},
    fields,
    time::to_timestamp,
};
use herdbook_rpc::{Caller, Role, answer, status};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    AccessError,
    authenticator::Authenticator,
    secret::Secret,
    store::{
        ChangeRow, PrincipalRow, Store, WorkspaceRow,
        tokens::{NewToken, TokenRow},
    },
};

pub(crate) struct AccessApi {
    store: Store,
    authenticator: Arc<Authenticator>,
}

impl AccessApi {
    pub(crate) fn new(store: Store, authenticator: Arc<Authenticator>) -> Self {
        Self {
            store,
            authenticator,
        }
    }

    async fn caller(&self, caller: Caller) -> Result<proto::GetCallerResponse, AccessError> {
        Ok(proto::GetCallerResponse {
            principal: caller.name.to_string(),
            workspace: self.store.workspace_name(caller.workspace).await?,
            role: caller.role.to_proto().into(),
            kind: self.store.kind_of(caller.principal).await?.into(),
        })
    }

    async fn create_workspace(
        &self,
        caller: Caller,
        request: proto::CreateWorkspaceRequest,
    ) -> Result<WorkspaceRow, AccessError> {
        let mut violations = Violations::default();
        if !is_workspace_name(&request.name) {
            violations.add(
                "name",
                "must be 1 to 63 lower-case letters, digits and `-`, with neither end a `-`",
            );
        }
        violations.check("description", check_text(&request.description));
        violations.finish()?;
        // Neither may a token that has less than its principal.
        let admin = self.store.is_installation_admin(caller.principal).await?;
        if !admin || caller.role != Role::Admin {
            return Err(AccessError::NotInstallationAdmin);
        }
        self.store
            .create_workspace(&request.name, &request.description, &caller)
            .await
    }

    async fn create_principal(
        &self,
        caller: Caller,
        request: proto::CreatePrincipalRequest,
    ) -> Result<PrincipalRow, AccessError> {
        let mut violations = Violations::default();
        violations.check("name", check_name(&request.name));
        let kind = i16::try_from(request.kind)
            .ok()
            .filter(|kind| matches!(kind, 1 | 2));
        if kind.is_none() {
            violations.add(
                "kind",
                "must be PRINCIPAL_KIND_PERSON or PRINCIPAL_KIND_SERVICE",
            );
        }
        let role = role("role", request.role, &mut violations);
        violations.finish()?;
        let (kind, role) = (kind.unwrap_or_default(), role.unwrap_or(Role::Viewer));
        let id = PrincipalId::generate();
        self.store
            .create_principal(
                &caller.name,
                id,
                &request.name,
                kind,
                caller.workspace,
                role,
            )
            .await
    }

    async fn grant_role(
        &self,
        caller: Caller,
        request: proto::GrantRoleRequest,
    ) -> Result<PrincipalRow, AccessError> {
        let mut violations = Violations::default();
        let role = role("role", request.role, &mut violations);
        violations.finish()?;
        let role = role.unwrap_or(Role::Viewer);
        let granted = self
            .store
            .grant(&caller.name, caller.workspace, &request.principal, role)
            .await?;
        self.authenticator.forget();
        Ok(granted)
    }

    async fn create_token(
        &self,
        caller: Caller,
        request: proto::CreateTokenRequest,
    ) -> Result<proto::CreateTokenResponse, AccessError> {
        let mut violations = Violations::default();
        violations.check("name", check_name(&request.name));
        let expires_at = violations.time("expires_at", request.expires_at.as_ref());
        let at_most = (request.role != 0).then(|| role("role", request.role, &mut violations));
        violations.finish()?;
        let members = self.store.principals_in(caller.workspace).await?;
        let known = members
            .iter()
            .any(|member| member.name == request.principal);
        let principal = self
            .store
            .principal_id(&request.principal)
            .await?
            .filter(|_| known);
        let Some(principal) = principal else {
            return Err(AccessError::PrincipalNotFound(request.principal));
        };
        let secret = Secret::of_token();
        let token = NewToken {
            name: &request.name,
            workspace: caller.workspace,
            principal,
            principal_name: &request.principal,
            expires_at,
            role: at_most.flatten(),
        };
        let token = self
            .store
            .create_token(&caller.name, token, &secret)
            .await?;
        Ok(proto::CreateTokenResponse {
            token: Some(token.into()),
            secret: secret.reveal(),
        })
    }

    async fn revoke_token(
        &self,
        caller: Caller,
        request: proto::RevokeTokenRequest,
    ) -> Result<TokenRow, AccessError> {
        let id = Uuid::try_parse(&request.id);
        let id =
            id.map_err(|_| AccessError::TokenNotFound(request.id.chars().take(64).collect()))?;
        let revoked = self
            .store
            .revoke_token(&caller.name, caller.workspace, id)
            .await;
        self.authenticator.forget();
        revoked
    }

    async fn access_changes(
        &self,
        caller: &Caller,
        request: &proto::ListAccessChangesRequest,
    ) -> Result<proto::ListAccessChangesResponse, AccessError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!("changes {}", request.principal);
        let before = PageToken::<i64>::decode(&request.page_token, &query)?.unwrap_or(i64::MAX);
        let mut rows = self
            .store
            .changes(caller.workspace, &request.principal, before, size + 1)
            .await?;
        let next_page_token = PageToken::cut(&mut rows, size, &query, |last| last.id);
        Ok(proto::ListAccessChangesResponse {
            changes: rows.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }
}

#[tonic::async_trait]
impl AccessService for AccessApi {
    async fn get_caller(
        &self,
        request: Request<proto::GetCallerRequest>,
    ) -> Result<Response<proto::GetCallerResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(self.caller(caller).await.map_err(status)?))
    }

    async fn create_workspace(
        &self,
        request: Request<proto::CreateWorkspaceRequest>,
    ) -> Result<Response<proto::CreateWorkspaceResponse>, Status> {
        let caller = Caller::of(&request)?;
        let made = self
            .create_workspace(caller, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(proto::CreateWorkspaceResponse {
            workspace: Some(made.into()),
        }))
    }

    async fn list_workspaces(
        &self,
        request: Request<proto::ListWorkspacesRequest>,
    ) -> Result<Response<proto::ListWorkspacesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let rows = self
            .store
            .workspaces_of(caller.principal)
            .await
            .map_err(status)?;
        let workspaces = rows.into_iter().map(Into::into).collect();
        Ok(Response::new(proto::ListWorkspacesResponse { workspaces }))
    }

    async fn create_principal(
        &self,
        request: Request<proto::CreatePrincipalRequest>,
    ) -> Result<Response<proto::CreatePrincipalResponse>, Status> {
        let caller = Caller::of(&request)?;
        let made = self
            .create_principal(caller, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(proto::CreatePrincipalResponse {
            principal: Some(made.into()),
        }))
    }

    async fn list_principals(
        &self,
        request: Request<proto::ListPrincipalsRequest>,
    ) -> Result<Response<proto::ListPrincipalsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let rows = self
            .store
            .principals_in(caller.workspace)
            .await
            .map_err(status)?;
        let principals = rows.into_iter().map(Into::into).collect();
        Ok(Response::new(proto::ListPrincipalsResponse { principals }))
    }

    async fn grant_role(
        &self,
        request: Request<proto::GrantRoleRequest>,
    ) -> Result<Response<proto::GrantRoleResponse>, Status> {
        let caller = Caller::of(&request)?;
        let granted = self
            .grant_role(caller, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(proto::GrantRoleResponse {
            principal: Some(granted.into()),
        }))
    }

    async fn revoke_role(
        &self,
        request: Request<proto::RevokeRoleRequest>,
    ) -> Result<Response<proto::RevokeRoleResponse>, Status> {
        let caller = Caller::of(&request)?;
        let name = request.into_inner().principal;
        self.store
            .revoke(&caller.name, caller.workspace, &name)
            .await
            .map_err(status)?;
        self.authenticator.forget();
        Ok(Response::new(proto::RevokeRoleResponse {}))
    }

    async fn create_token(
        &self,
        request: Request<proto::CreateTokenRequest>,
    ) -> Result<Response<proto::CreateTokenResponse>, Status> {
        let caller = Caller::of(&request)?;
        let made = self
            .create_token(caller, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(made))
    }

    async fn list_tokens(
        &self,
        request: Request<proto::ListTokensRequest>,
    ) -> Result<Response<proto::ListTokensResponse>, Status> {
        let caller = Caller::of(&request)?;
        let rows = self
            .store
            .tokens_in(caller.workspace)
            .await
            .map_err(status)?;
        let tokens = rows.into_iter().map(Into::into).collect();
        Ok(Response::new(proto::ListTokensResponse { tokens }))
    }

    async fn revoke_token(
        &self,
        request: Request<proto::RevokeTokenRequest>,
    ) -> Result<Response<proto::RevokeTokenResponse>, Status> {
        let caller = Caller::of(&request)?;
        let token = self
            .revoke_token(caller, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(proto::RevokeTokenResponse {
            token: Some(token.into()),
        }))
    }

    async fn list_access_changes(
        &self,
        request: Request<proto::ListAccessChangesRequest>,
    ) -> Result<Response<proto::ListAccessChangesResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.access_changes(&caller, &request.into_inner()).await)
    }
}

/// The role of a number in a request.
fn role(field: &str, number: i32, violations: &mut Violations) -> Option<Role> {
    let role = Role::from_proto(number);
    if role.is_none() {
        violations.add(field, "must be a role from ROLE_VIEWER to ROLE_ADMIN");
    }
    role
}

fn is_workspace_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

impl From<WorkspaceRow> for proto::Workspace {
    fn from(row: WorkspaceRow) -> Self {
        Self {
            name: row.name,
            description: row.description,
            created_at: Some(to_timestamp(row.created_at)),
        }
    }
}

impl From<PrincipalRow> for proto::Principal {
    fn from(row: PrincipalRow) -> Self {
        Self {
            name: row.name,
            kind: row.kind.into(),
            role: row.role.into(),
            created_at: Some(to_timestamp(row.created_at)),
        }
    }
}

impl From<TokenRow> for proto::Token {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id.simple().to_string(),
            name: row.name,
            principal: row.principal,
            workspace: row.workspace,
            created_at: Some(to_timestamp(row.created_at)),
            expires_at: row.expires_at.map(to_timestamp),
            revoked_at: row.revoked_at.map(to_timestamp),
            role: row.role.map(Into::into).unwrap_or_default(),
            last_used_at: row.last_used_at.map(to_timestamp),
        }
    }
}

impl From<ChangeRow> for proto::AccessChange {
    fn from(row: ChangeRow) -> Self {
        Self {
            id: row.id,
            at: Some(to_timestamp(row.at)),
            action: row.action.into(),
            principal: row.principal,
            subject: row.subject,
            role: row.role.map(Into::into).unwrap_or_default(),
            token: row.token,
        }
    }
}
