//! A tracking service of its own for each test, with lineage beside it.

use std::sync::Arc;

use herdbook_blobs::BlobStore;
use herdbook_core::WorkspaceId;
use herdbook_lineage::Lineage;
use herdbook_postgres::{Database, migrate};
use herdbook_proto::{
    lineage::v1::lineage_service_client::LineageServiceClient,
    tracking::v1::{
        CreateRunRequest, GetRunRequest, LogBatchRequest, Run,
        artifact_service_client::ArtifactServiceClient,
        experiment_service_client::ExperimentServiceClient,
        logged_model_service_client::LoggedModelServiceClient,
        metric_service_client::MetricServiceClient, quota_service_client::QuotaServiceClient,
        run_service_client::RunServiceClient, upload_service_client::UploadServiceClient,
        value_service_client::ValueServiceClient,
    },
};
use herdbook_rpc::{FixedCaller, PeerChannel, Role, RoutesBuilder};
use herdbook_testkit::{
    TestDatabase,
    grpc::{Unsigned, serve},
    wait_until,
};
use herdbook_tracking::{Settings, Tracking};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Status, transport::Channel};

pub(crate) struct Cluster {
    pub(crate) database: Database,
    channel: Channel,
    /// Its chores end with it.
    _tracking: Tracking,
    _stop: DropGuard,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await.database();
        Self::over(database, Settings::default()).await
    }

    /// A service over a database that others may have used.
    pub(crate) async fn over(database: Database, settings: Settings) -> Self {
        for (schema, migrations) in [
            (herdbook_blobs::SCHEMA, &herdbook_blobs::MIGRATIONS),
            (herdbook_lineage::SCHEMA, &herdbook_lineage::MIGRATIONS),
            (herdbook_tracking::SCHEMA, &herdbook_tracking::MIGRATIONS),
        ] {
            migrate(&database, schema, migrations).await.unwrap();
        }
        let caller = Arc::new(FixedCaller::new("ana", WorkspaceId(1), Role::Admin));
        let shutdown = CancellationToken::new();
        let lineage = Lineage::start(&database);
        let mut peer = RoutesBuilder::default();
        lineage.register(&mut peer);
        let to_lineage = PeerChannel::local("lineage", peer, caller.clone(), Arc::new(Unsigned));
        let blobs = BlobStore::open("memory:").unwrap();
        let tracking = Tracking::start(&database, blobs, to_lineage, settings, shutdown.clone());
        let mut routes = RoutesBuilder::default();
        lineage.register(&mut routes);
        tracking.register(&mut routes);
        let channel = serve(routes, caller, &shutdown).await;
        Self {
            database,
            channel,
            _tracking: tracking,
            _stop: shutdown.drop_guard(),
        }
    }

    /// Has all points that are hot by now compacted: makes their generation old, and waits until its table
    /// is free again.
    pub(crate) async fn compact(&self) {
        let pool = self.database.pool();
        let generation: i64 = sqlx::query_scalar(
            "UPDATE tracking.metric_generations SET opened_at = opened_at - interval '1 hour' \
             WHERE closed_at IS NULL RETURNING id",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        wait_until("the generation is compacted", async || {
            let left: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM tracking.metric_generations WHERE id <= $1",
            )
            .bind(generation)
            .fetch_one(pool)
            .await
            .unwrap();
            (left == 0).then_some(())
        })
        .await;
    }

    pub(crate) fn experiments(&self) -> ExperimentServiceClient<Channel> {
        ExperimentServiceClient::new(self.channel.clone())
    }

    pub(crate) fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.channel.clone())
    }

    pub(crate) fn metrics(&self) -> MetricServiceClient<Channel> {
        MetricServiceClient::new(self.channel.clone())
    }

    pub(crate) fn artifacts(&self) -> ArtifactServiceClient<Channel> {
        ArtifactServiceClient::new(self.channel.clone())
    }

    pub(crate) fn uploads(&self) -> UploadServiceClient<Channel> {
        UploadServiceClient::new(self.channel.clone())
    }

    pub(crate) fn logged_models(&self) -> LoggedModelServiceClient<Channel> {
        LoggedModelServiceClient::new(self.channel.clone())
    }

    pub(crate) fn quotas(&self) -> QuotaServiceClient<Channel> {
        QuotaServiceClient::new(self.channel.clone())
    }

    pub(crate) fn values(&self) -> ValueServiceClient<Channel> {
        ValueServiceClient::new(self.channel.clone())
            .max_decoding_message_size(herdbook_core::limits::MESSAGE_BYTES)
    }

    pub(crate) fn lineage(&self) -> LineageServiceClient<Channel> {
        LineageServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn create_run(&self, request: CreateRunRequest) -> Run {
        self.runs()
            .create_run(request)
            .await
            .unwrap()
            .into_inner()
            .run
            .unwrap()
    }

    pub(crate) async fn run(&self, id: &str) -> Run {
        let request = GetRunRequest {
            run_id: id.to_owned(),
        };
        self.runs()
            .get_run(request)
            .await
            .unwrap()
            .into_inner()
            .run
            .unwrap()
    }

    pub(crate) async fn log(&self, request: LogBatchRequest) -> Result<(), Status> {
        self.runs().log_batch(request).await.map(|_| ())
    }
}
