//! A tracking service of its own for each test, with lineage beside it.

use std::sync::Arc;

use herdbook_blobs::BlobStore;
use herdbook_core::{ServiceError, WorkspaceId};
use herdbook_lineage::Lineage;
use herdbook_postgres::migrate;
use herdbook_proto::{
    lineage::v1::lineage_service_client::LineageServiceClient,
    tracking::v1::{
        CreateRunRequest, GetRunRequest, LogBatchRequest, Run,
        artifact_service_client::ArtifactServiceClient,
        experiment_service_client::ExperimentServiceClient,
        metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
    },
};
use herdbook_rpc::{Assertions, Caller, FixedCaller, PeerChannel, Role, RoutesBuilder, Server};
use herdbook_testkit::TestDatabase;
use herdbook_tracking::Tracking;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, metadata::MetadataValue, transport::Channel};
use tonic_types::StatusExt as _;

/// Nothing to sign where everybody is the same caller.
struct Unsigned;

impl Assertions for Unsigned {
    fn sign(&self, _: &Caller, _: &str) -> Result<MetadataHeader, Box<dyn ServiceError>> {
        Ok(MetadataHeader::from_static("test"))
    }
}

type MetadataHeader = http::HeaderValue;

pub(crate) struct Cluster {
    channel: Channel,
    _stop: DropGuard,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await.database();
        migrate(
            &database,
            herdbook_lineage::SCHEMA,
            &herdbook_lineage::MIGRATIONS,
        )
        .await
        .unwrap();
        migrate(
            &database,
            herdbook_tracking::SCHEMA,
            &herdbook_tracking::MIGRATIONS,
        )
        .await
        .unwrap();
        let caller = Arc::new(FixedCaller::new("ana", WorkspaceId(1), Role::Admin));
        let shutdown = CancellationToken::new();
        let lineage = Lineage::start(&database);
        let mut peer = RoutesBuilder::default();
        lineage.register(&mut peer);
        let to_lineage = PeerChannel::local("lineage", peer, caller.clone(), Arc::new(Unsigned));
        let blobs = BlobStore::open("memory:").unwrap();
        let tracking = Tracking::start(&database, blobs, to_lineage, shutdown.clone());
        let mut routes = RoutesBuilder::default();
        lineage.register(&mut routes);
        tracking.register(&mut routes);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(Server::new(routes, caller).serve(listener, shutdown.clone()));
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        Self {
            channel,
            _stop: shutdown.drop_guard(),
        }
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

/// A request of a stranger, in a workspace of their own.
pub(crate) fn elsewhere<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request
        .metadata_mut()
        .insert("herdbook-workspace", MetadataValue::from_static("2"));
    request
}

/// Code and stable reason of an error.
pub(crate) fn reason(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    (
        status.code(),
        details
            .error_info()
            .map(|info| info.reason.clone())
            .unwrap_or_default(),
    )
}

/// Fields that an error names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details
        .bad_request()
        .map(|bad| bad.field_violations.clone());
    violations
        .unwrap_or_default()
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}
