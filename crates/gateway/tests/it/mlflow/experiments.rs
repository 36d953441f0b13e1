//! Experiments as MLflow's clients make, find and change them.

use http::Method;
use serde_json::{Value, json};

use super::{Door, answer};

impl Door {
    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }

    /// What an endpoint answers that must not refuse.
    pub(super) async fn done(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// What an endpoint answers to fields in its query.
    pub(super) async fn asked(&self, path: &str) -> (u16, Value) {
        self.get(&format!("/api/2.0/mlflow/{path}")).await
    }

    pub(super) async fn experiment(&self, name: &str) -> String {
        let made = self.done("experiments/create", json!({"name": name})).await;
        made["experiment_id"].as_str().unwrap().to_owned()
    }
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (
        answer.0,
        answer.1["error_code"].as_str().unwrap_or_default(),
    )
}

#[tokio::test]
async fn the_default_is_there_from_the_start() {
    let door = Door::start().await;
    let (status, found) = door.asked("experiments/get?experiment_id=0").await;
    assert_eq!(status, 200);
    let experiment = found["experiment"].clone();
    assert!(experiment["creation_time"].is_i64() && experiment["last_update_time"].is_i64());
    let mut fields = experiment.as_object().unwrap().clone();
    fields.retain(|name, _| !name.ends_with("_time"));
    assert_eq!(
        Value::from(fields),
        json!({
            "experiment_id": "0", "name": "Default", "lifecycle_stage": "active",
            "artifact_location": "mlflow-artifacts:/0", "workspace": "default",
        })
    );

    let twin = "/ajax-api/3.0/mlflow/experiments/get?experiment_id=0";
    assert_eq!(door.get(twin).await, (200, found));
    let missing = door.asked("experiments/get?experiment_id=77").await;
    assert_eq!(code(&missing), (404, "RESOURCE_DOES_NOT_EXIST"));
}

#[tokio::test]
async fn an_experiment_is_made_found_changed_and_deleted() {
    let door = Door::start().await;
    let missing = door
        .asked("experiments/get-by-name?experiment_name=fraud")
        .await;
    assert_eq!(code(&missing), (404, "RESOURCE_DOES_NOT_EXIST"));
    let create = json!({
        "name": "fraud", "artifact_location": "s3://b/x", "tags": [{"key": "team", "value": "risk"}],
    });
    let made = door.done("experiments/create", create.clone()).await;
    assert_eq!(made, json!({"experiment_id": "1"}));
    let again = door.post("experiments/create", create).await;
    assert_eq!(code(&again), (400, "RESOURCE_ALREADY_EXISTS"));

    door.done(
        "experiments/update",
        json!({"experiment_id": "1", "new_name": "fraud 2"}),
    )
    .await;
    let tag = |key: &str, value: &str| json!({"experiment_id": "1", "key": key, "value": value});
    door.done("experiments/set-experiment-tag", tag("a", "1"))
        .await;
    door.done("experiments/delete-experiment-tag", tag("team", ""))
        .await;
    let gone = door
        .post("experiments/delete-experiment-tag", tag("team", ""))
        .await;
    assert_eq!(code(&gone), (404, "RESOURCE_DOES_NOT_EXIST"));
    let (_, found) = door
        .asked("experiments/get-by-name?experiment_name=fraud%202")
        .await;
    assert_eq!(
        found["experiment"]["tags"],
        json!([{"key": "a", "value": "1"}])
    );
    assert_eq!(found["experiment"]["artifact_location"], "s3://b/x");

    door.done("experiments/delete", json!({"experiment_id": "1"}))
        .await;
    let (_, found) = door.asked("experiments/get?experiment_id=1").await;
    assert_eq!(found["experiment"]["lifecycle_stage"], "deleted");
    let by_name = "experiments/get-by-name?experiment_name=fraud%202";
    assert_eq!(door.asked(by_name).await, (200, found));
    let refused = door
        .post("runs/create", json!({"experiment_id": "1"}))
        .await;
    assert_eq!(code(&refused), (400, "INVALID_PARAMETER_VALUE"));
    door.done("experiments/restore", json!({"experiment_id": "1"}))
        .await;
    // Its name is free while it is deleted.
    door.done("experiments/delete", json!({"experiment_id": "1"}))
        .await;
    assert_eq!(door.experiment("fraud 2").await, "2");
    let (_, found) = door.asked(by_name).await;
    assert_eq!(found["experiment"]["experiment_id"], "2");
    let taken = door
        .post("experiments/restore", json!({"experiment_id": "1"}))
        .await;
    assert_eq!(code(&taken), (400, "RESOURCE_ALREADY_EXISTS"));
    let default = door
        .post("experiments/delete", json!({"experiment_id": "0"}))
        .await;
    assert_eq!(code(&default), (400, "INVALID_PARAMETER_VALUE"));
}

