//! Access: workspaces, who works in them with which role, and the tokens they call with.
//!
//! Every process links this crate, and it alone touches the schema `access`. It authenticates the
//! calls that a process meets and signs the assertions with which services call each other.

mod assertion;
mod authenticator;
mod bind;
mod error;
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

use authenticator::Authenticator;
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
        })
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
                .create_principal(principal, name, 1, workspace, Role::Admin)
                .await?;
            principal
        }
    };
    let secret = Secret::generate();
    let token = NewToken {
        name: "bootstrap",
        workspace,
        principal,
        expires_at: None,
    };
    store.create_token(token, &secret).await?;
    Ok(secret.reveal())
}
