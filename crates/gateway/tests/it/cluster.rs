//! A door with a lineage service of its own for each test.

use std::sync::Arc;

use herdbook_core::WorkspaceId;
use herdbook_gateway::{Gateway, Services};
use herdbook_lineage::Lineage;
use herdbook_postgres::migrate;
use herdbook_proto::lineage::v1::{
    ExportFormat, ExportPedigreeRequest, GetAncestorsRequest, GetFacetsRequest, GetNodesRequest,
    Node, lineage_service_client::LineageServiceClient,
};
use herdbook_rpc::{Authenticate, FixedCaller, PeerChannel, Role, RoutesBuilder, Server};
use herdbook_testkit::{TestDatabase, grpc::Unsigned};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

pub(crate) const PRODUCER: &str = "https://example.com/producer";

pub(crate) struct Cluster {
    address: String,
    http: reqwest::Client,
    client: LineageServiceClient<Channel>,
    _stop: DropGuard,
}

/// What the door answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The fields that are wrong.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let fields = self.body["error"]["fields"].as_array().unwrap();
        fields
            .iter()
            .map(|wrong| wrong["field"].as_str().unwrap())
            .collect()
    }
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let database = TestDatabase::create().await.database();
        let migrations = &herdbook_lineage::MIGRATIONS;
        migrate(&database, herdbook_lineage::SCHEMA, migrations)
            .await
            .unwrap();
        let lineage = Lineage::start(&database);
        let routes = || {
            let mut routes = RoutesBuilder::default();
            lineage.register(&mut routes);
            routes
        };
        let caller = FixedCaller::new("ana", WorkspaceId(1), Role::Contributor);
        let caller: Arc<dyn Authenticate> = Arc::new(caller);
        let channel = PeerChannel::local("lineage", routes(), caller.clone(), Arc::new(Unsigned));
        let services = Services {
            access: channel.clone(),
            tracking: channel.clone(),
            registry: channel.clone(),
            lineage: channel,
        };
        let gateway = Gateway::new(caller.clone(), services);
        let server = Server::new(routes(), caller).http(gateway.router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        tokio::spawn(server.serve(listener, shutdown.clone()));
        let channel = Channel::from_shared(address.clone()).unwrap();
        // Another test of the process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = LineageServiceClient::new(channel.connect().await.unwrap());
        Self {
            address,
            http: reqwest::Client::new(),
            client: client.max_decoding_message_size(16 << 20),
            _stop: shutdown.drop_guard(),
        }
    }

    pub(crate) fn client(&self) -> LineageServiceClient<Channel> {
        self.client.clone()
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.address));
        request.header("content-type", "application/json")
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        Answer {
            status,
            body: serde_json::from_str(&text).unwrap_or_default(),
        }
    }

    /// Sends an event that must be taken.
    pub(crate) async fn take(&self, event: &Value) {
        let answer = self.offer(event).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    pub(crate) async fn offer(&self, event: &Value) -> Answer {
        self.send(self.post("/api/v1/lineage").body(event.to_string()))
            .await
    }

    pub(crate) async fn node(&self, node: &str) -> Node {
        let request = GetNodesRequest {
            node: node.to_owned(),
        };
        let nodes = self.client().get_nodes(request).await;
        nodes.unwrap().into_inner().nodes.remove(0)
    }

    /// Edges of everything that `node` came from, as `source TYPE target label`, sorted.
    pub(crate) async fn ancestry(&self, node: &str) -> Vec<String> {
        let request = GetAncestorsRequest {
            node: node.to_owned(),
            ..Default::default()
        };
        let graph = self.client().get_ancestors(request).await.unwrap();
        let edges = graph.into_inner().graph.unwrap().edges;
        let key = |key: Option<herdbook_proto::lineage::v1::NodeKey>| {
            let key = key.unwrap();
            let at = if key.version.is_empty() { "" } else { "@" };
            format!("{}:{}{at}{}", key.kind, key.name, key.version)
        };
        let mut edges: Vec<String> = edges
            .into_iter()
            .map(|edge| {
                let name = edge.r#type().as_str_name().trim_start_matches("EDGE_TYPE_");
                let text = format!(
                    "{} {name} {} {}",
                    key(edge.source),
                    key(edge.target),
                    edge.label
                );
                text.trim_end().to_owned()
            })
            .collect();
        edges.sort();
        edges
    }

    /// Documents attached to a node, by scope, name and run.
    pub(crate) async fn facets(&self, node: &str) -> Vec<(String, String)> {
        let request = GetFacetsRequest {
            node: node.to_owned(),
            history: true,
            ..Default::default()
        };
        let mut parts = self
            .client()
            .get_facets(request)
            .await
            .unwrap()
            .into_inner();
        let mut facets = Vec::new();
        while let Some(part) = parts.message().await.unwrap() {
            let facet = part.facet.unwrap();
            let name = format!("{}/{}/{}", facet.scope, facet.name, facet.run);
            facets.push((name, facet.document));
        }
        facets.sort();
        facets
    }

    /// What came of `node`, in a format.
    pub(crate) async fn export(&self, node: &str, format: ExportFormat) -> String {
        let request = ExportPedigreeRequest {
            node: node.to_owned(),
            format: format.into(),
            descendants: true,
            ..Default::default()
        };
        let parts = self.client().export_pedigree(request).await;
        let mut parts = parts.unwrap().into_inner();
        let mut text = Vec::new();
        while let Some(part) = parts.message().await.unwrap() {
            text.extend(part.chunk);
        }
        String::from_utf8(text).unwrap()
    }
}

/// The id of a run, by a number.
pub(crate) fn run_id(number: u32) -> String {
    format!("0198c0de-7a11-7c3e-b2f0-{number:012x}")
}

/// The key of that run.
pub(crate) fn run_key(number: u32) -> String {
    format!("run:{}", run_id(number).replace('-', ""))
}

/// An event of a run of the job `shop/etl`, at a second of the first hour of March 2026.
pub(crate) fn event(kind: &str, run: u32, second: u32, inputs: &[&str], outputs: &[&str]) -> Value {
    let datasets = |names: &[&str]| {
        let dataset = |name: &&str| json!({ "namespace": "s3://lake", "name": name });
        names.iter().map(dataset).collect::<Vec<_>>()
    };
    json!({
        "eventType": kind,
        "eventTime": format!("2026-03-01T00:{:02}:{:02}.000Z", second / 60, second % 60),
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": { "runId": run_id(run), "facets": {} },
        "job": { "namespace": "shop", "name": "etl", "facets": {} },
        "inputs": datasets(inputs),
        "outputs": datasets(outputs),
    })
}

/// A facet with these fields.
pub(crate) fn facet(mut fields: Value) -> Value {
    fields["_producer"] = json!(PRODUCER);
    fields["_schemaURL"] = json!("https://example.com/facet.json");
    fields
}