#[tokio::test]
async fn what_is_missing_or_of_another_type_is_named() {
    let door = Door::start().await;
    for (path, body, says) in [
        (
            "experiments/create",
            json!({}),
            "Missing value for required parameter 'name'",
        ),
        (
            "experiments/create",
            json!({"name": ""}),
            "Missing value for required parameter 'name'",
        ),
        (
            "experiments/create",
            json!({"name": 3}),
            "Invalid value 3 for parameter 'name' supplied",
        ),
        (
            "experiments/delete",
            json!({"experiment_id": [1]}),
            "Invalid value [1] for parameter 'experiment_id' supplied",
        ),
        ("runs/search", json!({"max_results": 50_001}), "max_results"),
        (
            "runs/search",
            json!({"max_results": "x"}),
            "Invalid value \"x\" for parameter 'max_results'",
        ),
    ] {
        let refused = door.post(path, body).await;
        assert_eq!(code(&refused), (400, "INVALID_PARAMETER_VALUE"));
        let message = refused.1["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    let refused = door.asked("experiments/get").await;
    assert_eq!(code(&refused), (400, "INVALID_PARAMETER_VALUE"));
    let request = door.request(Method::POST, "/api/2.0/mlflow/experiments/create");
    let (status, refused) = answer(request.body("{\"name\"")).await;
    assert_eq!(
        (status, &refused["error_code"]),
        (400, &json!("INVALID_PARAMETER_VALUE"))
    );
}

#[tokio::test]
async fn experiments_are_searched_page_by_page() {
    let door = Door::start().await;
    for name in ["a", "b", "c"] {
        door.experiment(name).await;
    }
    let names = |found: &Value| {
        let experiments = found["experiments"].as_array().cloned().unwrap_or_default();
        let names = experiments
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let mut search = json!({"max_results": 3, "order_by": ["name DESC"], "filter": "name != 'b'"});
    let first = door.done("experiments/search", search.clone()).await;
    assert_eq!(names(&first), ["c", "a", "Default"]);
    assert!(first.get("next_page_token").is_none());
    search["max_results"] = json!(2);
    let first = door.done("experiments/search", search.clone()).await;
    search["page_token"] = first["next_page_token"].clone();
    let second = door.done("experiments/search", search).await;
    assert_eq!(names(&second), ["Default"]);

    let (_, newest) = door
        .asked("experiments/search?max_results=2&view_type=ALL")
        .await;
    assert_eq!(names(&newest), ["c", "b"]);
    let refused = door
        .post("experiments/search", json!({"filter": "name > 'x'"}))
        .await;
    assert_eq!(code(&refused), (400, "INVALID_PARAMETER_VALUE"));
}

#[tokio::test]
async fn of_those_who_create_one_name_at_once_one_does_and_all_find_it() {
    let door = std::sync::Arc::new(Door::start().await);
    let workers = (0..16).map(|_| {
        let door = door.clone();
        tokio::spawn(async move {
            let (status, _) = door
                .asked("experiments/get-by-name?experiment_name=new")
                .await;
            assert!([200, 404].contains(&status));
            let made = door
                .post("experiments/create", json!({"name": "new"}))
                .await;
            let (_, found) = door
                .asked("experiments/get-by-name?experiment_name=new")
                .await;
            let id = found["experiment"]["experiment_id"]
                .as_str()
                .unwrap()
                .to_owned();
            (code(&made).0, id)
        })
    });
    let mut made = 0;
    let workers: Vec<_> = workers.collect();
    for worker in workers {
        let (status, id) = worker.await.unwrap();
        made += usize::from(status == 200);
        assert!([200, 400].contains(&status));
        assert_eq!(id, "1");
    }
    assert_eq!(made, 1);
}
