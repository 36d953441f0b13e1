//! One thing, one node, whoever names it.

use herdbook_proto::lineage::v1::{Edge, EdgeType, NodeKey, RecordRequest};
use serde_json::json;

use crate::cluster::{Cluster, event, facet, run_id, run_key};

fn key(kind: &str, name: &str, version: &str) -> Option<NodeKey> {
    Some(NodeKey {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

#[tokio::test]
async fn a_run_of_herdbook_is_the_run_of_the_event_and_its_own_facts_stand() {
    let cluster = Cluster::start().await;
    let mut told = event("COMPLETE", 1, 0, &["a"], &[]);
    cluster.take(&told).await;
    let own = herdbook_proto::lineage::v1::Node {
        key: key("run", &run_id(1).replace('-', ""), ""),
        attributes: [("name".to_owned(), "otter".to_owned())].into(),
        revision: 1,
        ..Default::default()
    };
    let request = RecordRequest {
        nodes: vec![own],
        ..Default::default()
    };
    cluster.client().record(request).await.unwrap();
    told["eventTime"] = json!("2027-01-01T00:00:00Z");
    cluster.take(&told).await;
    let run = cluster.node(&run_key(1)).await;
    assert_eq!(run.attributes["name"], "otter");
    assert_eq!(run.attributes["status"], "FINISHED");
}

#[tokio::test]
async fn a_data_set_is_one_node_by_uri_and_by_our_own_name() {
    let cluster = Cluster::start().await;
    let mut load = event("COMPLETE", 1, 0, &["raw"], &[]);
    load["inputs"][0]["namespace"] = json!("s3a://LAKE/");
    let version = facet(json!({ "datasetVersion": "sha256:00ff" }));
    load["outputs"] = json!([
        { "namespace": "herdbook", "name": "dataset_v1", "facets": { "version": version } },
    ]);
    cluster.take(&load).await;
    let trained = Edge {
        source: key("dataset", "dataset_v1", "sha256:00ff"),
        target: key("run", "training", ""),
        r#type: EdgeType::Used.into(),
        ..Default::default()
    };
    let request = RecordRequest {
        edges: vec![trained],
        ..Default::default()
    };
    cluster.client().record(request).await.unwrap();
    let run = run_key(1);
    let mut expected = vec![
        "dataset:dataset_v1@sha256:00ff USED run:training".to_owned(),
        format!("dataset:s3://lake/raw USED {run}"),
        format!("pipeline:shop/etl USED {run} job"),
        format!("{run} GENERATED dataset:dataset_v1@sha256:00ff"),
    ];
    expected.sort();
    assert_eq!(cluster.ancestry("run:training").await, expected);
}

#[tokio::test]
async fn versions_of_a_data_set_lead_to_who_reads_it_without_one() {
    let cluster = Cluster::start().await;
    let mut load = event("COMPLETE", 1, 0, &[], &["orders"]);
    load["outputs"][0]["facets"]["version"] = facet(json!({ "datasetVersion": "7" }));
    cluster.take(&load).await;
    cluster
        .take(&event("COMPLETE", 2, 1, &["orders"], &["totals"]))
        .await;
    let ancestry = cluster.ancestry("dataset:s3://lake/totals").await;
    let link = "dataset:s3://lake/orders@7 PART_OF dataset:s3://lake/orders version";
    assert!(ancestry.iter().any(|edge| edge == link), "{ancestry:#?}");
}

#[tokio::test]
async fn facets_say_what_code_engine_and_parent_a_run_had() {
    let cluster = Cluster::start().await;
    let mut told = event("FAIL", 1, 0, &["a"], &["b"]);
    told["run"]["facets"] = json!({
        "processing_engine": facet(json!({ "name": "Spark", "version": "4.1.0" })),
        "errorMessage": facet(json!({ "message": "out of memory", "programmingLanguage": "JVM" })),
        "parent": facet(json!({
            "run": { "runId": run_id(9) },
            "job": { "namespace": "airflow", "name": "nightly" },
        })),
    });
    told["job"]["facets"] = json!({
        "sourceCodeLocation": facet(json!({
            "type": "git",
            "url": "https://github.com/acme/etl/blob/4f2a/etl.py",
            "repoUrl": "git@github.com:acme/etl",
            "path": "etl.py",
            "version": "4f2a",
        })),
    });
    told["inputs"][0]["facets"]["tags"] = facet(json!({ "tags": [
        { "key": "pii", "value": "true" },
        { "key": "licence", "value": "CC-BY" },
        { "key": "masked", "value": "true", "field": "email" },
    ] }));
    cluster.take(&told).await;
    let run = run_key(1);
    let parent = run_key(9);
    let mut expected = vec![
        format!("code:git@github.com:acme/etl@4f2a USED {run} etl.py"),
        format!("dataset:s3://lake/a USED {run}"),
        format!("environment:spark@4.1.0 USED {run} engine"),
        format!("pipeline:airflow/nightly USED {parent} job"),
        format!("pipeline:shop/etl USED {run} job"),
        format!("{parent} PART_OF {run} parent"),
    ];
    expected.sort();
    assert_eq!(cluster.ancestry(&run).await, expected);
    let node = cluster.node(&run).await;
    assert_eq!(
        (
            node.attributes["status"].as_str(),
            node.attributes["error"].as_str()
        ),
        ("FAILED", "out of memory")
    );
    assert_eq!(
        cluster.node("dataset:s3://lake/a").await.tags,
        ["licence:CC-BY", "pii"]
    );
}

#[tokio::test]
async fn a_data_set_written_in_place_passes_on_all_who_wrote_to_it() {
    let cluster = Cluster::start().await;
    cluster
        .take(&event("COMPLETE", 1, 0, &["raw"], &["orders"]))
        .await;
    cluster
        .take(&event(
            "COMPLETE",
            2,
            1,
            &["orders", "news"],
            &["orders", "log"],
        ))
        .await;
    cluster
        .take(&event("COMPLETE", 3, 2, &["orders"], &["totals"]))
        .await;
    let ancestry = cluster
        .ancestry("dataset:s3://lake/totals")
        .await
        .join("\n");
    for source in ["raw", "news"] {
        assert!(
            ancestry.contains(&format!("dataset:s3://lake/{source} USED")),
            "{ancestry}"
        );
    }
    let before = format!("orders@before:{}", run_id(2).replace('-', ""));
    assert!(ancestry.contains(&before), "{ancestry}");
    let log = cluster.ancestry("dataset:s3://lake/log").await.join("\n");
    assert!(log.contains("dataset:s3://lake/raw USED"), "{log}");
}

#[tokio::test]
async fn jobs_in_a_loop_are_kept_with_the_cut_shown() {
    let cluster = Cluster::start().await;
    cluster.take(&event("COMPLETE", 1, 0, &["a"], &["b"])).await;
    cluster.take(&event("COMPLETE", 2, 1, &["b"], &["a"])).await;
    let before = format!("dataset:s3://lake/b@before:{}", run_id(2).replace('-', ""));
    let ancestry = cluster.ancestry("dataset:s3://lake/b").await.join("\n");
    assert!(
        ancestry.contains(&format!("{before} USED {}", run_key(2))),
        "{ancestry}"
    );

    // The other half of the loop was told before, by the start of the run.
    cluster.take(&event("START", 3, 2, &["b"], &[])).await;
    cluster.take(&event("COMPLETE", 3, 3, &[], &["a"])).await;
    let ancestry = cluster.ancestry("dataset:s3://lake/a").await.join("\n");
    assert!(ancestry.contains("@loop:"), "{ancestry}");
}

#[tokio::test]
async fn a_table_and_its_files_are_one_node_whichever_was_told_first() {
    for table_first in [true, false] {
        let cluster = Cluster::start().await;
        let mut write = event("COMPLETE", 1, 0, &["raw"], &["tables/orders"]);
        write["outputs"][0]["facets"]["symlinks"] = facet(json!({ "identifiers": [
            { "namespace": "arn:aws:glue:eu-west-1:12", "name": "table/shop/orders", "type": "TABLE" },
        ] }));
        let mut read = event("COMPLETE", 2, 1, &[], &["totals"]);
        read["inputs"] = json!([
            { "namespace": "arn:aws:glue:eu-west-1:12", "name": "table/shop/orders" },
        ]);
        let mut events = [write, read];
        if table_first {
            events.reverse();
        }
        for event in events.iter().chain(&events) {
            cluster.take(event).await;
        }
        let ancestry = cluster
            .ancestry("dataset:s3://lake/totals")
            .await
            .join("\n");
        let raw = format!("dataset:s3://lake/raw USED {}", run_key(1));
        assert!(ancestry.contains(&raw), "{ancestry}");
        assert!(!ancestry.contains("arn:"), "{ancestry}");
    }
}
