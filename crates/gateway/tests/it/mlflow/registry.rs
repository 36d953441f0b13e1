//! The registry through MLflow's door: models, versions, prompts and webhooks.

use std::sync::Arc;

use herdbook_proto::registry::v1::{
    GetVersionRequest, Version, version_service_client::VersionServiceClient,
};
use herdbook_rpc::Role;
use http::Method;
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::Door;

impl Door {
    pub(super) async fn channel(&self) -> Channel {
        let channel = Channel::from_shared(self.address.clone()).unwrap();
        channel.connect().await.unwrap()
    }

    /// A model with so many versions, of a run.
    pub(super) async fn model(&self, name: &str, versions: usize) -> String {
        let (status, _) = self
            .post("registered-models/create", json!({"name": name}))
            .await;
        assert_eq!(status, 200);
        let run = self.run().await;
        for _ in 0..versions {
            let version = json!({"name": name, "source": "s3://bucket/model", "run_id": run});
            let (status, made) = self.post("model-versions/create", version).await;
            assert_eq!(
                (status, &made["model_version"]["status"]),
                (200, &json!("READY"))
            );
        }
        run
    }

    pub(super) async fn transition(&self, name: &str, version: &str, stage: &str) -> (u16, Value) {
        let body = json!({"name": name, "version": version, "stage": stage});
        self.post("model-versions/transition-stage", body).await
    }

    pub(super) async fn stage_of(&self, name: &str, version: i64) -> String {
        let (_, found) = self
            .asked(&format!("model-versions/get?name={name}&version={version}"))
            .await;
        let stage = found["model_version"]["current_stage"].as_str();
        stage.unwrap_or_default().to_owned()
    }
}

