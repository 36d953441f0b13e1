//! Recording: the same graph whatever comes how often, and never a cycle.

use std::sync::Arc;

use herdbook_testkit::grpc::{elsewhere, fields, reason};
use tonic::Code;

use crate::cluster::{Cluster, edge, key, node};

#[tokio::test]
async fn the_same_again_changes_nothing() {
    let cluster = Cluster::start().await;
    let batch = || {
        let edges = vec![
            edge("dataset:d@1 -> run:r"),
            edge("run:r -> model_version:m@1"),
        ];
        (vec![node("run:r", &[("name", "otter")], 1)], edges)
    };
    for (new_nodes, new_edges) in [(3, 2), (0, 0), (0, 0)] {
        let (nodes, edges) = batch();
        let recorded = cluster.record(nodes, edges).await.unwrap();
        assert_eq!(
            (recorded.new_nodes, recorded.new_edges),
            (new_nodes, new_edges)
        );
    }
}

#[tokio::test]
async fn late_news_does_not_undo_newer_ones() {
    let cluster = Cluster::start().await;
    let version = |stage, revision| vec![node("model_version:m@1", &[("stage", stage)], revision)];
    cluster
        .record(version("Production", 7), vec![])
        .await
        .unwrap();
    cluster.record(version("Staging", 6), vec![]).await.unwrap();
    let found = cluster.nodes("model_version:m").await.unwrap();
    assert_eq!(found[0].attributes["stage"], "Production");
    cluster
        .record(version("Archived", 8), vec![])
        .await
        .unwrap();
    assert_eq!(
        cluster.nodes("model_version:m@1").await.unwrap()[0].attributes["stage"],
        "Archived"
    );
}

#[tokio::test]
async fn a_cycle_is_refused_with_the_cycle_named_and_nothing_kept() {
    let cluster = Cluster::start().await;
    let within = vec![
        edge("dataset:a -> dataset:b"),
        edge("dataset:b -> dataset:a"),
    ];
    let refused = cluster.record(vec![], within).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "CYCLE".into()));
    assert!(cluster.nodes("dataset:a").await.is_err());

    let chain = vec![
        edge("dataset:a -> dataset:b"),
        edge("dataset:b -> dataset:c"),
    ];
    cluster.record(vec![], chain).await.unwrap();
    let refused = cluster
        .record(vec![], vec![edge("dataset:c -> dataset:a")])
        .await
        .unwrap_err();
    let cycle = "dataset:a -> dataset:b -> dataset:c -> dataset:a";
    assert!(refused.message().contains(cycle), "{}", refused.message());
}

#[tokio::test]
async fn of_two_halves_of_a_cycle_at_once_exactly_one_is_refused() {
    let cluster = Arc::new(Cluster::start().await);
    for round in 0..10 {
        let (a, b) = (format!("dataset:a{round}"), format!("dataset:b{round}"));
        cluster
            .record(vec![node(&a, &[], 0), node(&b, &[], 0)], vec![])
            .await
            .unwrap();
        let half = |text: String| {
            let cluster = cluster.clone();
            tokio::spawn(async move { cluster.record(vec![], vec![edge(&text)]).await.is_ok() })
        };
        let (first, second) = (half(format!("{a} -> {b}")), half(format!("{b} -> {a}")));
        assert_ne!(first.await.unwrap(), second.await.unwrap(), "round {round}");
    }
}

#[tokio::test]
async fn overlapping_batches_at_once_neither_deadlock_nor_lose_anything() {
    let cluster = Arc::new(Cluster::start().await);
    let tasks = (0..8).map(|task| {
        let cluster = cluster.clone();
        tokio::spawn(async move {
            for run in 0..10 {
                let datasets = (0..10).map(|d| (d * (task + 1) + run) % 10);
                let edges = datasets
                    .map(|d| edge(&format!("dataset:d{d} -> run:{task}-{run}")))
                    .collect();
                let nodes = (0..10)
                    .rev()
                    .map(|d| node(&format!("dataset:d{d}"), &[("uri", "x")], 0));
                cluster.record(nodes.collect(), edges).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(
        cluster.nodes("dataset:d3").await.unwrap()[0].attributes["uri"],
        "x"
    );
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_place() {
    let cluster = Cluster::start().await;
    let refused = async |nodes, edges| fields(&cluster.record(nodes, edges).await.unwrap_err());
    assert_eq!(
        refused(vec![], vec![edge("run:r -> run:r")]).await,
        ["edges[0]"]
    );
    assert_eq!(
        refused(vec![node("Data Set:x", &[], 0)], vec![]).await,
        ["nodes[0].key.kind"]
    );
    assert_eq!(
        refused(vec![node("dataset:", &[], 0)], vec![]).await,
        ["nodes[0].key.name"]
    );
    let mut untyped = edge("dataset:a -> dataset:b");
    untyped.r#type = 0;
    assert_eq!(refused(vec![], vec![untyped]).await, ["edges[0].type"]);
    let many = (0..10_001)
        .map(|n| node(&format!("dataset:{n}"), &[], 0))
        .collect();
    assert_eq!(refused(many, vec![]).await, ["nodes"]);
}

#[tokio::test]
async fn odd_names_are_kept_and_found() {
    let cluster = Cluster::start().await;
    for name in [
        "git@github.com:org/repo",
        "o'brien \"x\"",
        "ünïcödé 数据",
        "a/b:c",
    ] {
        let mut odd = node("code:x@1", &[], 0);
        odd.key.as_mut().unwrap().name = name.to_owned();
        cluster.record(vec![odd], vec![]).await.unwrap();
        let found = cluster.nodes(&format!("code:{name}@1")).await.unwrap();
        assert_eq!(found[0].key.as_ref().unwrap().name, name);
        assert_eq!(
            cluster.nodes(&format!("code:{name}")).await.unwrap().len(),
            1
        );
    }
}

#[tokio::test]
async fn another_workspace_knows_nothing_of_it() {
    let cluster = Cluster::start().await;
    cluster
        .record(vec![node("dataset:secret", &[], 0)], vec![])
        .await
        .unwrap();
    let request = herdbook_proto::lineage::v1::GetNodesRequest {
        node: "dataset:secret".to_owned(),
    };
    let refused = cluster
        .client()
        .get_nodes(elsewhere(request))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "NODE_NOT_FOUND".into()));
    assert_eq!(key("dataset:secret").version, "");
}
