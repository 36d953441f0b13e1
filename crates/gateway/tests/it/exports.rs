//! Exported events make the same graph again, and column lineage reaches the questions.

use herdbook_proto::lineage::v1::{
    Edge, EdgeType, ExportFormat, GetColumnLineageRequest, NodeKey, RecordRequest,
};
use serde_json::{Value, json};

use crate::cluster::{Cluster, event, facet, run_key};

#[tokio::test]
async fn an_export_makes_the_same_graph_elsewhere() {
    let cluster = Cluster::start().await;
    let mut load = event(
        "COMPLETE",
        1,
        0,
        &["raw", "o\u{301}rders \"x\""],
        &["orders"],
    );
    load["outputs"][0]["facets"] = json!({
        "columnLineage": facet(json!({ "fields": { "amount": { "inputFields": [
            { "namespace": "s3://lake", "name": "raw", "field": "amount" },
        ] } } })),
        "mine": facet(json!({ "deep": [1, { "b": 1.5 }] })),
    });
    load["run"]["facets"]["nominalTime"] =
        facet(json!({ "nominalStartTime": "2026-03-01T00:00:00Z" }));
    cluster.take(&load).await;
    cluster
        .take(&event("COMPLETE", 2, 9, &["orders"], &["orders", "totals"]))
        .await;
    let key = |kind: &str, name: &str, version: &str| {
        Some(NodeKey {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        })
    };
    let edge = |source, target, edge_type: EdgeType, label: &str| Edge {
        source,
        target,
        r#type: edge_type.into(),
        label: label.to_owned(),
        ..Default::default()
    };
    let version = || key("model_version", "fraud", "3");
    let request = RecordRequest {
        edges: vec![
            edge(
                key("dataset", "s3://lake/totals", ""),
                key("run", "no uuid", ""),
                EdgeType::Used,
                "training",
            ),
            edge(
                key("run", "no uuid", ""),
                version(),
                EdgeType::Generated,
                "model",
            ),
            edge(version(), key("deployment", "eu", ""), EdgeType::PartOf, ""),
        ],
        ..Default::default()
    };
    cluster.client().record(request).await.unwrap();

    for start in ["dataset:s3://lake/raw", "pipeline:shop/etl"] {
        let exported = cluster.export(start, ExportFormat::Openlineage).await;
        let other = Cluster::start().await;
        for line in exported.lines() {
            let answer = other
                .send(other.post("/api/v1/lineage").body(line.to_owned()))
                .await;
            assert_eq!(answer.status, 201, "{line}\n{}", answer.body);
        }
        let again = other.export(start, ExportFormat::Openlineage).await;
        assert_eq!(events(&exported), events(&again));
    }
}

/// The events of an export without their times: some are when the server first heard of a node.
fn events(exported: &str) -> Vec<Value> {
    let event = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        event["eventTime"].take();
        event
    };
    exported.lines().map(event).collect()
}

#[tokio::test]
async fn columns_are_found_by_either_facet() {
    let cluster = Cluster::start().await;
    let mut told = event("COMPLETE", 1, 0, &["raw"], &["orders"]);
    told["outputs"][0]["facets"]["columnLineage"] = facet(json!({
        "fields": { "amount": {
            "inputFields": [{ "namespace": "s3://lake", "name": "raw", "field": "price" }],
            "transformationType": "MASKED", "transformationDescription": "sha256",
        } },
        "dataset": [{ "namespace": "s3://lake", "name": "raw", "field": "country" }],
    }));
    told["job"]["facets"]["lineage"] = facet(json!({ "entries": [{
        "type": "DATASET", "namespace": "s3://lake", "name": "orders",
        "inputs": [{ "type": "JOB" }],
        "fields": { "amount": { "inputs": [
            { "type": "DATASET", "namespace": "s3://lake", "name": "rates", "field": "rate",
              "transformations": [{ "type": "DIRECT", "subtype": "TRANSFORMATION" }] },
        ] } },
    }] }));
    cluster.take(&told).await;
    let request = GetColumnLineageRequest {
        node: "dataset:s3://lake/orders".to_owned(),
        field: "amount".to_owned(),
        ..Default::default()
    };
    let found = cluster
        .client()
        .get_column_lineage(request)
        .await
        .unwrap()
        .into_inner();
    let mut links: Vec<String> = Vec::new();
    for group in found.links {
        let source = group.source.unwrap().name;
        links.extend(group.links.into_iter().map(|link| {
            format!(
                "{source}#{} -> {} {} {}",
                link.source_field, link.target_field, link.r#type, link.masking
            )
        }));
    }
    links.sort();
    let expected = [
        "s3://lake/rates#rate -> amount DIRECT false",
        "s3://lake/raw#country ->   false",
        "s3://lake/raw#price -> amount MASKED true",
    ];
    assert_eq!(links, expected);
    let ancestry = cluster.ancestry("dataset:s3://lake/orders").await;
    let derived = "dataset:s3://lake/rates DERIVED_FROM dataset:s3://lake/orders";
    assert!(ancestry.iter().any(|edge| edge == derived), "{ancestry:#?}");
    assert!(ancestry.iter().any(|edge| edge.contains(&run_key(1))));
}
