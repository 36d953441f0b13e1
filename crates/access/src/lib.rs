//! Access: workspaces, who works in them with which role, and the tokens they call with.
//!
//! Every process links this crate, and it alone touches the schema `access`. It authenticates the
//! calls that a process meets and signs the assertions with which services call each other.

mod assertion;
mod authenticator;
mod bind;
mod cache;
mod error;
mod oidc;
mod secret;
mod service;
mod store;

use std::sync::Arc;

use herdbook_core::PrincipalId;
use herdbook_postgres::Database;
use herdbook_proto::access::v1::access_service_server::AccessServiceServer;
use herdbook_rpc::{Assertions, Authenticate, Role, Roles, RoutesBuilder, configured};
use sqlx::migrate::Migrator;

pub use bind::{BindRefused, check_bind};
pub use error::AccessError;
pub use oidc::{Begun, GroupRole, InvalidGroupRole, OidcSettings, SignInError, SignedIn};

use authenticator::Authenticator;
use oidc::{Provider, Tickets};
use secret::Secret;
use service::AccessApi;
use store::{Store, tokens::NewToken};

/// The schema of this service.
pub const SCHEMA: &str = "access";
/// Its migrations.
pub static MIGRATIONS: Migrator = sqlx::migrate!();
/// Name of the first workspace.
const DEFAULT_WORKSPACE: &str = "default";

/// Who is let in without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// Everybody is the local user, an admin everywhere: for loopback.
    Local,
    /// Nobody.
    Required,
}

/// The access service of a process; cheap to clone.
#[derive(Clone)]
pub struct Access {
    store: Store,
    authenticator: Arc<Authenticator>,
    tickets: Arc<Tickets>,
    provider: Option<Arc<Provider>>,
}

impl Access {
    /// Opens the migrated schema in `database`.
    pub async fn start(database: &Database, mode: AuthMode) -> Result<Self, AccessError> {
        let store = Store::new(database.pool().clone());
        let key = store.signing_key().await?;
        let authenticator = Arc::new(Authenticator::new(store.clone(), key, mode));
        Ok(Self {
            store,
            authenticator,
            tickets: Arc::new(Tickets::new(&key)),
            provider: None,
        })
    }

    /// Lets people sign in by an identity provider.
    pub fn with_identity_provider(mut self, settings: OidcSettings) -> Result<Self, AccessError> {
        let provider = Provider::new(settings, Arc::clone(&self.tickets))?;
        self.provider = Some(Arc::new(provider));
        Ok(self)
    }

    /// What the identity provider is called, if there is one.
    #[must_use]
    pub fn identity_provider(&self) -> Option<&str> {
        Some(self.provider.as_ref()?.display_name())
    }

    /// Whether browsers come by TLS, where an identity provider sends them back: the address that it knows
    /// tells, for a plain read has no `Origin`.
    #[must_use]
    pub fn is_behind_tls(&self) -> bool {
        self.provider
            .as_ref()
            .is_some_and(|provider| provider.is_behind_tls())
    }

    /// Sends a browser to the identity provider, to come back to the page `return_to`.
    pub async fn begin_sign_in(&self, return_to: &str) -> Result<Begun, AccessError> {
        let provider = self.provider.as_ref().ok_or(SignInError::NotConfigured)?;
        Ok(provider.begin(return_to).await?)
    }

    /// Takes a browser back from the identity provider with its `code` and `state`, and the ticket that the
    /// browser was sent there with.
    pub async fn finish_sign_in(
        &self,
        code: &str,
        state: &str,
        ticket: &str,
    ) -> Result<SignedIn, AccessError> {
        let provider = self.provider.as_ref().ok_or(SignInError::NotConfigured)?;
        let signed_in = provider.finish(&self.store, code, state, ticket).await?;
        // Groups may have changed what a principal may do.
        self.authenticator.forget();
        Ok(signed_in)
    }

    /// Ends the session of `secret`; a token is none, and stays good.
    pub async fn sign_out(&self, secret: &str) -> Result<(), AccessError> {
        if secret::is_of_session(secret) {
            self.store.end_session(&secret::hash(secret)).await?;
            self.authenticator.forget();
        }
        Ok(())
    }

    /// Finds out who calls this process.
    #[must_use]
    pub fn authenticator(&self) -> Arc<dyn Authenticate> {
        self.authenticator.clone()
    }

    /// Signs for this process's calls to other services.
    #[must_use]
    pub fn assertions(&self) -> Arc<dyn Assertions> {
        self.authenticator.clone()
    }

    /// Knows what principals may do now.
    #[must_use]
    pub fn roles(&self) -> Arc<dyn Roles> {
        self.authenticator.clone()
    }

    /// Adds the service to a server.
    pub fn register(&self, routes: &mut RoutesBuilder) {
        let api = AccessApi::new(self.store.clone(), self.authenticator.clone());
        routes.add_service(configured!(AccessServiceServer::new(api)));
    }
}

/// Makes a token for an admin of the first workspace, straight in the database: how an installation
/// that lets nobody in gets its first. Returns the secret.
pub async fn bootstrap_admin_token(database: &Database) -> Result<String, AccessError> {
    let store = Store::new(database.pool().clone());
    let workspace = store
        .workspace_id(DEFAULT_WORKSPACE)
        .await?
        .ok_or_else(|| AccessError::WorkspaceNotFound(DEFAULT_WORKSPACE.to_owned()))?;
    let name = "admin";
    let principal = match store.principal_id(name).await? {
        Some(principal) => principal,
        None => {
            let principal = PrincipalId::generate();
            store
                .create_principal(name, principal, name, 1, workspace, Role::Admin)
                .await?;
            principal
        }
    };
    let secret = Secret::of_token();
    let token = NewToken {
        name: "bootstrap",
        workspace,
        principal,
        principal_name: name,
        expires_at: None,
        role: None,
    };
    store.create_token(name, token, &secret).await?;
    Ok(secret.reveal())
}
