//! What the door takes and refuses as HTTP.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::cluster::{Cluster, event, facet, run_key};

#[tokio::test]
async fn packed_bodies_are_taken() {
    let cluster = Cluster::start().await;
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let text = event("COMPLETE", 1, 0, &["a"], &["b"]).to_string();
    packed.write_all(text.as_bytes()).unwrap();
    let request = cluster
        .post("/api/v1/lineage")
        .header("content-encoding", "gzip");
    let answer = cluster.send(request.body(packed.finish().unwrap())).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(
        cluster.node(&run_key(1)).await.attributes["status"],
        "FINISHED"
    );
}

#[tokio::test]
async fn a_facet_of_ten_megabytes_is_kept_and_more_than_fifteen_are_refused() {
    let cluster = Cluster::start().await;
    let mut large = event("COMPLETE", 1, 0, &["a"], &[]);
    large["inputs"][0]["facets"]["plan"] = facet(json!({ "text": "x".repeat(10 << 20) }));
    cluster.take(&large).await;
    let kept = cluster.facets("dataset:s3://lake/a").await;
    assert_eq!(kept[0].1, large["inputs"][0]["facets"]["plan"].to_string());

    large["inputs"][0]["facets"]["plan"]["text"] = json!("x".repeat(16 << 20));
    let refused = cluster.offer(&large).await;
    assert_eq!(
        (refused.status, &refused.body["error"]["reason"]),
        (413, &json!("BODY_TOO_LARGE"))
    );
}

#[tokio::test]
async fn more_than_a_record_has_room_for_is_refused_as_such() {
    let cluster = Cluster::start().await;
    let names: Vec<String> = (0..10_001).map(|number| format!("part-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let refused = cluster.offer(&event("COMPLETE", 1, 0, &names, &[])).await;
    assert_eq!((refused.status, refused.fields()), (400, vec!["event"]));
}

#[tokio::test]
async fn other_media_types_are_refused() {
    let cluster = Cluster::start().await;
    let request = cluster
        .post("/api/v1/lineage")
        .header("content-encoding", "br");
    assert_eq!(cluster.send(request.body("{}")).await.status, 415);
}

#[tokio::test]
async fn a_batch_tells_of_each_event() {
    let cluster = Cluster::start().await;
    let mut wrong = event("COMPLETE", 2, 0, &[], &[]);
    wrong["run"]["runId"] = json!("two");
    let events = json!([event("COMPLETE", 1, 0, &["a"], &["b"]), wrong, 3]);
    let request = cluster
        .post("/api/v1/lineage/batch")
        .body(events.to_string());
    let answer = cluster.send(request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["status"], "partial_success");
    assert_eq!(answer.body["results"], json!([201, 400, 400]));
    let failed: Vec<&Value> = answer.body["failed_events"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(failed[0]["index"], 1);
    assert_eq!(failed[0]["error"]["fields"][0]["field"], "run.runId");
    assert_eq!(answer.body["summary"]["non_retriable"], 2);
    cluster.node(&run_key(1)).await;

    let request = cluster.post("/api/v1/lineage/batch").body("{}");
    let refused = cluster.send(request).await;
    assert_eq!((refused.status, refused.fields()), (400, vec!["events"]));
}