fn names(page: &Value) -> Vec<&str> {
    let models = page["registered_models"].as_array().map(Vec::as_slice);
    let models = models.unwrap_or_default().iter();
    models
        .map(|model| model["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn models_are_made_found_renamed_and_deleted() {
    let door = Door::start().await;
    let tags = json!([{"key": "team", "value": "risk"}]);
    let body = json!({"name": "fraud", "description": "finds it", "tags": tags});
    let (status, made) = door.post("registered-models/create", body.clone()).await;
    assert_eq!((status, &made["registered_model"]["tags"]), (200, &tags));
    let (status, refused) = door.post("registered-models/create", body).await;
    assert_eq!(
        (status, &refused["error_code"]),
        (400, &json!("RESOURCE_ALREADY_EXISTS"))
    );
    for n in 0..3 {
        let body = json!({"name": format!("m{n}"), "tags": [{"key": "n", "value": n.to_string()}]});
        door.post("registered-models/create", body).await;
    }
    let (_, page) = door.asked("registered-models/search?max_results=2").await;
    assert_eq!(names(&page), ["fraud", "m0"]);
    let token = page["next_page_token"].as_str().unwrap();
    let (_, page) = door
        .asked(&format!(
            "registered-models/search?max_results=2&page_token={token}"
        ))
        .await;
    assert_eq!(names(&page), ["m1", "m2"]);
    assert_eq!(page.get("next_page_token"), None);
    let (_, page) = door
        .asked("registered-models/search?filter=tags.n+%21%3D+%271%27&order_by=name+DESC")
        .await;
    assert_eq!(names(&page), ["m2", "m0"]);

    for (size, expected) in [("0", 200), ("-1", 200), ("1001", 400)] {
        let (status, page) = door
            .asked(&format!("registered-models/search?max_results={size}"))
            .await;
        assert_eq!((status, names(&page)), (expected, vec![]), "{size}");
    }

    let renamed = json!({"name": "m0", "new_name": "m9"});
    let (status, _) = door.post("registered-models/rename", renamed).await;
    assert_eq!(status, 200);
    let (status, gone) = door.asked("registered-models/get?name=m0").await;
    assert_eq!(
        (status, &gone["error_code"]),
        (404, &json!("RESOURCE_DOES_NOT_EXIST"))
    );
    // The fields of a deletion come in its body.
    let (status, answer) = door
        .call(
            Method::DELETE,
            "registered-models/delete",
            json!({"name": "m9"}),
        )
        .await;
    assert_eq!((status, answer), (200, json!({})));
    let (status, _) = door.asked("registered-models/get?name=m9").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn sources_must_name_what_is_given_with_them() {
    let door = Door::start().await;
    let run = door.model("m", 1).await;
    let source = format!("runs:/{run}/model");
    for (source, run_id, expected) in [
        (source.as_str(), run.as_str(), 200),
        (&source, "", 400),
        ("/tmp/model", &run, 400),
        ("s3://bucket/../model", "", 400),
        ("models:/m/1", "", 400),
        ("models:/m/1", &run, 200),
        ("models:/m/99", &run, 404),
        ("models:/m-0123", "", 400),
    ] {
        let body = json!({"name": "m", "source": source, "run_id": run_id});
        let (status, answer) = door.post("model-versions/create", body).await;
        assert_eq!(status, expected, "{source}: {answer}");
    }
    let uri = |version: i64| format!("model-versions/get-download-uri?name=m&version={version}");
    let (_, answer) = door.asked(&uri(2)).await;
    assert_eq!(answer["artifact_uri"], source);
    // The copy is read where what it is a copy of is read.
    let (_, answer) = door.asked(&uri(3)).await;
    assert_eq!(answer["artifact_uri"], "s3://bucket/model");
}

#[tokio::test]
async fn aliases_point_at_one_version_whoever_sets_them_at_once() {
    let door = Arc::new(Door::start().await);
    door.model("m", 4).await;
    let setting: Vec<_> = (1..=4)
        .map(|version| {
            let door = Arc::clone(&door);
            tokio::spawn(async move {
                let body = json!({"name": "m", "alias": "best", "version": version.to_string()});
                door.post("registered-models/alias", body).await.0
            })
        })
        .collect();
    for set in setting {
        assert_eq!(set.await.unwrap(), 200);
    }
    let (_, model) = door.asked("registered-models/get?name=m").await;
    let aliases = model["registered_model"]["aliases"].as_array().unwrap();
    assert_eq!(aliases.len(), 1);
    let (_, found) = door
        .asked("registered-models/alias?name=m&alias=best")
        .await;
    assert_eq!(found["model_version"]["version"], aliases[0]["version"]);
    assert_eq!(found["model_version"]["aliases"], json!(["best"]));
    let (_, found) = door
        .asked("registered-models/alias?name=m&alias=latest")
        .await;
    assert_eq!(found["model_version"]["version"], "4");
    let (status, missing) = door.asked("registered-models/alias?name=m&alias=zz").await;
    assert_eq!(
        (status, missing["message"].as_str().unwrap()),
        (400, "Registered model alias zz not found.")
    );
    for alias in ["latest", "v1"] {
        let body = json!({"name": "m", "alias": alias, "version": "1"});
        assert_eq!(door.post("registered-models/alias", body).await.0, 400);
    }
}

#[tokio::test]
async fn a_logged_model_says_as_which_versions_it_was_registered() {
    let door = Door::start().await;
    let experiment = door.experiment("e").await;
    let made = door
        .done("logged-models", json!({"experiment_id": experiment}))
        .await;
    let info = &made["model"]["info"];
    door.post("registered-models/create", json!({"name": "m"}))
        .await;
    for _ in 0..2 {
        let body =
            json!({"name": "m", "source": info["artifact_uri"], "model_id": info["model_id"]});
        let (status, made) = door.post("model-versions/create", body).await;
        assert_eq!(status, 200, "{made}");
    }
    let id = info["model_id"].as_str().unwrap();
    let (_, found) = door.asked(&format!("logged-models/{id}")).await;
    let tag = &found["model"]["info"]["tags"][0];
    // To the letter, as clients compare it.
    let expected = r#"[{"name": "m", "version": 1}, {"name": "m", "version": 2}]"#;
    assert_eq!(
        (&tag["key"], &tag["value"]),
        (&json!("mlflow.modelVersions"), &json!(expected))
    );
}

#[tokio::test]
async fn an_alias_may_be_called_like_a_stage_and_is_not_taken_for_it() {
    let door = Door::start().await;
    door.model("m", 2).await;
    assert_eq!(door.transition("m", "2", "Production").await.0, 200);
    for alias in ["production", "ünï"] {
        let body = json!({"name": "m", "alias": alias, "version": "1"});
        let (status, answer) = door.post("registered-models/alias", body).await;
        assert_eq!(status, 200, "{answer}");
    }
    let (_, found) = door
        .asked("registered-models/alias?name=m&alias=production")
        .await;
    assert_eq!(found["model_version"]["version"], "1");
    door.post("registered-models/create", json!({"name": "copies"}))
        .await;
    for (source, expected) in [
        ("models:/m@production", "models:/m/1"),
        ("models:/m@Production", "models:/m/2"),
        ("models:/m/production", "models:/m/2"),
        ("models:/m/latest", "models:/m/2"),
    ] {
        let body = json!({"name": "copies", "source": source});
        let (_, made) = door.post("model-versions/create", body).await;
        assert_eq!(made["model_version"]["source"], expected, "{source}");
    }
    for alias in ["Production", "12"] {
        let body = json!({"name": "m", "alias": alias, "version": "1"});
        let (status, refused) = door.post("registered-models/alias", body).await;
        assert_eq!(status, 400, "{refused}");
    }
}

#[tokio::test]
async fn a_run_of_elsewhere_is_kept_as_it_was_given() {
    let door = Door::start().await;
    let run = door.model("m", 1).await;
    for (source, run_id) in [("s3://bucket/model", "run_id_1"), ("runs:/r/model", "r")] {
        let body = json!({"name": "m", "source": source, "run_id": run_id});
        let (status, made) = door.post("model-versions/create", body).await;
        let version = &made["model_version"];
        assert_eq!(
            (status, &version["run_id"]),
            (200, &json!(run_id)),
            "{made}"
        );
        assert_eq!(version.get("tags"), None);
    }
    let body = json!({"name": "m", "source": "models:/m/2", "run_id": "run_id_1"});
    let (_, copied) = door.post("model-versions/create", body).await;
    assert_eq!(copied["model_version"]["run_id"], "run_id_1");
    for (filter, expected) in [
        ("run_id = 'run_id_1'".to_owned(), vec!["4", "2"]),
        (format!("run_id = '{run}'"), vec!["1"]),
        (format!("run_id IN ('r', '{run}')"), vec!["3", "1"]),
        ("run_id NOT IN ('r', 'run_id_1')".to_owned(), vec!["1"]),
        ("run_id != 'run_id_1'".to_owned(), vec!["3", "1"]),
    ] {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("filter", &filter)
            .append_pair("order_by", "version_number DESC")
            .finish();
        let (_, page) = door.asked(&format!("model-versions/search?{query}")).await;
        let found = page["model_versions"].as_array().unwrap().iter();
        let found: Vec<_> = found
            .map(|version| version["version"].as_str().unwrap())
            .collect();
        assert_eq!(found, expected, "{filter}");
    }
}

impl Door {
    async fn version(&self, name: &str, number: i64) -> Version {
        let mut versions = VersionServiceClient::new(self.channel().await);
        let reference = format!("{name}/{number}");
        let found = versions.get_version(GetVersionRequest { reference }).await;
        found.unwrap().into_inner().version.unwrap()
    }
}

#[tokio::test]
async fn flavor_and_schema_are_those_of_the_file_mlmodel_if_it_can_be_read_and_kept() {
    let door = Door::start().await;
    let run = door.run().await;
    let twice = r#"[{"type": "double", "name": "a"}, {"type": "double", "name": "a"}]"#;
    let written = [
        ("good", r#"[{"type": "double", "name": "age"}]"#.to_owned()),
        ("unkept", twice.to_owned()),
        ("long", "x".repeat(300 << 10)),
    ];
    for (folder, inputs) in written {
        let text = format!(
            "flavors:\n  python_function: {{}}\n  sklearn: {{}}\nsignature:\n  inputs: '{inputs}'\n"
        );
        let path = format!("0/{run}/artifacts/{folder}/MLmodel");
        assert_eq!(door.put(&path, text.as_bytes()).await, 200);
    }
    let path = format!("0/{run}/artifacts/none/weights");
    assert_eq!(door.put(&path, b"w").await, 200);
    door.post("registered-models/create", json!({"name": "m"}))
        .await;
    for source in [
        format!("runs:/{run}/good"),
        format!("mlflow-artifacts:/0/{run}/artifacts/unkept"),
        format!("runs:/{run}/long"),
        format!("runs:/{run}/none"),
        "models:/m/1".to_owned(),
    ] {
        let body = json!({"name": "m", "source": source, "run_id": run});
        let (status, made) = door.post("model-versions/create", body).await;
        assert_eq!(status, 200, "{source}: {made}");
    }
    for (number, flavor) in [(1, "sklearn"), (2, ""), (3, ""), (4, ""), (5, "sklearn")] {
        let version = door.version("m", number).await;
        assert_eq!(version.flavor, flavor, "{number}");
        let inputs = version.schema.map(|schema| schema.inputs[0].name.clone());
        let expected = (!flavor.is_empty()).then(|| "age".to_owned());
        assert_eq!(inputs, expected, "{number}");
        assert_eq!(version.files.len(), 1, "{number}");
    }
}

#[tokio::test]
async fn prompts_are_found_only_by_who_asks_for_them() {
    let door = Door::start().await;
    door.model("model", 1).await;
    let mark = json!([{"key": "mlflow.prompt.is_prompt", "value": "true"}]);
    let body = json!({"name": "greeting", "tags": mark});
    assert_eq!(door.post("registered-models/create", body).await.0, 200);
    let tags = json!([
        {"key": "mlflow.prompt.is_prompt", "value": "true"},
        {"key": "mlflow.prompt.text", "value": "x".repeat(100_000)}
    ]);
    let version = json!({"name": "greeting", "source": "dummy-source", "tags": tags});
    let (status, made) = door.post("model-versions/create", version).await;
    assert_eq!(status, 200, "{made}");
    let (_, page) = door.asked("registered-models/search").await;
    assert_eq!(names(&page), ["model"]);
    let prompts =
        "registered-models/search?filter=tags.%60mlflow.prompt.is_prompt%60+%3D+%27true%27";
    let (_, page) = door.asked(prompts).await;
    assert_eq!(names(&page), ["greeting"]);
    let (_, refused) = door
        .post("registered-models/create", json!({"name": "greeting"}))
        .await;
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("already taken by a prompt"), "{message}");
}

#[tokio::test]
async fn webhooks_are_kept_by_the_registry_and_their_secrets_shown_to_nobody() {
    let door = Door::start_as(Role::Admin).await;
    let body = json!({
        "name": "hook", "url": "http://127.0.0.1:9/x", "secret": "very-secret", "description": "d",
        "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}],
    });
    let (status, made) = door.post("webhooks", body).await;
    assert_eq!(status, 200, "{made}");
    assert!(!made.to_string().contains("secret"));
    let id = made["webhook"]["webhook_id"].as_str().unwrap();
    let (_, found) = door.asked(&format!("webhooks/{id}")).await;
    assert_eq!(found, made);
    let change = json!({"name": "hook2", "status": "DISABLED", "secret": "another"});
    let (status, changed) = door
        .call(Method::PATCH, &format!("webhooks/{id}"), change)
        .await;
    assert_eq!(status, 200, "{changed}");
    let webhook = &changed["webhook"];
    assert_eq!(
        (
            &webhook["name"],
            &webhook["status"],
            &webhook["description"]
        ),
        (&json!("hook2"), &json!("DISABLED"), &json!("d"))
    );
    let (_, tested) = door.post(&format!("webhooks/{id}/test"), json!({})).await;
    assert_eq!(tested["result"]["success"], false);
    let (_, page) = door.asked("webhooks").await;
    assert_eq!(page["webhooks"].as_array().unwrap().len(), 1);
    let (status, _) = door
        .call(Method::DELETE, &format!("webhooks/{id}"), json!({}))
        .await;
    assert_eq!(status, 200);
    let (status, _) = door.asked(&format!("webhooks/{id}")).await;
    assert_eq!(status, 404);
}
