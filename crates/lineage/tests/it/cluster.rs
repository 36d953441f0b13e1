//! A lineage service of its own for each test.

use std::sync::Arc;

use herdbook_core::WorkspaceId;
use herdbook_lineage::Lineage;
use herdbook_postgres::migrate;
use herdbook_proto::lineage::v1::{
    Edge, EdgeType, GetAncestorsRequest, GetDescendantsRequest, GetNodesRequest, Graph, Node,
    NodeKey, RecordRequest, RecordResponse, lineage_service_client::LineageServiceClient,
};
use herdbook_rpc::{FixedCaller, Role, RoutesBuilder};
use herdbook_testkit::{TestDatabase, grpc::serve};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Status, transport::Channel};

pub(crate) struct Cluster {
    client: LineageServiceClient<Channel>,
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
        let mut routes = RoutesBuilder::default();
        Lineage::start(&database).register(&mut routes);
        let shutdown = CancellationToken::new();
        let caller = Arc::new(FixedCaller::new("ana", WorkspaceId(1), Role::Admin));
        let channel = serve(routes, caller, &shutdown).await;
        Self {
            client: LineageServiceClient::new(channel),
            _stop: shutdown.drop_guard(),
        }
    }

    pub(crate) fn client(&self) -> LineageServiceClient<Channel> {
        self.client.clone()
    }

    pub(crate) async fn record(
        &self,
        nodes: Vec<Node>,
        edges: Vec<Edge>,
    ) -> Result<RecordResponse, Status> {
        Ok(self
            .client()
            .record(RecordRequest {
                nodes,
                edges,
                ..Default::default()
            })
            .await?
            .into_inner())
    }

    pub(crate) async fn nodes(&self, node: &str) -> Result<Vec<Node>, Status> {
        let request = GetNodesRequest {
            node: node.to_owned(),
        };
        Ok(self.client().get_nodes(request).await?.into_inner().nodes)
    }

    pub(crate) async fn ancestors(&self, request: GetAncestorsRequest) -> Graph {
        self.client()
            .get_ancestors(request)
            .await
            .unwrap()
            .into_inner()
            .graph
            .unwrap()
    }

    pub(crate) async fn descendants(&self, request: GetDescendantsRequest) -> Graph {
        self.client()
            .get_descendants(request)
            .await
            .unwrap()
            .into_inner()
            .graph
            .unwrap()
    }
}

/// Reads `kind:name@version`.
pub(crate) fn key(text: &str) -> NodeKey {
    let (kind, rest) = text.split_once(':').unwrap();
    let (name, version) = rest.split_once('@').unwrap_or((rest, ""));
    NodeKey {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

pub(crate) fn node(text: &str, attributes: &[(&str, &str)], revision: i64) -> Node {
    let attributes = attributes
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    Node {
        key: Some(key(text)),
        attributes,
        revision,
        ..Default::default()
    }
}

/// Reads `source -> target`; a run uses what it comes from and generates what comes from it.
pub(crate) fn edge(text: &str) -> Edge {
    let (source, target) = text.split_once(" -> ").unwrap();
    let edge_type = match (source.starts_with("run:"), target.starts_with("run:")) {
        (true, true) => EdgeType::PartOf,
        (_, true) => EdgeType::Used,
        (true, _) => EdgeType::Generated,
        _ => EdgeType::DerivedFrom,
    };
    Edge {
        source: Some(key(source)),
        target: Some(key(target)),
        r#type: edge_type.into(),
        label: String::new(),
        ..Default::default()
    }
}

/// The keys of a graph's nodes, in its order.
pub(crate) fn names(graph: &Graph) -> Vec<String> {
    graph
        .nodes
        .iter()
        .map(|node| name(node.node.as_ref().unwrap()))
        .collect()
}

pub(crate) fn name(node: &Node) -> String {
    let key = node.key.clone().unwrap();
    let at = if key.version.is_empty() { "" } else { "@" };
    format!("{}:{}{at}{}", key.kind, key.name, key.version)
}
