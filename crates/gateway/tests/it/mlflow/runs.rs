//! Runs as MLflow's clients make, fill, read and end them.

use http::Method;
use serde_json::{Value, json};

use super::{Door, answer};

impl Door {
    pub(super) async fn made(&self, body: Value) -> Value {
        self.done("runs/create", body).await["run"].clone()
    }

    pub(super) async fn whole(&self, id: &str) -> Value {
        let (status, found) = self
            .asked(&format!("runs/get?run_uuid={id}&run_id={id}"))
            .await;
        assert_eq!(status, 200, "{found}");
        found["run"].clone()
    }
}

pub(super) fn id_of(run: &Value) -> String {
    run["info"]["run_id"].as_str().unwrap().to_owned()
}

/// The value of a tag, a param or a metric.
pub(super) fn value<'a>(run: &'a Value, of: &str, key: &str) -> &'a Value {
    let pairs = run["data"][of].as_array().map_or(&[][..], Vec::as_slice);
    let found = pairs.iter().find(|pair| pair["key"] == key);
    found.map_or(&Value::Null, |pair| &pair["value"])
}

#[tokio::test]
async fn a_new_run_is_told_field_by_field() {
    let door = Door::start().await;
    let run = door
        .made(json!({
            "experiment_id": "0", "user_id": "ana", "run_name": "first", "start_time": 1_700_000_000_123_i64,
            "tags": [{"key": "mlflow.user", "value": "ana"}],
        }))
        .await;
    let id = id_of(&run);
    assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()));
    let expected = json!({
        "info": {
            "run_uuid": id, "run_id": id, "experiment_id": "0", "run_name": "first", "user_id": "ana",
            "status": "RUNNING", "start_time": 1_700_000_000_123_i64, "lifecycle_stage": "active",
            "artifact_uri": format!("mlflow-artifacts:/0/{id}/artifacts"),
        },
        "data": {"tags": [
            {"key": "mlflow.runName", "value": "first"}, {"key": "mlflow.user", "value": "ana"},
        ]},
        "inputs": {},
    });
    assert_eq!(run, expected);
    let mut expected = expected;
    expected["outputs"] = json!({});
    assert_eq!(door.whole(&id).await, expected);
}

