//! Tracking: experiments, runs, params, tags, metrics, inputs and artifacts, and the search over them.

mod artifact_path;
mod convert;
mod error;
#[allow(dead_code, unused_imports)]
mod metrics;
mod pedigree;
mod run;
mod run_name;
mod search;
mod service;
mod settler;
mod store;

use std::sync::Arc;

use herdbook_blobs::BlobStore;
use herdbook_postgres::{Database, Outbox};
use herdbook_proto::tracking::v1::{
    artifact_service_server::ArtifactServiceServer,
    experiment_service_server::ExperimentServiceServer, metric_service_server::MetricServiceServer,
    run_service_server::RunServiceServer,
};
use herdbook_rpc::{PeerChannel, RoutesBuilder, configured};
use sqlx::migrate::Migrator;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use error::TrackingError;
pub use search::ParseError;

use metrics::committer::Committer;
use service::{
    artifacts::ArtifactApi, experiments::ExperimentApi, metrics::MetricApi, runs::RunApi,
};
use store::Store;

/// The schema of this service.
pub const SCHEMA: &str = "tracking";
/// Its migrations.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The tracking service of a process.
#[derive(Debug)]
pub struct Tracking {
    store: Store,
    blobs: BlobStore,
    committer: Arc<Committer>,
    shutdown: CancellationToken,
    relay: JoinHandle<()>,
    settler: JoinHandle<()>,
}

impl Tracking {
    /// Opens the migrated schema in `database`. From now on until `shutdown`, points are committed and
    /// `lineage` is told of runs.
    #[must_use]
    pub fn start(
        database: &Database,
        blobs: BlobStore,
        lineage: PeerChannel,
        shutdown: CancellationToken,
    ) -> Self {
        let outbox = Outbox::new(SCHEMA);
        let store = Store::new(database, outbox.clone());
        let committer = Arc::new(Committer::start(&store));
        let relay = tokio::spawn(pedigree::relay(
            outbox,
            database.pool().clone(),
            lineage,
            shutdown.clone(),
        ));
        let settler = tokio::spawn(settler::run(store.clone(), shutdown.clone()));
        Self {
            store,
            blobs,
            committer,
            shutdown,
            relay,
            settler,
        }
    }

    /// Adds the services to a server.
    pub fn register(&self, routes: &mut RoutesBuilder) {
        let store = &self.store;
        let metrics = MetricApi::new(store.clone(), self.committer.clone(), self.shutdown.clone());
        routes
            .add_service(configured!(ExperimentServiceServer::new(
                ExperimentApi::new(store.clone())
            )))
            .add_service(configured!(RunServiceServer::new(RunApi::new(
                store.clone(),
                self.committer.clone(),
            ))))
            .add_service(configured!(MetricServiceServer::new(metrics)))
            .add_service(configured!(ArtifactServiceServer::new(ArtifactApi::new(
                store.clone(),
                self.blobs.clone()
            ))));
    }

    /// Waits for the chores to end after shutdown.
    pub async fn join(self) {
        if let Err(error) = self.relay.await {
            tracing::error!(%error, "the outbox relay failed");
        }
        if let Err(error) = self.settler.await {
            tracing::error!(%error, "folding runs for search failed");
        }
    }
}
