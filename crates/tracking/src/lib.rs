//! Tracking: experiments, runs, params, tags, metrics, typed values, inputs, artifacts and logged models, and
//! the search over them.

mod artifact_path;
mod blocking;
mod committer;
mod convert;
mod creator;
mod error;
mod forgetter;
mod framing;
mod holder;
mod logged_model;
mod manifests;
mod metrics;
mod pedigree;
mod purger;
mod quota;
mod run;
mod run_name;
mod search;
mod service;
mod settler;
mod store;
mod value;

use std::{sync::Arc, time::Duration};

use herdbook_blobs::{BlobStore, Blobs, Manifests};
use herdbook_postgres::{Database, Outbox};
use herdbook_proto::tracking::v1::{
    artifact_service_server::ArtifactServiceServer,
    experiment_service_server::ExperimentServiceServer,
    logged_model_service_server::LoggedModelServiceServer,
    metric_service_server::MetricServiceServer, quota_service_server::QuotaServiceServer,
    run_service_server::RunServiceServer, upload_service_server::UploadServiceServer,
    value_service_server::ValueServiceServer,
};
use herdbook_rpc::{PeerChannel, RoutesBuilder, configured};
use sqlx::migrate::Migrator;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use error::TrackingError;
pub use herdbook_filter::ParseError;
pub use holder::Holder;
pub use quota::{Limits, Resource};

use committer::Committer;
use creator::Creator;
use manifests::RunManifests;
use metrics::{compactor, pulse::Pulse};
use quota::Quotas;
use service::{
    artifacts::ArtifactApi, experiments::ExperimentApi, logged_models::LoggedModelApi,
    metrics::MetricApi, quota::QuotaApi, runs::RunApi, uploads::UploadApi, values::ValueApi,
};
use store::Store;

/// What whoever runs the service may decide.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// When points are compacted that are too few to fill a table.
    pub compact_after: Duration,
    /// When runs and experiments are removed for good after they were deleted; never by themselves, if
    /// absent.
    pub purge_deleted_after: Option<Duration>,
    /// What a workspace may have that has no quotas of its own.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compact_after: Duration::from_secs(60),
            purge_deleted_after: None,
            limits: Limits::default(),
        }
    }
}

/// The schema of this service.
pub const SCHEMA: &str = "tracking";
/// Its migrations.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The tracking service of a process.
#[derive(Debug)]
pub struct Tracking {
    store: Store,
    blobs: Blobs,
    committer: Arc<Committer>,
    creator: Creator,
    quotas: Quotas,
    pulse: Pulse,
    shutdown: CancellationToken,
    chores: JoinSet<()>,
}

impl Tracking {
    /// Opens the migrated schema in `database`. From now on until `shutdown`, points are committed
    /// and compacted, and `lineage` is told of runs.
    #[must_use]
    pub fn start(
        database: &Database,
        blobs: BlobStore,
        lineage: PeerChannel,
        settings: Settings,
        shutdown: CancellationToken,
    ) -> Self {
        let outbox = Outbox::new(SCHEMA);
        let store = Store::new(database, outbox.clone());
        let pulse = Pulse::default();
        let committer = Arc::new(Committer::start(&store, pulse.clone()));
        let quotas = Quotas::new(&store, settings.limits);
        let creator = Creator::start(&store, quotas.clone());
        let mut chores = JoinSet::new();
        chores.spawn(herdbook_recorder::relay(
            SCHEMA,
            outbox,
            database.pool().clone(),
            lineage,
            shutdown.clone(),
        ));
        chores.spawn(compactor::compact(
            store.clone(),
            settings.compact_after,
            shutdown.clone(),
        ));
        chores.spawn(pulse.clone().beat(store.clone(), shutdown.clone()));
        chores.spawn(settler::run(store.clone(), shutdown.clone()));
        chores.spawn(forgetter::run(store.clone(), shutdown.clone()));
        chores.spawn(purger::run(
            store.clone(),
            settings.purge_deleted_after,
            shutdown.clone(),
        ));
        Self {
            store,
            blobs: Blobs::new(database, blobs),
            committer,
            creator,
            quotas,
            pulse,
            shutdown,
            chores,
        }
    }

    /// Adds the services to a server.
    pub fn register(&self, routes: &mut RoutesBuilder) {
        let store = &self.store;
        let metrics = MetricApi::new(
            store.clone(),
            self.committer.clone(),
            self.quotas.clone(),
            self.pulse.clone(),
            self.shutdown.clone(),
        );
        routes
            .add_service(configured!(ExperimentServiceServer::new(
                ExperimentApi::new(store.clone())
            )))
            .add_service(configured!(RunServiceServer::new(RunApi::new(
                store.clone(),
                self.committer.clone(),
                self.quotas.clone(),
                self.creator.clone(),
                self.shutdown.clone(),
            ))))
            .add_service(configured!(MetricServiceServer::new(metrics)))
            .add_service(configured!(ArtifactServiceServer::new(ArtifactApi::new(
                store.clone(),
                self.blobs.clone(),
                self.quotas.clone(),
            ))))
            .add_service(configured!(UploadServiceServer::new(UploadApi::new(
                store.clone(),
                self.blobs.clone(),
                self.quotas.clone(),
            ))))
            .add_service(configured!(LoggedModelServiceServer::new(
                LoggedModelApi::new(store.clone())
            )))
            .add_service(configured!(ValueServiceServer::new(ValueApi::new(
                store.clone(),
                self.blobs.clone(),
                self.quotas.clone(),
            ))))
            .add_service(configured!(QuotaServiceServer::new(QuotaApi::new(
                store.clone(),
                self.quotas.clone(),
            ))));
    }

    /// The blobs that runs name.
    #[must_use]
    pub fn manifests(&self) -> Arc<dyn Manifests> {
        Arc::new(RunManifests::new(self.store.clone()))
    }

    /// Waits for the chores to end after shutdown.
    pub async fn join(mut self) {
        while let Some(ended) = self.chores.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a chore of tracking failed");
            }
        }
    }
}