#[tokio::test]
async fn what_is_logged_reads_back_as_it_was_written() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({"experiment_id": "0"})).await);
    let batch = json!({
        "run_id": id,
        "params": [{"key": "lr", "value": "1e-05"}, {"key": "n", "value": "None"}],
        "tags": [{"key": "t", "value": " spaced "}],
        "metrics": [
            {"key": "loss", "value": 0.5, "timestamp": 10, "step": 1},
            {"key": "loss", "value": "NaN", "timestamp": 20, "step": 2},
            {"key": "up", "value": "Infinity", "timestamp": "30", "step": "-3"},
            {"key": "down", "value": "-Infinity", "timestamp": 30},
        ],
    });
    assert_eq!(door.done("runs/log-batch", batch).await, json!({}));
    let metric = json!({"run_uuid": id, "run_id": id, "key": "acc", "value": 1, "timestamp": 5});
    door.done("runs/log-metric", metric).await;
    door.done("runs/log-parameter", json!({"run_id": id, "key": "p"}))
        .await;
    door.done(
        "runs/set-tag",
        json!({"run_id": id, "key": "t2", "value": "x"}),
    )
    .await;
    let run = door.whole(&id).await;
    assert_eq!(value(&run, "params", "lr"), "1e-05");
    assert_eq!(value(&run, "params", "p"), "");
    assert_eq!(value(&run, "tags", "t"), " spaced ");
    assert_eq!(value(&run, "tags", "t2"), "x");
    assert_eq!(value(&run, "metrics", "acc"), 1.0);
    let metrics = run["data"]["metrics"].as_array().unwrap();
    assert!(metrics.contains(&json!({"key": "loss", "value": "NaN", "timestamp": 20, "step": 2})));
    assert!(
        metrics.contains(&json!({"key": "up", "value": "Infinity", "timestamp": 30, "step": -3}))
    );
    assert!(
        metrics.contains(&json!({"key": "down", "value": "-Infinity", "timestamp": 30, "step": 0}))
    );

    let changed = json!({"run_id": id, "key": "lr", "value": "2"});
    let (status, refused) = door.post("runs/log-parameter", changed).await;
    let message = format!(
        "Changing param values is not allowed. Param with key='lr' was already logged with value='1e-05' for run \
         ID='{id}'. Attempted logging new value '2'."
    );
    assert_eq!(status, 400);
    assert_eq!(
        refused,
        json!({"error_code": "INVALID_PARAMETER_VALUE", "message": message})
    );
    // The same value again is fine.
    door.done(
        "runs/log-parameter",
        json!({"run_id": id, "key": "lr", "value": "1e-05"}),
    )
    .await;

    door.done("runs/delete-tag", json!({"run_id": id, "key": "t"}))
        .await;
    let (status, _) = door
        .post("runs/delete-tag", json!({"run_id": id, "key": "t"}))
        .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn nothing_of_a_batch_is_kept_if_a_param_of_it_is_refused() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({})).await);
    door.done(
        "runs/log-parameter",
        json!({"run_id": id, "key": "a", "value": "1"}),
    )
    .await;
    let batch = json!({
        "run_id": id, "params": [{"key": "b", "value": "1"}, {"key": "a", "value": "2"}],
        "tags": [{"key": "t", "value": "1"}],
        "metrics": [{"key": "m", "value": 1, "timestamp": 0, "step": 0}],
    });
    let (status, refused) = door.post("runs/log-batch", batch).await;
    assert_eq!(status, 400);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("'old_value': '1'"),
        "{refused}"
    );
    let data = &door.whole(&id).await["data"];
    assert_eq!(data["params"], json!([{"key": "a", "value": "1"}]));
    assert!(data.get("metrics").is_none(), "{data}");
    assert!(!data["tags"].to_string().contains("\"t\""), "{data}");
}

#[tokio::test]
async fn tags_set_the_fields_that_runs_have_for_them() {
    let door = Door::start().await;
    let parent = id_of(&door.made(json!({})).await);
    let run = door
        .made(json!({"tags": [
            {"key": "mlflow.parentRunId", "value": parent},
            {"key": "mlflow.source.git.commit", "value": "abc"},
            {"key": "mlflow.note.content", "value": "# why"},
        ]}))
        .await;
    let id = id_of(&run);
    assert!(!run["info"]["run_name"].as_str().unwrap().is_empty());
    assert_eq!(
        value(&run, "tags", "mlflow.runName"),
        &run["info"]["run_name"]
    );
    let filter = format!("tags.mlflow.parentRunId = '{parent}'");
    let found = door
        .done(
            "runs/search",
            json!({"experiment_ids": ["0"], "filter": filter}),
        )
        .await;
    assert_eq!(id_of(&found["runs"][0]), id);

    let tag = |key: &str, value: &str| json!({"run_id": id, "key": key, "value": value});
    door.done("runs/set-tag", tag("mlflow.runName", "renamed"))
        .await;
    let run = door.whole(&id).await;
    assert_eq!(run["info"]["run_name"], "renamed");
    assert_eq!(value(&run, "tags", "mlflow.note.content"), "# why");
    let update = json!({"run_id": id, "run_name": "again", "status": "FINISHED", "end_time": 1_700_000_000_001_i64});
    let updated = door.done("runs/update", update).await;
    assert_eq!(updated["run_info"]["status"], "FINISHED");
    assert_eq!(updated["run_info"]["end_time"], 1_700_000_000_001_i64);
    assert_eq!(
        value(&door.whole(&id).await, "tags", "mlflow.runName"),
        "again"
    );
    door.done("runs/delete-tag", tag("mlflow.note.content", ""))
        .await;
    assert_eq!(
        value(&door.whole(&id).await, "tags", "mlflow.note.content"),
        &Value::Null
    );

    let both = json!({"run_name": "a", "tags": [{"key": "mlflow.runName", "value": "b"}]});
    let (status, _) = door.post("runs/create", both).await;
    assert_eq!(status, 400);
    // A parent of another server is a tag, and no more.
    let strange = json!({"tags": [{"key": "mlflow.parentRunId", "value": "0".repeat(32)}]});
    let run = door.made(strange).await;
    assert_eq!(
        value(&run, "tags", "mlflow.parentRunId"),
        &json!("0".repeat(32))
    );
}

