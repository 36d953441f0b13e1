//! Any order and any number of deliveries leaves the same graph.

use herdbook_proto::lineage::v1::ExportFormat;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cluster::{Cluster, event, facet, run_key};

/// Three runs of a day: one over another's data, with everything told piece by piece.
fn day() -> Vec<Value> {
    let mut events = vec![
        event("START", 1, 0, &["raw"], &[]),
        event("RUNNING", 1, 0, &[], &["orders"]),
        event("COMPLETE", 1, 60, &["raw"], &["orders"]),
        event("START", 2, 61, &["orders"], &["orders"]),
        event("FAIL", 2, 61, &["orders"], &["orders"]),
        event("START", 3, 62, &["orders"], &["totals"]),
        event("OTHER", 3, 63, &[], &[]),
        event("COMPLETE", 3, 64, &[], &["totals"]),
    ];
    for (number, event) in events.iter_mut().enumerate() {
        for list in ["inputs", "outputs"] {
            for dataset in event[list].as_array_mut().unwrap() {
                let fields = json!({ "fields": [{ "name": format!("column{number}") }] });
                dataset["facets"]["schema"] = facet(fields);
                dataset["facets"]["tags"] =
                    facet(json!({ "tags": [{ "key": format!("t{number}"), "value": "" }] }));
            }
        }
    }
    let columns = json!({ "fields": { "sum": { "inputFields": [
        { "namespace": "s3://lake", "name": "orders", "field": "amount",
          "transformations": [{ "type": "DIRECT", "subtype": "AGGREGATION", "masking": false }] },
    ] } } });
    events[7]["outputs"][0]["facets"]["columnLineage"] = facet(columns);
    events
}

async fn graph_of(events: &[&Value]) -> (String, Vec<(String, String)>) {
    let cluster = Cluster::start().await;
    for event in events {
        cluster.take(event).await;
    }
    let root = "pipeline:shop/etl";
    let text = cluster.export(root, ExportFormat::JsonGraph).await;
    let mut graph: Value = serde_json::from_str(&text).unwrap();
    strip_times(&mut graph);
    let mut facets = Vec::new();
    for dataset in ["raw", "orders", "totals"] {
        facets.extend(
            cluster
                .facets(&format!("dataset:s3://lake/{dataset}"))
                .await,
        );
    }
    (graph.to_string(), facets)
}

/// When the server heard of a node is no part of the graph.
fn strip_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("recorded_at");
            fields.values_mut().for_each(strip_times);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_times),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn the_graph_is_the_same(order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle(),
                             times in prop::collection::vec(1_usize..=5, 8)) {
        let events = day();
        let delivered: Vec<&Value> = order.iter()
            .flat_map(|index| std::iter::repeat_n(&events[*index], times[*index]))
            .collect();
        // Halves one after the other, so that repetitions come late as well.
        let (early, late): (Vec<_>, Vec<_>) = delivered.iter().enumerate().partition(|(n, _)| n % 2 == 0);
        let mixed: Vec<&Value> = late.into_iter().chain(early).map(|(_, event)| *event).collect();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let once: Vec<&Value> = events.iter().collect();
        let mut all = mixed;
        all.extend(once.iter().rev());
        let (found, expected) = runtime.block_on(async { (graph_of(&all).await, graph_of(&once).await) });
        prop_assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn the_status_is_that_of_the_latest_event() {
    let cluster = Cluster::start().await;
    cluster.take(&event("COMPLETE", 1, 60, &[], &[])).await;
    cluster.take(&event("START", 1, 0, &[], &[])).await;
    cluster.take(&event("RUNNING", 1, 60, &[], &[])).await;
    let run = cluster.node(&run_key(1)).await;
    assert_eq!(run.attributes["status"], "FINISHED");
    assert!(run.attributes["started_at"].starts_with("2026-03-01T00:00:00"));

    let mut ancient = event("FAIL", 2, 0, &[], &[]);
    ancient["eventTime"] = json!("1815-12-10T00:00:00+01:15");
    cluster.take(&ancient).await;
    assert!(cluster.node(&run_key(2)).await.attributes["ended_at"].starts_with("1815-12-09"));
}
