//! A tracking service that can go away and come back at the same address.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use futures::StreamExt as _;
use herdbook_blobs::BlobStore;
use herdbook_client::{Client, CreateRunRequest, Event, Options};
use herdbook_core::WorkspaceId;
use herdbook_lineage::Lineage;
use herdbook_postgres::migrate;
use herdbook_proto::tracking::v1::{
    GetRunRequest, ListArtifactsRequest, Quota, ReadMetricsRequest, Run, UpdateQuotaRequest,
    artifact_service_client::ArtifactServiceClient, metric_service_client::MetricServiceClient,
    quota_service_client::QuotaServiceClient, run_service_client::RunServiceClient,
};
use herdbook_rpc::{FixedCaller, PeerChannel, Role, RoutesBuilder, Server};
use herdbook_testkit::{TestDatabase, grpc::Unsigned, wait_until};
use herdbook_tracking::{Settings, Tracking};
use prost_types::FieldMask;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

pub(crate) struct Herdbook {
    database: TestDatabase,
    pub(crate) address: SocketAddr,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Herdbook {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await;
        let pool = database.database();
        for (schema, migrations) in [
            (herdbook_blobs::SCHEMA, &herdbook_blobs::MIGRATIONS),
            (herdbook_lineage::SCHEMA, &herdbook_lineage::MIGRATIONS),
            (herdbook_tracking::SCHEMA, &herdbook_tracking::MIGRATIONS),
        ] {
            migrate(&pool, schema, migrations).await.unwrap();
        }
        let mut herdbook = Self {
            database,
            address: ([127, 0, 0, 1], 0).into(),
            running: None,
        };
        herdbook.come_back().await;
        herdbook
    }

    /// Ends the service, and with it all its streams.
    pub(crate) async fn go_away(&mut self) {
        let (shutdown, served) = self.running.take().unwrap();
        shutdown.cancel();
        served.await.unwrap();
    }

    /// Serves at the address of before.
    pub(crate) async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let database = self.database.database();
        let caller = Arc::new(FixedCaller::new("ana", WorkspaceId(1), Role::Admin));
        let shutdown = CancellationToken::new();
        let lineage = Lineage::start(&database);
        let mut peer = RoutesBuilder::default();
        lineage.register(&mut peer);
        let to_lineage = PeerChannel::local("lineage", peer, caller.clone(), Arc::new(Unsigned));
        let blobs = BlobStore::open("memory:").unwrap();
        let tracking = Tracking::start(
            &database,
            blobs,
            to_lineage,
            Settings::default(),
            shutdown.clone(),
        );
        let mut routes = RoutesBuilder::default();
        tracking.register(&mut routes);
        let server = Server::new(routes, caller);
        let until = shutdown.clone();
        let served = tokio::spawn(async move {
            let _ = server.serve(listener, until).await;
        });
        self.running = Some((shutdown, served));
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(format!("http://{}", self.address))
    }

    async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.channel().await)
    }

    pub(crate) async fn run(&self, id: &str) -> Run {
        let request = GetRunRequest {
            run_id: id.to_owned(),
        };
        let found = self.runs().await.get_run(request).await.unwrap();
        found.into_inner().run.unwrap()
    }

    /// Paths and sizes of the run's files.
    pub(crate) async fn files(&self, run: &str) -> Vec<(String, i64)> {
        let request = ListArtifactsRequest {
            run_id: run.to_owned(),
            ..Default::default()
        };
        let mut client = ArtifactServiceClient::new(self.channel().await);
        let found = client.list_artifacts(request).await.unwrap().into_inner();
        let files = found.files.into_iter();
        files.map(|file| (file.path, file.size)).collect()
    }

    /// Sets a quota of the workspace.
    pub(crate) async fn set_quota(&self, name: &str, limit: i64) {
        let request = UpdateQuotaRequest {
            quota: Some(Quota {
                runs: Some(limit),
                points: Some(limit),
                bytes: Some(limit),
            }),
            update_mask: Some(FieldMask {
                paths: vec![name.to_owned()],
            }),
        };
        let mut client = QuotaServiceClient::new(self.channel().await);
        client.update_quota(request).await.unwrap();
    }

    /// Steps and values of each metric, in the order of their commits.
    pub(crate) async fn points(&self, run: &str) -> BTreeMap<String, Vec<(i64, f64)>> {
        let request = ReadMetricsRequest {
            run_id: run.to_owned(),
            ..Default::default()
        };
        let mut client = MetricServiceClient::new(self.channel().await);
        let mut chunks = client.read_metrics(request).await.unwrap().into_inner();
        let mut found: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.unwrap();
            let points = chunk.steps.into_iter().zip(chunk.values);
            found.entry(chunk.key).or_default().extend(points);
        }
        found
    }
}

/// A run made by the client.
pub(crate) async fn create_run(client: &Client) -> String {
    let made = client.create_run(CreateRunRequest::default()).await;
    made.unwrap().id
}

/// Steps from 0 with their values.
pub(crate) fn steps(count: i64) -> Vec<(i64, f64)> {
    (0..count).map(|step| (step, step as f64)).collect()
}

/// What a client told.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<Event>>>);

impl Told {
    pub(crate) fn listen(&self, options: Options) -> Options {
        let told = self.clone();
        options.on_event(move |event| told.0.lock().unwrap().push(event.clone()))
    }

    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// Waits for an event.
    pub(crate) async fn until(&self, what: &str, is_it: impl Fn(&Event) -> bool) {
        wait_until(what, async || self.all().iter().any(&is_it).then_some(())).await;
    }
}