#[tokio::test]
async fn what_is_said_bit_by_bit_of_the_code_is_put_together() {
    let door = Door::start().await;
    let run = door
        .made(json!({"tags": [
            {"key": "mlflow.source.name", "value": "train.py"},
            {"key": "mlflow.source.git.repoURL", "value": "https://example.com/r.git"},
        ]}))
        .await;
    let id = id_of(&run);
    let commit = json!({"run_id": id, "key": "git_commit", "value": "abc"});
    door.done("runs/log-parameter", commit).await;
    let source = door.native(&id).await.source.unwrap();
    assert_eq!(
        (
            source.entry_point.as_str(),
            source.commit.as_str(),
            source.repository.is_empty()
        ),
        ("train.py", "abc", false)
    );
}

#[tokio::test]
async fn a_deleted_run_takes_nothing_until_it_is_restored() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({})).await);
    door.done("runs/delete", json!({"run_id": id})).await;
    assert_eq!(door.whole(&id).await["info"]["lifecycle_stage"], "deleted");
    for (path, body) in [
        (
            "runs/log-metric",
            json!({"run_id": id, "key": "a", "value": 1, "timestamp": 1}),
        ),
        (
            "runs/set-tag",
            json!({"run_id": id, "key": "a", "value": "1"}),
        ),
        ("runs/update", json!({"run_id": id, "status": "FAILED"})),
        ("runs/delete-tag", json!({"run_id": id, "key": "a"})),
    ] {
        let (status, refused) = door.post(path, body).await;
        assert_eq!(
            (status, &refused["error_code"]),
            (400, &json!("INVALID_PARAMETER_VALUE"))
        );
        let says = format!("The run {id} must be in the 'active' state. Current state is deleted.");
        assert_eq!(refused["message"], says);
    }
    door.done("runs/restore", json!({"run_id": id})).await;
    door.done(
        "runs/set-tag",
        json!({"run_id": id, "key": "a", "value": "1"}),
    )
    .await;
    let none = "f".repeat(32);
    let (status, missing) = door.asked(&format!("runs/get?run_id={none}")).await;
    assert_eq!(
        (status, &missing["error_code"]),
        (404, &json!("RESOURCE_DOES_NOT_EXIST"))
    );
    assert_eq!(missing["message"], format!("Run with id={none} not found"));
}

