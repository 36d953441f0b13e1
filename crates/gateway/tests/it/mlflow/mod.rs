//! MLflow's door, over a tracking service of its own for each test.

mod artifacts;
mod at_once;
mod experiments;
mod logged_models;
mod runs;
mod search;

use std::sync::Arc;

use herdbook_blobs::BlobStore;
use herdbook_core::WorkspaceId;
use herdbook_gateway::{Gateway, Services};
use herdbook_lineage::Lineage;
use herdbook_postgres::{Database, migrate};
use herdbook_proto::tracking::v1::{CreateRunRequest, run_service_client::RunServiceClient};
use herdbook_rpc::{Authenticate, FixedCaller, PeerChannel, Role, RoutesBuilder, Server};
use herdbook_testkit::{TestDatabase, grpc::Unsigned};
use herdbook_tracking::{Settings, Tracking};
use http::Method;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

/// Where the proxy is.
const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";

struct Door {
    address: String,
    http: reqwest::Client,
    database: Database,
    /// Its chores end with it.
    _tracking: Tracking,
    _stop: DropGuard,
}

impl Door {
    async fn start() -> Self {
        let database = TestDatabase::create().await.database();
        for (schema, migrations) in [
            (herdbook_blobs::SCHEMA, &herdbook_blobs::MIGRATIONS),
            (herdbook_lineage::SCHEMA, &herdbook_lineage::MIGRATIONS),
            (herdbook_tracking::SCHEMA, &herdbook_tracking::MIGRATIONS),
        ] {
            migrate(&database, schema, migrations).await.unwrap();
        }
        let caller = FixedCaller::new("ana", WorkspaceId(1), Role::Contributor);
        let caller: Arc<dyn Authenticate> = Arc::new(caller);
        let shutdown = CancellationToken::new();
        let peer =
            |name, routes| PeerChannel::local(name, routes, caller.clone(), Arc::new(Unsigned));
        let lineage = Lineage::start(&database);
        let mut routes = RoutesBuilder::default();
        lineage.register(&mut routes);
        let to_lineage = peer("lineage", routes);
        let blobs = BlobStore::open("memory:").unwrap();
        let tracking = Tracking::start(
            &database,
            blobs,
            to_lineage.clone(),
            Settings::default(),
            shutdown.clone(),
        );
        let mut routes = RoutesBuilder::default();
        tracking.register(&mut routes);
        let mut served = RoutesBuilder::default();
        tracking.register(&mut served);
        // What is tested here calls neither access nor the registry.
        let services = Services {
            access: to_lineage.clone(),
            tracking: peer("tracking", routes),
            registry: to_lineage.clone(),
            lineage: to_lineage,
        };
        let gateway = Gateway::new(caller.clone(), services);
        let server = Server::new(served, caller).http(gateway.router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(server.serve(listener, shutdown.clone()));
        // Another test of the process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            address,
            http: reqwest::Client::new(),
            database,
            _tracking: tracking,
            _stop: shutdown.drop_guard(),
        }
    }

    /// The id of a new run.
    async fn run(&self) -> String {
        let channel = Channel::from_shared(self.address.clone()).unwrap();
        let channel = channel.connect().await.unwrap();
        let made = RunServiceClient::new(channel)
            .create_run(CreateRunRequest::default())
            .await;
        made.unwrap().into_inner().run.unwrap().id
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address))
    }

    /// Calls an endpoint of `/api/2.0/mlflow/` with a body; its status, and what it answers.
    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(method, &format!("/api/2.0/mlflow/{path}"));
        let request = request.header("content-type", "application/json");
        answer(request.body(body.to_string())).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    async fn put(&self, address: &str, content: &[u8]) -> u16 {
        let request = self.request(Method::PUT, &format!("{PROXY}/{address}"));
        let answer = request.body(content.to_vec()).send().await.unwrap();
        answer.status().as_u16()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_default())
}
