//! Streamed walks: the same as the answers in one piece, as large as they are.

use std::collections::BTreeSet;

use herdbook_proto::lineage::v1::{Edge, Graph, GraphNode, WalkGraphRequest, WalkGraphResponse};
use herdbook_testkit::{grpc::reason, wait_until};
use tonic::Code;

use crate::cluster::{Cluster, edge, name, node};

fn from(node: &str) -> WalkGraphRequest {
    WalkGraphRequest {
        node: node.to_owned(),
        ..Default::default()
    }
}

/// All parts of an answer, put together; how many there were.
async fn walk(cluster: &Cluster, request: WalkGraphRequest) -> (Graph, usize) {
    let mut parts = cluster
        .client()
        .walk_graph(request)
        .await
        .unwrap()
        .into_inner();
    let (mut graph, mut count, mut ended) = (Graph::default(), 0, false);
    while let Some(part) = parts.message().await.unwrap() {
        assert!(!ended, "nothing comes after the end");
        count += 1;
        ended = part.end.is_some();
        add(&mut graph, part);
    }
    assert!(ended);
    (graph, count)
}

fn add(graph: &mut Graph, part: WalkGraphResponse) {
    graph.nodes.extend(part.nodes);
    let key = |number: u32| {
        let node = &graph.nodes[usize::try_from(number).unwrap()];
        node.node.as_ref().unwrap().key.clone()
    };
    let edges = part.edges.into_iter().map(|edge| Edge {
        source: key(edge.source),
        target: key(edge.target),
        r#type: edge.r#type,
        label: edge.label,
        ..Default::default()
    });
    let edges: Vec<_> = edges.collect();
    graph.edges.extend(edges);
    graph.truncated |= part.end.is_some_and(|end| end.truncated);
}

/// What is in a graph, whatever the order.
fn content(graph: &Graph) -> (BTreeSet<(String, u32)>, BTreeSet<String>, bool) {
    let node = |node: &GraphNode| (name(node.node.as_ref().unwrap()), node.depth);
    (
        graph.nodes.iter().map(node).collect(),
        graph.edges.iter().map(|edge| format!("{edge:?}")).collect(),
        graph.truncated,
    )
}

async fn lattice() -> Cluster {
    let cluster = Cluster::start().await;
    let rungs = (0..12).flat_map(|rung| {
        let ways = ["run:a", "run:b"].map(|run| {
            let run = format!("{run}{rung}");
            [
                edge(&format!("dataset:d{rung} -> {run}")),
                edge(&format!("{run} -> dataset:d{}", rung + 1)),
            ]
        });
        ways.into_iter().flatten()
    });
    cluster
        .record(
            vec![node("dataset:d0", &[("uri", "s3://x")], 0)],
            rungs.collect(),
        )
        .await
        .unwrap();
    cluster
}

#[tokio::test]
async fn the_parts_together_are_the_answer_in_one_piece() {
    let cluster = lattice().await;
    for (depth, kinds) in [(0, vec![]), (5, vec![]), (0, vec!["run".to_owned()])] {
        let request = WalkGraphRequest {
            depth,
            kinds: kinds.clone(),
            ..from("dataset:d9")
        };
        let (walked, _) = walk(&cluster, request.clone()).await;
        let whole = cluster
            .ancestors(herdbook_proto::lineage::v1::GetAncestorsRequest {
                node: "dataset:d9".to_owned(),
                depth,
                kinds: kinds.clone(),
                ..Default::default()
            })
            .await;
        assert_eq!(content(&walked), content(&whole));
        let request = WalkGraphRequest {
            descendants: true,
            ..request
        };
        let (walked, _) = walk(&cluster, request).await;
        let whole = cluster
            .descendants(herdbook_proto::lineage::v1::GetDescendantsRequest {
                node: "dataset:d9".to_owned(),
                depth,
                kinds,
                ..Default::default()
            })
            .await;
        assert_eq!(content(&walked), content(&whole));
    }
}

/// A data set of which so much came that its answer has many parts.
async fn wide() -> Cluster {
    let cluster = Cluster::start().await;
    let long = "x".repeat(200);
    for part in 0..3 {
        let runs = (part * 5_000..(part + 1) * 5_000)
            .map(|run| edge(&format!("dataset:d -> run:{long}{run}")));
        cluster.record(vec![], runs.collect()).await.unwrap();
    }
    cluster
}

#[tokio::test]
async fn a_large_answer_comes_in_parts_and_one_that_nobody_reads_ends() {
    let cluster = wide().await;
    let request = WalkGraphRequest {
        descendants: true,
        ..from("dataset:d")
    };
    let (graph, parts) = walk(&cluster, request.clone()).await;
    assert_eq!((graph.nodes.len(), graph.edges.len()), (15_001, 15_000));
    assert!(parts > 10, "{parts}");

    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(
            cluster
                .client()
                .walk_graph(request.clone())
                .await
                .unwrap()
                .into_inner(),
        );
    }
    let refused = cluster
        .client()
        .walk_graph(request.clone())
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::Unavailable, "TOO_MANY_WALKS".into())
    );
    drop(open);
    wait_until("room for a walk", async || {
        cluster.client().walk_graph(request.clone()).await.ok()
    })
    .await;
}

#[tokio::test]
async fn what_is_recorded_meanwhile_is_not_in_the_answer() {
    let cluster = wide().await;
    let request = WalkGraphRequest {
        descendants: true,
        ..from("dataset:d")
    };
    let mut parts = cluster
        .client()
        .walk_graph(request)
        .await
        .unwrap()
        .into_inner();
    let mut graph = Graph::default();
    add(&mut graph, parts.message().await.unwrap().unwrap());
    let last = format!("run:{}14999 -> model_version:m@1", "x".repeat(200));
    cluster.record(vec![], vec![edge(&last)]).await.unwrap();
    while let Some(part) = parts.message().await.unwrap() {
        add(&mut graph, part);
    }
    assert_eq!(graph.nodes.len(), 15_001);
}
