//! Events that are wrong: refused with the field, and nothing kept.

use serde_json::{Value, json};

use crate::cluster::{Cluster, event, facet};

/// An event with the value at a JSON pointer replaced, or taken away if it is null.
fn with(pointer: &str, value: Value) -> Value {
    let mut event = event("COMPLETE", 1, 0, &["a", "b", "c"], &["d"]);
    event["run"]["facets"]["parent"] = facet(json!({
        "run": { "runId": "0198c0de-7a11-7c3e-b2f0-000000000009" },
        "job": { "namespace": "n", "name": "p" },
    }));
    event["inputs"][2]["facets"] = json!({
        "schema": facet(json!({ "fields": [{ "name": "amount", "type": "double" }] })),
    });
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(fields) if value.is_null() => drop(fields.remove(name)),
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer} leads nowhere"),
    }
    event
}

#[tokio::test]
async fn the_field_is_named() {
    let cluster = Cluster::start().await;
    cluster
        .take(&with("/unknown", json!({ "is": "fine" })))
        .await;
    let corpus = [
        ("/eventTime", json!("yesterday"), "eventTime"),
        ("/eventTime", Value::Null, "eventTime"),
        ("/eventTime", json!(1_772_323_200), "eventTime"),
        ("/eventType", json!("FINISHED"), "eventType"),
        ("/producer", Value::Null, "producer"),
        ("/schemaURL", Value::Null, "schemaURL"),
        ("/run/runId", json!("42"), "run.runId"),
        ("/run/runId", Value::Null, "run.runId"),
        ("/run", json!([]), "run"),
        ("/job", Value::Null, "job"),
        ("/job/name", Value::Null, "job.name"),
        ("/job/name", json!(""), "job.name"),
        ("/job/namespace", json!("a\nb"), "job.namespace"),
        ("/inputs", json!({}), "inputs"),
        ("/inputs/1", json!("a"), "inputs[1]"),
        ("/inputs/1/namespace", Value::Null, "inputs[1].namespace"),
        ("/inputs/1/name", json!("x".repeat(1_030)), "inputs[1].name"),
        ("/outputs/0/facets", json!([1]), "outputs[0].facets"),
        (
            "/outputs/0/facets",
            json!({ "mine": 3 }),
            "outputs[0].facets.mine",
        ),
        (
            "/outputs/0/facets",
            json!({ "version": { "datasetVersion": 3 } }),
            "outputs[0].facets.version.datasetVersion",
        ),
        (
            "/inputs/2/facets/schema/fields/0/name",
            Value::Null,
            "inputs[2].facets.schema.fields[0].name",
        ),
        (
            "/inputs/2/facets/schema/fields",
            json!("none"),
            "inputs[2].facets.schema.fields",
        ),
        (
            "/run/facets/parent/run/runId",
            json!("x"),
            "run.facets.parent.run.runId",
        ),
        (
            "/run/facets/parent/job",
            Value::Null,
            "run.facets.parent.job",
        ),
        (
            "/run/facets/parent/_producer",
            json!(1),
            "run.facets.parent._producer",
        ),
    ];
    for (pointer, value, field) in corpus {
        let answer = cluster.offer(&with(pointer, value.clone())).await;
        assert_eq!(answer.status, 400, "{pointer} {value}: {}", answer.body);
        assert_eq!(answer.fields(), [field], "{}", answer.body);
    }
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let cluster = Cluster::start().await;
    for text in [
        "",
        "nonsense",
        "[]",
        "null",
        "{\"eventTime\":",
        "{} {}",
        "\u{feff}{}",
    ] {
        let request = cluster.post("/api/v1/lineage").body(text);
        let answer = cluster.send(request).await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.body);
        assert_eq!(answer.fields().len(), 1);
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let answer = cluster
        .send(cluster.post("/api/v1/lineage").body(deep))
        .await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn everything_wrong_with_facets_is_told_at_once() {
    let cluster = Cluster::start().await;
    let mut wrong = event("COMPLETE", 1, 0, &["a"], &["b"]);
    wrong["inputs"][0]["facets"] = json!({ "tags": { "tags": [{ "key": "pii" }] } });
    wrong["outputs"][0]["facets"] = json!({ "storage": {}, "mine": true });
    let answer = cluster.offer(&wrong).await;
    let expected = [
        "inputs[0].facets.tags.tags[0].value",
        "outputs[0].facets.mine",
        "outputs[0].facets.storage.storageLayer",
    ];
    assert_eq!(answer.fields(), expected);
}
