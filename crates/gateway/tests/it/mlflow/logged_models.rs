//! Logged models as MLflow's clients make, find and end them.

use http::Method;
use serde_json::{Value, json};

use super::{Door, PROXY};

async fn create(door: &Door, name: &str, run: &str) -> Value {
    let body = json!({
        "experiment_id": "0", "name": name, "model_type": "agent", "source_run_id": run,
        "params": [{"key": "lr", "value": "0.1"}], "tags": [{"key": "team", "value": "risk"}],
    });
    let (status, made) = door.call(Method::POST, "logged-models", body).await;
    assert_eq!(status, 200, "{made}");
    made["model"].clone()
}

#[tokio::test]
async fn a_model_is_created_filled_finalized_and_deleted() {
    let door = Door::start().await;
    let run = door.run().await;
    let made = create(&door, "fraud", &run).await;
    let id = made["info"]["model_id"].as_str().unwrap().to_owned();
    let root = format!("0/models/{id}/artifacts");
    assert_eq!(
        made["info"]["artifact_uri"],
        format!("mlflow-artifacts:/{root}")
    );
    assert_eq!(made["info"]["status"], "LOGGED_MODEL_PENDING");
    assert_eq!(made["info"]["experiment_id"], "0");
    assert_eq!(made["info"]["source_run_id"], run);
    assert!(made["info"]["creation_timestamp_ms"].is_i64());
    assert_eq!(
        made["data"]["params"],
        json!([{"key": "lr", "value": "0.1"}])
    );

    assert_eq!(door.put(&format!("{root}/MLmodel"), b"flavors:").await, 200);
    assert_eq!(door.put(&format!("{root}/data/x"), b"1").await, 200);
    let list = format!("/api/2.0/mlflow/logged-models/{id}/artifacts/directories");
    let (_, listed) = door.get(&list).await;
    assert_eq!(listed["root_uri"], format!("mlflow-artifacts:/{root}"));
    assert_eq!(
        listed["files"][0],
        json!({"path": "MLmodel", "is_dir": false, "file_size": 8})
    );
    let (_, listed) = door
        .get(&format!("{list}?artifact_directory_path=data"))
        .await;
    assert_eq!(listed["files"][0]["path"], "data/x");
    let (_, listed) = door.get(&format!("{PROXY}?path={root}")).await;
    assert_eq!(listed["files"][1], json!({"path": "data", "is_dir": true}));

    let path = format!("logged-models/{id}");
    let ready = json!({"model_id": id, "status": "LOGGED_MODEL_READY"});
    let (_, model) = door.call(Method::PATCH, &path, ready).await;
    assert_eq!(model["model"]["info"]["status"], "LOGGED_MODEL_READY");
    let wrong = json!({"status": "DONE"});
    let (status, _) = door.call(Method::PATCH, &path, wrong).await;
    assert_eq!(status, 400);

    let (status, _) = door.call(Method::DELETE, &path, json!({})).await;
    assert_eq!(status, 200);
    let (status, error) = door.get(&format!("/api/2.0/mlflow/{path}")).await;
    assert_eq!(status, 404);
    assert_eq!(
        error["message"],
        format!("Logged model with ID '{id}' not found.")
    );
    let tag = format!("{path}/tags/team");
    let (status, error) = door.call(Method::DELETE, &tag, json!({})).await;
    let code = &error["error_code"];
    assert_eq!((status, code), (404, &json!("RESOURCE_DOES_NOT_EXIST")));
    let (status, _) = door
        .get(&format!("/api/2.0/mlflow/{path}?allow_deleted=true"))
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn tags_and_params_change_as_they_do_there() {
    let door = Door::start().await;
    let run = door.run().await;
    let made = create(&door, "fraud", &run).await;
    let path = format!(
        "logged-models/{}",
        made["info"]["model_id"].as_str().unwrap()
    );
    let tags = json!({"tags": [{"key": "team", "value": "ads"}, {"key": "a/b", "value": ""}]});
    let (status, body) = door
        .call(Method::PATCH, &format!("{path}/tags"), tags)
        .await;
    assert_eq!((status, body), (200, json!({})));
    let params = json!({"params": [{"key": "depth", "value": "3"}]});
    let (status, _) = door
        .call(Method::POST, &format!("{path}/params"), params)
        .await;
    assert_eq!(status, 200);
    let other = json!({"params": [{"key": "depth", "value": "4"}]});
    let (status, error) = door
        .call(Method::POST, &format!("{path}/params"), other)
        .await;
    assert_eq!(
        (status, &error["error_code"]),
        (400, &json!("INVALID_PARAMETER_VALUE"))
    );
    let delete = format!("{path}/tags/team");
    let (status, _) = door.call(Method::DELETE, &delete, json!({})).await;
    assert_eq!(status, 200);
    let (status, error) = door.call(Method::DELETE, &delete, json!({})).await;
    assert_eq!(
        (status, &error["error_code"]),
        (404, &json!("RESOURCE_DOES_NOT_EXIST"))
    );
    let (_, model) = door.get(&format!("/api/2.0/mlflow/{path}")).await;
    assert_eq!(
        model["model"]["info"]["tags"],
        json!([{"key": "a/b", "value": ""}])
    );
    let params = json!([{"key": "depth", "value": "3"}, {"key": "lr", "value": "0.1"}]);
    assert_eq!(model["model"]["data"]["params"], params);
    let (status, _) = door
        .call(
            Method::POST,
            "logged-models",
            json!({"experiment_id": "0", "name": "a/b"}),
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn models_are_searched_in_pages() {
    let door = Door::start().await;
    let run = door.run().await;
    for name in ["a", "b", "c"] {
        create(&door, name, &run).await;
    }
    let names = |found: &Value| -> Vec<String> {
        let models = found["models"].as_array().cloned().unwrap_or_default();
        let name = |model: &Value| model["info"]["name"].as_str().unwrap().to_owned();
        models.iter().map(name).collect()
    };
    let search = json!({
        "experiment_ids": ["0"], "filter": "params.lr = 0.1 AND name != 'x'", "max_results": 2,
        "order_by": [{"field_name": "name", "ascending": true}],
    });
    let (_, first) = door
        .call(Method::POST, "logged-models/search", search.clone())
        .await;
    assert_eq!(names(&first), ["a", "b"]);
    let mut next = search;
    next["page_token"] = first["next_page_token"].clone();
    let (_, second) = door.call(Method::POST, "logged-models/search", next).await;
    assert_eq!(names(&second), ["c"]);
    assert!(second.get("next_page_token").is_none());
    for (wrong, what) in [
        (json!({}), "experiment_ids"),
        (
            json!({"experiment_ids": ["0"], "filter": "name ~ 'a'"}),
            "filter",
        ),
        (
            json!({"experiment_ids": ["0"], "order_by": [{"field_name": "params.x"}]}),
            "order by",
        ),
        (
            json!({"experiment_ids": ["0"], "datasets": [{"dataset_digest": "d"}]}),
            "dataset_name",
        ),
        (
            json!({"experiment_ids": ["0"], "page_token": "x"}),
            "page_token",
        ),
    ] {
        let (status, error) = door.call(Method::POST, "logged-models/search", wrong).await;
        let message = error["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(what), "{what}: {message}");
    }
}

#[tokio::test]
async fn what_a_run_made_is_noted_once() {
    let door = Door::start().await;
    let run = door.run().await;
    let made = create(&door, "fraud", &run).await;
    let body =
        json!({"run_id": run, "models": [{"model_id": made["info"]["model_id"], "step": "2"}]});
    for _ in 0..2 {
        let (status, _) = door.call(Method::POST, "runs/outputs", body.clone()).await;
        assert_eq!(status, 200);
    }
    let links: Vec<(bool, i64)> = sqlx::query_as("SELECT made, step FROM tracking.run_models")
        .fetch_all(door.database.pool())
        .await
        .unwrap();
    assert_eq!(links, [(true, 2)]);
    let none = json!({"run_id": run, "models": [{"model_id": format!("m-{}", "0".repeat(32))}]});
    let (status, _) = door.call(Method::POST, "runs/outputs", none).await;
    assert_eq!(status, 404);
}
