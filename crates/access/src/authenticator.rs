//! Finds out who calls: by token, by another service's assertion, or as the local user.

use std::time::Duration;

use herdbook_core::{PrincipalId, ServiceError, WorkspaceId};
use herdbook_rpc::{
    ASSERTION, Assertions, AuthFuture, Authenticate, Caller, Role, RoleFuture, Roles, Unauthorized,
    WORKSPACE,
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use uuid::Uuid;

use crate::{
    AccessError, AuthMode, DEFAULT_WORKSPACE,
    assertion::{LIFETIME, Signer},
    cache::Cache,
    secret,
    store::{Store, sessions::KnownSession, tokens::KnownToken},
};

/// How long a token or workspace is believed without asking the database again.
const TRUST: Duration = Duration::from_secs(5);
/// The principal `local`, made by the first migration.
const LOCAL: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

pub(crate) struct Authenticator {
    store: Store,
    signer: Signer,
    mode: AuthMode,
    tokens: Cache<[u8; 32], KnownToken>,
    sessions: Cache<[u8; 32], KnownSession>,
    /// What principals are in the workspaces that they name, or in that which is taken if they name none.
    members: Cache<(PrincipalId, Option<String>), (WorkspaceId, Role)>,
    workspaces: Cache<String, WorkspaceId>,
    /// Assertions made of late, by the service that is called and for whom; and those that were found good.
    signed: Cache<(String, Caller), HeaderValue>,
    checked: Cache<(String, HeaderValue), Caller>,
}

impl Authenticator {
    pub(crate) fn new(store: Store, key: [u8; 32], mode: AuthMode) -> Self {
        Self {
            store,
            signer: Signer::new(&key),
            mode,
            tokens: Cache::default(),
            sessions: Cache::default(),
            members: Cache::default(),
            workspaces: Cache::default(),
            signed: Cache::default(),
            checked: Cache::default(),
        }
    }

    /// Forgets who may do what, so that a change of it shows at once.
    pub(crate) fn forget(&self) {
        self.tokens.clear();
        self.sessions.clear();
        self.members.clear();
    }

    async fn find(&self, headers: &HeaderMap, service: &str) -> Result<Caller, Unauthorized> {
        if let Some(assertion) = headers.get(ASSERTION) {
            let audience = service.split('.').nth(1).unwrap_or_default();
            let check = || {
                let text = assertion.to_str().ok();
                let caller = text.and_then(|text| self.signer.check(text, audience));
                caller.ok_or(Unauthorized::InvalidAssertion)
            };
            let key = (audience.to_owned(), assertion.clone());
            return self.checked.get_or_make(key, check);
        }
        let workspace = headers
            .get(WORKSPACE)
            .map(|name| name.to_str().unwrap_or_default());
        match (headers.get(AUTHORIZATION), self.mode) {
            (Some(token), _) => self.by_token(token, workspace).await,
            (None, AuthMode::Local) => {
                self.local_user(workspace.unwrap_or(DEFAULT_WORKSPACE))
                    .await
            }
            (None, AuthMode::Required) => Err(Unauthorized::MissingToken),
        }
    }

    async fn local_user(&self, workspace: &str) -> Result<Caller, Unauthorized> {
        let asked = async {
            let id = self.store.workspace_id(workspace).await.map_err(backend)?;
            let id = id.ok_or_else(|| Unauthorized::UnknownWorkspace(workspace.to_owned()))?;
            Ok((id, TRUST))
        };
        let id = self
            .workspaces
            .get_or_ask(workspace.to_owned(), asked)
            .await?;
        Ok(Caller {
            principal: PrincipalId::from(LOCAL),
            name: "local".into(),
            workspace: id,
            role: Role::Admin,
        })
    }

    async fn by_token(
        &self,
        header: &HeaderValue,
        workspace: Option<&str>,
    ) -> Result<Caller, Unauthorized> {
        let secret = header
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "));
        let secret = secret.ok_or(Unauthorized::UnknownToken)?.trim();
        let hash = secret::hash(secret);
        if secret::is_of_session(secret) {
            return self.by_session(&hash, workspace).await;
        }
        let asked = async {
            let token = self.store.token_by_hash(&hash).await.map_err(backend)?;
            let token = token.ok_or(Unauthorized::UnknownToken)?;
            // Who calls need not be kept out because this could not be noted.
            if let Err(error) = self.store.note_use(token.id).await {
                tracing::warn!(%error, "the use of a token could not be noted");
            }
            let trust = token.expires_in.map_or(TRUST, |left| left.min(TRUST));
            Ok((token, trust))
        };
        let token = self.tokens.get_or_ask(hash, asked).await?;
        if token.revoked {
            return Err(Unauthorized::RevokedToken);
        }
        if token.expired {
            return Err(Unauthorized::ExpiredToken);
        }
        let named = workspace.unwrap_or(&token.workspace_name);
        match token.role {
            Some(role) if named == token.workspace_name => Ok(Caller {
                principal: token.principal,
                name: token.principal_name.as_str().into(),
                workspace: token.workspace,
                role,
            }),
            _ => Err(Unauthorized::UnknownWorkspace(named.to_owned())),
        }
    }
}

impl Authenticator {
    /// A browser that signed in by the identity provider: its session opens every workspace in which its
    /// principal has a role.
    async fn by_session(
        &self,
        hash: &[u8; 32],
        workspace: Option<&str>,
    ) -> Result<Caller, Unauthorized> {
        let asked = async {
            let session = self.store.session_by_hash(hash).await.map_err(backend)?;
            let session = session.ok_or(Unauthorized::ExpiredSession)?;
            let trust = session.left.min(TRUST);
            Ok((session, trust))
        };
        let session = self.sessions.get_or_ask(*hash, asked).await?;
        let place = (session.principal, workspace.map(str::to_owned));
        let asked = async {
            let member = self.store.membership(session.principal, workspace).await;
            let member = member.map_err(backend)?.ok_or_else(|| {
                Unauthorized::UnknownWorkspace(workspace.unwrap_or_default().to_owned())
            })?;
            Ok((member, TRUST))
        };
        let (id, role) = self.members.get_or_ask(place, asked).await?;
        Ok(Caller {
            principal: session.principal,
            name: session.name.as_str().into(),
            workspace: id,
            role,
        })
    }
}

impl Authenticate for Authenticator {
    fn authenticate<'a>(&'a self, headers: &'a HeaderMap, service: &'a str) -> AuthFuture<'a> {
        Box::pin(self.find(headers, service))
    }
}

