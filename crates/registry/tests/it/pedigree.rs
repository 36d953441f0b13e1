//! What lineage hears of versions by itself.

use std::collections::BTreeMap;

use herdbook_proto::{
    lineage::v1::{GetDescendantsRequest, GetNodesRequest, Node},
    registry::v1::RollbackStageRequest,
};
use herdbook_testkit::wait_until;

use crate::cluster::{Cluster, MODEL};

async fn nodes(cluster: &Cluster, node: &str) -> Vec<Node> {
    let request = GetNodesRequest {
        node: node.to_owned(),
    };
    let found = cluster.lineage().get_nodes(request).await;
    found.map_or_else(|_| Vec::new(), |found| found.into_inner().nodes)
}

#[tokio::test]
async fn a_version_is_told_with_what_it_was_registered_with() {
    let cluster = Cluster::start().await;
    let number = cluster.register(0.9).await;
    let node = format!("model_version:{MODEL}@{number}");
    let told = wait_until("lineage knows the version", async || {
        nodes(&cluster, &node).await.pop()
    })
    .await;
    let facts: BTreeMap<_, _> = told.attributes.into_iter().collect();
    assert_eq!(facts["metrics"], r#"{"acc":0.9}"#);
    assert!(facts["files"].contains("weights.bin") && facts["files"].contains("sha256:"));
    assert!(facts["source"].starts_with("runs:/"));
}

#[tokio::test]
async fn each_stay_in_a_stage_is_a_deployment_of_its_own() {
    let cluster = Cluster::start().await;
    let first = cluster.register(0.9).await;
    let second = cluster.register(0.9).await;
    cluster.promote(first, "Production").await.unwrap();
    cluster.promote(second, "Production").await.unwrap();
    let rollback = RollbackStageRequest {
        model: MODEL.to_owned(),
        stage: "Production".to_owned(),
        ..Default::default()
    };
    cluster.rollback(rollback).await.unwrap();

    // First, second, and first again; only the last one lasts.
    let stays = wait_until("lineage has heard of all", async || {
        let found = nodes(&cluster, &format!("deployment:{MODEL}@Production")).await;
        let left = found
            .iter()
            .filter(|node| node.attributes.contains_key("left_at"));
        (found.len() == 3 && left.count() == 2).then_some(found)
    })
    .await;
    let mut entered: Vec<_> = stays
        .iter()
        .map(|node| {
            (
                &*node.attributes["entered_at"],
                &*node.attributes["version"],
            )
        })
        .collect();
    entered.sort_unstable();
    let versions: Vec<_> = entered.iter().map(|(_, version)| *version).collect();
    assert_eq!(versions, ["1", "2", "1"]);
    let lasting = stays
        .iter()
        .find(|node| !node.attributes.contains_key("left_at"));
    assert_eq!(lasting.unwrap().attributes["version"], first.to_string());
    assert!(
        stays
            .iter()
            .all(|node| node.attributes["entered_by"] == "ana")
    );

    let request = GetDescendantsRequest {
        node: format!("model_version:{MODEL}@{second}"),
        ..Default::default()
    };
    let found = cluster.lineage().get_descendants(request).await.unwrap();
    let graph = found.into_inner().graph.unwrap();
    let labels: Vec<_> = graph.edges.iter().map(|edge| edge.label.as_str()).collect();
    assert_eq!(
        labels.len(),
        2,
        "in Production, and out of the way: {labels:?}"
    );
}
