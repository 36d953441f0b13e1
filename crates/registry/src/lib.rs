//! The registry: models, their versions, and the rules by which versions move between stages.
//!
//! A promotion is a decision: facts are gathered first, then it is decided and done in one transaction
//! under the model's row, and kept in a hash-chained audit log that others can watch.

mod audit;
mod card;
mod checkpoint;
mod checkpointer;
mod compare;
mod convert;
mod descent;
mod error;
mod facts;
mod manifests;
mod pedigree;
mod policy;
mod reference;
mod registrar;
mod request;
mod resolve;
mod rules;
mod schema;
mod search;
mod service;
mod signing;
mod source;
mod store;
mod transition;
mod version;
mod watch;
mod webhooks;

use std::sync::Arc;

use herdbook_blobs::{BlobStore, Blobs, Manifests};
use herdbook_postgres::{Database, Outbox};
use herdbook_proto::registry::v1::{
    audit_service_server::AuditServiceServer, check_service_server::CheckServiceServer,
    compare_service_server::CompareServiceServer, model_service_server::ModelServiceServer,
    policy_service_server::PolicyServiceServer, request_service_server::RequestServiceServer,
    serving_service_server::ServingServiceServer, signature_service_server::SignatureServiceServer,
    transition_service_server::TransitionServiceServer,
    version_service_server::VersionServiceServer, webhook_service_server::WebhookServiceServer,
};
use herdbook_rpc::{PeerChannel, Roles, RoutesBuilder, configured};
use sqlx::migrate::Migrator;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use audit::{Problem, Verifier};
pub use checkpoint::{AuditKey, Checkpoint, InvalidAuditKey, InvalidCheckpoint};
pub use error::RegistryError;
pub use reference::workspace_of;
pub use signing::{Envelope, InvalidSignature, PrivateKey, PublicKey, Statement};
pub use version::manifest_digest;
pub use webhooks::WebhookSettings;

use facts::Sources;
use manifests::VersionManifests;
use registrar::Registrar;
use resolve::Resolver;
use service::{
    audit::AuditApi, checks::CheckApi, compare::CompareApi, models::ModelApi, policies::PolicyApi,
    requests::RequestApi, serving::ServingApi, signatures::SignatureApi,
    transitions::TransitionApi, versions::VersionApi, webhooks::WebhookApi,
};
use store::Store;
use watch::{Feeds, Pulse};
use webhooks::{Post, Sender};

/// The schema of this service.
pub const SCHEMA: &str = "registry";
/// Its migrations.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// What is decided for the registry of a process.
#[derive(Debug, Default)]
pub struct Settings {
    /// Signs checkpoints of the audit log; a key in the database if none is given.
    pub audit_key: Option<AuditKey>,
    /// How webhooks are sent.
    pub webhooks: WebhookSettings,
}

/// The registry service of a process.
pub struct Registry {
    store: Store,
    feeds: Feeds,
    resolver: Resolver,
    blobs: Blobs,
    sources: Sources,
    post: Post,
    shutdown: CancellationToken,
    chores: Vec<JoinHandle<()>>,
}

impl Registry {
    /// Opens the migrated schema in `database`. From now on until `shutdown`, `lineage` is told of
    /// versions and their stages, and webhooks are sent. `tracking` is asked for runs and their files, `lineage`
    /// for the descent of versions, `roles` for what those may do now who approved something before.
    #[must_use]
    pub fn start(
        database: &Database,
        blobs: BlobStore,
        tracking: PeerChannel,
        lineage: PeerChannel,
        roles: Arc<dyn Roles>,
        settings: Settings,
        shutdown: CancellationToken,
    ) -> Self {
        let outbox = Outbox::new(SCHEMA);
        let pulse = Pulse::default();
        let Settings {
            audit_key,
            webhooks,
        } = settings;
        let store = Store::new(database.pool().clone(), outbox.clone(), pulse, audit_key);
        let feeds = Feeds::new(store.clone());
        let relay = herdbook_recorder::relay(
            SCHEMA,
            outbox,
            database.pool().clone(),
            lineage.clone(),
            shutdown.clone(),
        );
        let reader = feeds.clone().run(shutdown.clone());
        let checkpointer = checkpointer::run(store.clone(), shutdown.clone());
        let post = Post::new(&webhooks);
        let sender = Sender::new(store.clone(), feeds.clone(), post.clone(), &webhooks);
        let chores = vec![
            tokio::spawn(relay),
            tokio::spawn(reader),
            tokio::spawn(checkpointer),
            tokio::spawn(sender.run(shutdown.clone())),
        ];
        Self {
            resolver: Resolver::new(store.clone()),
            store,
            feeds,
            blobs: Blobs::new(database, blobs),
            sources: Sources {
                tracking,
                lineage,
                roles,
            },
            post,
            shutdown,
            chores,
        }
    }

    /// Adds the services to a server.
    pub fn register(&self, routes: &mut RoutesBuilder) {
        let store = &self.store;
        let versions = VersionApi::new(
            store.clone(),
            Registrar::new(store.clone(), self.blobs.clone()),
            self.resolver.clone(),
            self.blobs.clone(),
            self.sources.tracking.clone(),
        );
        let transitions = TransitionApi::new(
            store.clone(),
            self.sources.clone(),
            self.feeds.clone(),
            self.shutdown.clone(),
        );
        let requests = RequestApi::new(store.clone(), self.sources.clone());
        let compare = CompareApi::new(
            store.clone(),
            self.sources.tracking.clone(),
            self.sources.lineage.clone(),
        );
        routes
            .add_service(configured!(ModelServiceServer::new(ModelApi::new(
                store.clone()
            ))))
            .add_service(configured!(VersionServiceServer::new(versions)))
            .add_service(configured!(ServingServiceServer::new(ServingApi::new(
                self.resolver.clone(),
                self.blobs.clone()
            ))))
            .add_service(configured!(AuditServiceServer::new(AuditApi::new(
                store.clone()
            ))))
            .add_service(configured!(TransitionServiceServer::new(transitions)))
            .add_service(configured!(RequestServiceServer::new(requests)))
            .add_service(configured!(CompareServiceServer::new(compare)))
            .add_service(configured!(PolicyServiceServer::new(PolicyApi::new(
                store.clone()
            ))))
            .add_service(configured!(CheckServiceServer::new(CheckApi::new(
                store.clone()
            ))))
            .add_service(configured!(SignatureServiceServer::new(SignatureApi::new(
                store.clone()
            ))))
            .add_service(configured!(WebhookServiceServer::new(WebhookApi::new(
                store.clone(),
                self.post.clone()
            ))));
    }

    /// The blobs that versions name.
    #[must_use]
    pub fn manifests(&self) -> Arc<dyn Manifests> {
        Arc::new(VersionManifests::new(self.store.clone()))
    }

    /// Waits for the chores to end after shutdown.
    pub async fn join(self) {
        for chore in self.chores {
            if let Err(error) = chore.await {
                tracing::error!(%error, "a chore of the registry failed");
            }
        }
    }
}
