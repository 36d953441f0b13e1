//! MLflow's door, over a tracking service of its own for each test.

mod access;
mod artifacts;
mod at_once;
mod experiments;
mod inputs;
mod logged_models;
mod metrics;
mod registry;
mod runs;
mod search;
mod transitions;

use std::sync::Arc;

use herdbook_blobs::BlobStore;
use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_gateway::{Gateway, Services};
use herdbook_lineage::Lineage;
use herdbook_postgres::{Database, migrate};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, GetRunRequest, Run, run_service_client::RunServiceClient,
};
use herdbook_registry::{Registry, WebhookSettings};
use herdbook_rpc::{
    Assertions, Authenticate, FixedCaller, PeerChannel, Role, RoleFuture, Roles, RoutesBuilder,
    Server,
};
use herdbook_testkit::{TestDatabase, grpc::Unsigned};
use herdbook_tracking::{Settings, Tracking};
use http::Method;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

/// Where the proxy is.
const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";

/// A database with the schemas of all that is served here.
async fn database() -> Database {
    let database = TestDatabase::create().await.database();
    for (schema, migrations) in [
        (herdbook_access::SCHEMA, &herdbook_access::MIGRATIONS),
        (herdbook_blobs::SCHEMA, &herdbook_blobs::MIGRATIONS),
        (herdbook_lineage::SCHEMA, &herdbook_lineage::MIGRATIONS),
        (herdbook_registry::SCHEMA, &herdbook_registry::MIGRATIONS),
        (herdbook_tracking::SCHEMA, &herdbook_tracking::MIGRATIONS),
    ] {
        migrate(&database, schema, migrations).await.unwrap();
    }
    database
}

/// Nobody has a role besides the one that a call comes with.
struct NoRoles;

impl Roles for NoRoles {
    fn role_of(&self, _: WorkspaceId, _: PrincipalId) -> RoleFuture<'_> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

struct Door {
    address: String,
    http: reqwest::Client,
    database: Database,
    /// Their chores end with them.
    _tracking: Tracking,
    _registry: Registry,
    _stop: DropGuard,
}

impl Door {
    /// A door whose callers are all the same contributor.
    async fn start() -> Self {
        Self::start_as(Role::Contributor).await
    }

    /// One whose callers are all the same, with this role.
    async fn start_as(role: Role) -> Self {
        let caller = FixedCaller::new("ana", WorkspaceId(1), role);
        Self::over(
            &database().await,
            Arc::new(caller),
            Arc::new(Unsigned),
            None,
        )
        .await
    }

    /// A door whose callers `authenticator` knows, with access as `routes` if it is to be called.
    async fn over(
        database: &Database,
        authenticator: Arc<dyn Authenticate>,
        assertions: Arc<dyn Assertions>,
        access: Option<RoutesBuilder>,
    ) -> Self {
        let shutdown = CancellationToken::new();
        let peer = |name, routes| {
            PeerChannel::local(name, routes, authenticator.clone(), assertions.clone())
        };
        let lineage = Lineage::start(database);
        let mut routes = RoutesBuilder::default();
        lineage.register(&mut routes);
        let to_lineage = peer("lineage", routes);
        let blobs = BlobStore::open("memory:").unwrap();
        let tracking = Tracking::start(
            database,
            blobs,
            to_lineage.clone(),
            Settings::default(),
            shutdown.clone(),
        );
        let mut routes = RoutesBuilder::default();
        tracking.register(&mut routes);
        let to_tracking = peer("tracking", routes);
        let webhooks = WebhookSettings {
            allow: vec!["127.0.0.1/32".parse().unwrap()],
            ..Default::default()
        };
        let registry = Registry::start(
            database,
            BlobStore::open("memory:").unwrap(),
            to_tracking.clone(),
            to_lineage.clone(),
            Arc::new(NoRoles),
            herdbook_registry::Settings {
                webhooks,
                ..Default::default()
            },
            shutdown.clone(),
        );
        let mut routes = RoutesBuilder::default();
        registry.register(&mut routes);
        let mut served = RoutesBuilder::default();
        tracking.register(&mut served);
        registry.register(&mut served);
        let services = Services {
            access: access.map_or_else(|| to_lineage.clone(), |routes| peer("access", routes)),
            tracking: to_tracking,
            registry: peer("registry", routes),
            lineage: to_lineage,
        };
        let gateway = Gateway::new(authenticator.clone(), services);
        let server = Server::new(served, authenticator).http(gateway.router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(server.serve(listener, shutdown.clone()));
        // Another test of the process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            address,
            http: reqwest::Client::new(),
            database: database.clone(),
            _tracking: tracking,
            _registry: registry,
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

    /// A run as the service has it.
    async fn native(&self, id: &str) -> Run {
        let channel = Channel::from_shared(self.address.clone()).unwrap();
        let channel = channel.connect().await.unwrap();
        let request = GetRunRequest {
            run_id: id.to_owned(),
        };
        let found = RunServiceClient::new(channel).get_run(request).await;
        found.unwrap().into_inner().run.unwrap()
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