impl Assertions for Authenticator {
    fn sign(&self, caller: &Caller, audience: &str) -> Result<HeaderValue, Box<dyn ServiceError>> {
        let sign = || {
            let text = self.signer.sign(caller, audience).ok();
            let value = text.and_then(|text| HeaderValue::from_str(&text).ok());
            let value = value.ok_or(Unauthorized::InvalidAssertion)?;
            Ok((value, Duration::from_secs(LIFETIME / 2)))
        };
        let key = (audience.to_owned(), caller.clone());
        let signed = self.signed.get_or_make(key, sign);
        signed.map_err(|error: Unauthorized| Box::new(error) as Box<dyn ServiceError>)
    }
}

impl Roles for Authenticator {
    fn role_of(&self, workspace: WorkspaceId, principal: PrincipalId) -> RoleFuture<'_> {
        Box::pin(async move {
            // Of no workspace, and an admin of each.
            if self.mode == AuthMode::Local && principal == PrincipalId::from(LOCAL) {
                return Ok(Some(Role::Admin));
            }
            let role = self.store.role_of(workspace, principal).await;
            role.map_err(|error| Box::new(error) as Box<dyn ServiceError>)
        })
    }
}

fn backend(error: AccessError) -> Unauthorized {
    Unauthorized::Backend(Box::new(error))
}
