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
mod request;
mod rules;
mod schema;
mod search;
mod service;
mod store;
mod transition;
mod version;
mod watch;

use std::sync::Arc;

use herdbook_blobs::{BlobStore, Blobs, Manifests};
use herdbook_postgres::{Database, Outbox};
use herdbook_proto::registry::v1::{
    audit_service_server::AuditServiceServer, check_service_server::CheckServiceServer,
    compare_service_server::CompareServiceServer, model_service_server::ModelServiceServer,
    policy_service_server::PolicyServiceServer, request_service_server::RequestServiceServer,
    transition_service_server::TransitionServiceServer,
    version_service_server::VersionServiceServer,
};
use herdbook_rpc::{PeerChannel, Roles, RoutesBuilder, configured};
use sqlx::migrate::Migrator;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use audit::{Problem, Verifier};
pub use checkpoint::{Checkpoint, InvalidCheckpoint};
pub use error::RegistryError;

use facts::Sources;
use manifests::VersionManifests;
use service::{
    audit::AuditApi, checks::CheckApi, compare::CompareApi, models::ModelApi, policies::PolicyApi,
    requests::RequestApi, transitions::TransitionApi, versions::VersionApi,
};
use store::Store;
use watch::{Feeds, Pulse};

/// The schema of this service.
pub const SCHEMA: &str = "registry";
/// Its migrations.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The registry service of a process.
pub struct Registry {
    store: Store,
    feeds: Feeds,
    blobs: Blobs,
    sources: Sources,
    shutdown: CancellationToken,
    chores: Vec<JoinHandle<()>>,
}

impl Registry {
    /// Opens the migrated schema in `database`. From now on until `shutdown`, `lineage` is told of
    /// versions and their stages. `tracking` is asked for runs and their files, `lineage` for the descent of versions, `roles` for what those
    /// may do now who approved something before.
    #[must_use]
    pub fn start(
        database: &Database,
        blobs: BlobStore,
        tracking: PeerChannel,
        lineage: PeerChannel,
        roles: Arc<dyn Roles>,
        shutdown: CancellationToken,
    ) -> Self {
        let outbox = Outbox::new(SCHEMA);
        let pulse = Pulse::default();
        let store = Store::new(database.pool().clone(), outbox.clone(), pulse);
        let feeds = Feeds::new(store.clone());
        let relay = pedigree::relay(
            outbox,
            database.pool().clone(),
            lineage.clone(),
            shutdown.clone(),
        );
        let reader = feeds.clone().run(shutdown.clone());
        let checkpointer = checkpointer::run(store.clone(), shutdown.clone());
        let chores = vec![
            tokio::spawn(relay),
            tokio::spawn(reader),
            tokio::spawn(checkpointer),
        ];
        Self {
            store,
            feeds,
            blobs: Blobs::new(database, blobs),
            sources: Sources {
                tracking,
                lineage,
                roles,
            },
            shutdown,
            chores,
        }
    }

    /// Adds the services to a server.
    pub fn register(&self, routes: &mut RoutesBuilder) {
        let store = &self.store;
        let versions = VersionApi::new(
            store.clone(),
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
