//! Who calls, and in which workspace, with real tokens.

use herdbook_access::{Access, AuthMode, bootstrap_admin_token};
use herdbook_rpc::RoutesBuilder;
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{Door, answer, database};

impl Door {
    /// A door as the binary has it, and a token of an admin.
    async fn guarded(mode: AuthMode) -> (Self, String) {
        let database = database().await;
        let access = Access::start(&database, mode).await.unwrap();
        let token = bootstrap_admin_token(&database).await.unwrap();
        let mut routes = RoutesBuilder::default();
        access.register(&mut routes);
        let (knows, signs) = (access.authenticator(), access.assertions());
        let door = Self::over(&database, knows, signs, Some(routes)).await;
        (door, token)
    }

    fn create(&self) -> RequestBuilder {
        let request = self.request(Method::POST, "/api/2.0/mlflow/runs/create");
        request
            .header("content-type", "application/json")
            .body("{}")
    }
}

fn tag_of<'a>(run: &'a Value, key: &str) -> Option<&'a str> {
    let tags = run["data"]["tags"].as_array()?;
    tags.iter().find(|tag| tag["key"] == key)?["value"].as_str()
}

#[tokio::test]
async fn a_token_is_a_password_or_a_bearers() {
    let (door, token) = Door::guarded(AuthMode::Required).await;
    let refused = door.create().send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(
        refused.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic")
    );
    let said: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(said["error_code"], "UNAUTHENTICATED");

    let (status, made) = answer(door.create().bearer_auth(&token)).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["run"]["info"]["user_id"], "admin");
    // Whose the token is, it says itself.
    let (status, made) = answer(door.create().basic_auth("anybody", Some(&token))).await;
    assert_eq!(
        (status, &made["run"]["info"]["user_id"]),
        (200, &json!("admin"))
    );
    let body = r#"{"user_id": "mallory", "tags": [{"key": "mlflow.user", "value": "root"}]}"#;
    let (_, made) = answer(door.create().bearer_auth(&token).body(body)).await;
    assert_eq!(made["run"]["info"]["user_id"], "admin");
    assert_eq!(tag_of(&made["run"], "mlflow.user"), Some("root"));
    let (_, made) = answer(
        door.create()
            .bearer_auth(&token)
            .body(r#"{"user_id": "ana"}"#),
    )
    .await;
    assert_eq!(tag_of(&made["run"], "mlflow.user"), Some("ana"));
    for wrong in [
        door.create().bearer_auth("hbk_wrong"),
        door.create().basic_auth(&token, Some("")),
        door.create().header("authorization", "Basic !"),
        door.create().header("authorization", "Digest x"),
    ] {
        assert_eq!(answer(wrong).await.0, 401);
    }
    let elsewhere = door
        .create()
        .bearer_auth(&token)
        .header("X-MLFLOW-WORKSPACE", "risk");
    let (status, said) = answer(elsewhere).await;
    assert_eq!(
        (status, &said["error_code"]),
        (404, &json!("RESOURCE_DOES_NOT_EXIST"))
    );
    let (status, _) = answer(door.request(Method::GET, "/health")).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn workspaces_are_made_listed_and_called_by_path_and_header() {
    let (door, _) = Door::guarded(AuthMode::Local).await;
    let list = "/api/3.0/mlflow/workspaces";
    let create = || {
        let request = door.request(Method::POST, list);
        let request = request.header("content-type", "application/json");
        answer(request.body(json!({"name": "risk", "description": "x"}).to_string()))
    };
    let (status, made) = create().await;
    assert_eq!(
        (status, &made),
        (
            201,
            &json!({"workspace": {"name": "risk", "description": "x"}})
        )
    );
    let (status, taken) = create().await;
    assert_eq!(
        (status, &taken["error_code"]),
        (400, &json!("RESOURCE_ALREADY_EXISTS"))
    );
    let (_, listed) = door.get(list).await;
    let names: Vec<&str> = listed["workspaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"default") && names.contains(&"risk"),
        "{listed}"
    );
    assert_eq!(door.get(&format!("{list}/risk")).await.1, made);
    assert_eq!(door.get(&format!("{list}/none")).await.0, 404);
    let delete = door.request(Method::DELETE, &format!("{list}/risk"));
    assert_eq!(answer(delete).await.0, 501);

    let request = door.request(Method::POST, "/w/risk/api/2.0/mlflow/experiments/create");
    let request = request.header("content-type", "application/json");
    assert_eq!(answer(request.body(r#"{"name": "theirs"}"#)).await.0, 200);
    let by_name = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=theirs";
    assert_eq!(door.get(by_name).await.0, 404);
    assert_eq!(door.get(&format!("/w/risk{by_name}")).await.0, 200);
    let request = door
        .request(Method::GET, by_name)
        .header("X-MLFLOW-WORKSPACE", "risk");
    assert_eq!(answer(request).await.0, 200);
    assert_eq!(door.get(&format!("/w/none{by_name}")).await.0, 404);
    let default = "/w/risk/api/2.0/mlflow/experiments/get?experiment_id=0";
    assert_eq!(door.get(default).await.1["experiment"]["name"], "Default");
}

#[tokio::test]
async fn what_herdbook_does_not_have_is_told_in_a_sentence() {
    let (door, _) = Door::guarded(AuthMode::Local).await;
    for (method, path) in [
        (Method::POST, "/api/3.0/mlflow/traces"),
        (Method::GET, "/api/3.0/mlflow/traces/tr-1/x"),
        (Method::POST, "/api/3.0/mlflow/datasets/create"),
        (Method::POST, "/api/3.0/mlflow/scorers/register"),
        (Method::POST, "/v1/traces"),
    ] {
        let request = door.request(method, path);
        // As exporters of OpenTelemetry send it.
        let request = request
            .header("content-type", "application/x-protobuf")
            .body(vec![10, 0]);
        let (status, said) = answer(request).await;
        assert_eq!(
            (status, &said["error_code"]),
            (501, &json!("NOT_IMPLEMENTED")),
            "{path}"
        );
        assert!(
            said["message"]
                .as_str()
                .unwrap()
                .starts_with("Herdbook does not have")
        );
    }
    let (_, info) = door.get("/api/3.0/mlflow/server-info").await;
    assert_eq!(info["workspaces_enabled"], true);
}
