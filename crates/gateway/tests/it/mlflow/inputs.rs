//! Data sets that runs read.

use serde_json::{Value, json};

use super::{Door, runs::id_of};

#[tokio::test]
async fn data_sets_of_experiments_are_told_once_for_each_use() {
    let door = Door::start().await;
    let input = |name: &str, context: &str| {
        json!({
            "tags": [{"key": "mlflow.data.context", "value": context}],
            "dataset": {"name": name, "digest": "d", "source_type": "s3", "source": "s"},
        })
    };
    for inputs in [
        json!([input("wine", "training"), input("beer", "test")]),
        json!([input("wine", "training"), input("wine", "test")]),
    ] {
        let id = id_of(&door.made(json!({})).await);
        door.done("runs/log-inputs", json!({"run_id": id, "datasets": inputs}))
            .await;
    }
    door.experiment("other").await;
    let summary = |name: &str, context: &str| json!({"experiment_id": "0", "name": name, "digest": "d", "context": context});
    let search = |ids: Value| {
        door.post(
            "experiments/search-datasets",
            json!({"experiment_ids": ids}),
        )
    };
    let summaries = json!({"dataset_summaries": [
        summary("beer", "test"), summary("wine", "test"), summary("wine", "training"),
    ]});
    assert_eq!(search(json!(["0", "1"])).await, (200, summaries));
    assert_eq!(search(json!(["1"])).await, (200, json!({})));
    for (ids, says) in [
        (
            json!([]),
            "SearchDatasets request must specify at least one experiment_id.",
        ),
        (
            json!(vec!["1"; 21]),
            "SearchDatasets request cannot specify more than",
        ),
    ] {
        let (status, refused) = search(ids).await;
        assert_eq!(status, 400);
        assert!(
            refused["message"].as_str().unwrap().contains(says),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn inputs_read_back_with_source_tags_and_schema() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({})).await);
    let input = json!({
        "tags": [{"key": "mlflow.data.context", "value": "training"}],
        "dataset": {
            "name": "wine", "digest": "a1b2", "source_type": "s3", "source": "{\"uri\": \"s3://b/wine.csv\"}",
            "schema": "{\"mlflow_colspec\": []}", "profile": "{\"num_rows\": 3}",
        },
    });
    let body = json!({"run_id": id, "datasets": [input]});
    door.done("runs/log-inputs", body.clone()).await;
    door.done("runs/log-inputs", body).await;
    assert_eq!(
        door.whole(&id).await["inputs"],
        json!({"dataset_inputs": [input]})
    );
    for (filter, found) in [
        ("dataset.name = 'wine'", 1),
        ("datasets.context = 'training'", 1),
        ("datasets.digest IN ('a1b2', 'x')", 1),
        ("datasets.name NOT IN ('wine')", 0),
        ("datasets.context LIKE 'test%'", 0),
    ] {
        let search = json!({"experiment_ids": ["0"], "filter": filter});
        let runs = door.done("runs/search", search).await;
        let count = runs["runs"].as_array().map_or(0, Vec::len);
        assert_eq!(count, found, "{filter}");
    }
    let wrong = json!({"run_id": id, "datasets": [{"dataset": {"name": "x"}}]});
    let (status, refused) = door.post("runs/log-inputs", wrong).await;
    assert_eq!(status, 400);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("datasets[0].dataset.digest")
    );
}