#[tokio::test]
async fn more_than_a_batch_may_have_is_refused() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({})).await);
    let pairs = |count: usize| {
        let pair = |n: usize| json!({"key": format!("k{n}"), "value": "v"});
        Value::from((0..count).map(pair).collect::<Vec<_>>())
    };
    let points = |count: usize| {
        let point = |n: usize| json!({"key": "m", "value": n, "timestamp": 1, "step": n});
        Value::from((0..count).map(point).collect::<Vec<_>>())
    };
    for (batch, says) in [
        (
            json!({"run_id": id, "metrics": points(1_001)}),
            "at most 1000 metrics. Got 1001 metrics.",
        ),
        (
            json!({"run_id": id, "params": pairs(101)}),
            "at most 100 params. Got 101 params.",
        ),
        (
            json!({"run_id": id, "tags": pairs(101)}),
            "at most 100 tags. Got 101 tags.",
        ),
        (
            json!({"run_id": id, "metrics": points(950), "tags": pairs(51)}),
            "at most 1000 metrics, params, and tags. Got 1001",
        ),
        (
            json!({"run_id": id, "params": [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]}),
            "Duplicate parameter keys have been submitted: ['a']",
        ),
        (
            json!({"run_id": id, "params": [{"key": "a//b"}]}),
            "Invalid value \"a//b\" for parameter 'params[0].key' supplied",
        ),
        (
            json!({"run_id": id, "tags": [{"key": "a,b"}]}),
            "Names may only contain alphanumerics",
        ),
        (
            json!({"run_id": id, "metrics": [{"key": "a", "timestamp": 1}]}),
            "Missing value for required parameter 'metrics[0].value'",
        ),
        (
            json!({"run_id": id, "metrics": [{"key": "a", "timestamp": -1, "value": 1}]}),
            "Timestamp must be a nonnegative long",
        ),
        (
            json!({"metrics": []}),
            "Missing value for required parameter 'run_id'",
        ),
    ] {
        let (status, refused) = door.post("runs/log-batch", batch).await;
        assert_eq!(
            (status, &refused["error_code"]),
            (400, &json!("INVALID_PARAMETER_VALUE"))
        );
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    let long = json!({"run_id": id, "params": [{"key": "long", "value": "é".repeat(7_000)}]});
    door.done("runs/log-batch", long).await;
    let run = door.whole(&id).await;
    let kept = value(&run, "params", "long").as_str().unwrap();
    assert!(
        kept.chars().all(|c| c == 'é') && kept.chars().count() == 4_096,
        "{}",
        kept.len()
    );
}

#[tokio::test]
async fn the_field_that_is_wrong_is_named() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({})).await);
    for (path, body, says) in [
        (
            "runs/log-metric",
            json!({"run_id": 31, "key": "m", "value": 41, "timestamp": 59}),
            "Invalid value 31 for parameter 'run_id' supplied",
        ),
        (
            "runs/log-metric",
            json!({"run_id": id, "key": "m", "value": 41, "timestamp": 59, "step": "foo"}),
            "Invalid value \"foo\" for parameter 'step' supplied",
        ),
        (
            "runs/log-parameter",
            json!({"run_id": id, "key": 31, "value": 41}),
            "Invalid value 31 for parameter 'key' supplied",
        ),
        (
            "runs/set-tag",
            json!({"run_id": id, "key": "t", "value": 41}),
            "Invalid value 41 for parameter 'value' supplied",
        ),
        (
            "runs/update",
            json!({"run_id": id, "end_time": "soon"}),
            "Invalid value \"soon\" for parameter 'end_time' supplied",
        ),
        (
            "runs/log-inputs",
            json!({"run_id": id, "datasets": "x"}),
            "Invalid value \"x\" for parameter 'datasets' supplied",
        ),
        (
            "runs/set-tag",
            json!({"run_id": id, "value": "x"}),
            "Missing value for required parameter 'key'",
        ),
    ] {
        let (status, refused) = door.post(path, body).await;
        assert_eq!(status, 400);
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(says), "{path}: {message}");
    }
}

#[tokio::test]
async fn a_request_with_its_key_makes_one_run() {
    let door = Door::start().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = door.request(Method::POST, "/api/2.0/mlflow/runs/create");
        let request = request.header("content-type", "application/json");
        let (_, made) = answer(request.header("Idempotency-Key", "k1").body("{}")).await;
        ids.push(id_of(&made["run"]));
    }
    assert_eq!(ids[0], ids[1]);
    // Nothing tells these apart from two workers that start in one moment.
    let body = json!({"start_time": 5});
    assert_ne!(
        id_of(&door.made(body.clone()).await),
        id_of(&door.made(body).await)
    );
}
