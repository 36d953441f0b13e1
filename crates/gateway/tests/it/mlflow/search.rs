//! Searches of runs.

use serde_json::{Value, json};

use super::{Door, runs::id_of};

fn ids(found: &Value) -> Vec<String> {
    let runs = found["runs"].as_array().cloned().unwrap_or_default();
    runs.iter().map(id_of).collect()
}

fn names(found: &Value) -> Vec<String> {
    let runs = found["runs"].as_array().cloned().unwrap_or_default();
    let names = runs
        .iter()
        .map(|run| run["info"]["run_name"].as_str().unwrap().to_owned());
    names.collect()
}

impl Door {
    async fn search(&self, filter: &str, order_by: &[&str]) -> Vec<String> {
        let body = json!({"experiment_ids": ["0"], "filter": filter, "order_by": order_by});
        names(&self.done("runs/search", body).await)
    }
}

#[tokio::test]
async fn filters_and_orders_find_what_they_say() {
    let door = Door::start().await;
    for (n, (name, lr, acc)) in [
        ("a", "0.1", Some(0.7)),
        ("b", "0.01", Some(0.9)),
        ("c", "10", None),
    ]
    .into_iter()
    .enumerate()
    {
        let run = door
            .made(json!({"run_name": name, "start_time": 1_000 + n, "user_id": "ana"}))
            .await;
        let id = id_of(&run);
        let uri = run["info"]["artifact_uri"].as_str().unwrap();
        for filter in [
            format!("= '{uri}'"),
            format!("LIKE '%{id}%'"),
            format!("ILIKE '%/{id}/ART%'"),
        ] {
            assert_eq!(
                door.search(&format!("artifact_uri {filter}"), &[]).await,
                [name]
            );
        }
        let mut batch = json!({"run_id": id, "params": [{"key": "lr", "value": lr}], "tags": [{"key": "my tag", "value": name}]});
        if let Some(acc) = acc {
            batch["metrics"] = json!([{"key": "val/acc", "value": acc, "timestamp": 1, "step": 0}]);
        }
        door.done("runs/log-batch", batch).await;
    }
    let all = ["c", "b", "a"];
    assert_eq!(door.search("", &[]).await, all);
    assert_eq!(
        door.search("metrics.`val/acc` > 0.8 and params.lr = '0.01'", &[])
            .await,
        ["b"]
    );
    assert_eq!(
        door.search("params.lr != '10'", &["metrics.\"val/acc\" ASC"])
            .await,
        ["a", "b"]
    );
    assert_eq!(
        door.search("tags.`my tag` LIKE '_'", &["metrics.`val/acc` DESC"])
            .await,
        ["b", "a", "c"]
    );
    assert_eq!(
        door.search("params.lr IS NOT NULL AND tags.none IS NULL", &[])
            .await,
        all
    );
    assert_eq!(
        door.search("attributes.start_time >= 1001", &["start_time ASC"])
            .await,
        ["b", "c"]
    );
    assert_eq!(door.search("start_time = 1001", &[]).await, ["b"]);
    assert_eq!(
        door.search("user_id = 'ana' and status = 'RUNNING'", &[])
            .await,
        all
    );
    assert_eq!(door.search("status = 'running'", &[]).await, [""; 0]);
    assert_eq!(door.search("run_name ILIKE 'A'", &[]).await, ["a"]);
    for (pattern, found) in [
        ("%artifacts", &all[..]),
        ("mlflow-artifacts:/0/%", &all),
        ("%/1/%", &[]),
        ("s3:%", &[]),
    ] {
        let filter = format!("artifact_uri LIKE '{pattern}'");
        assert_eq!(door.search(&filter, &[]).await, found, "{pattern}");
    }
    let (status, refused) = door
        .post(
            "runs/search",
            json!({"experiment_ids": ["0"], "filter": "metrics.a = 1 OR metrics.a = 2"}),
        )
        .await;
    assert_eq!(
        (status, &refused["error_code"]),
        (400, &json!("INVALID_PARAMETER_VALUE"))
    );
    // Params are texts, and so are they ordered.
    assert_eq!(
        door.search("params.lr != '0.1'", &["params.lr DESC"]).await,
        ["c", "b"]
    );
    let last = json!({"run_id": id_of(&door.made(json!({"run_name": "d"})).await), "key": "lr", "value": "9"});
    door.done("runs/log-parameter", last).await;
    assert_eq!(door.search("", &["params.lr"]).await, ["b", "a", "c", "d"]);
    // No experiment is none of them.
    assert_eq!(
        door.done("runs/search", json!({"experiment_ids": []}))
            .await,
        json!({})
    );
    assert_eq!(
        door.done("runs/search", json!({"experiment_ids": ["77"]}))
            .await,
        json!({})
    );
}

#[tokio::test]
async fn pages_of_any_size_have_each_run_once() {
    let door = std::sync::Arc::new(Door::start().await);
    let workers = (0..8).map(|_| {
        let door = door.clone();
        tokio::spawn(async move {
            for _ in 0..150 {
                let id = id_of(&door.made(json!({"start_time": 1})).await);
                let metrics: Vec<Value> = (0..5)
                    .map(|n| json!({"key": format!("m{n}"), "value": n, "timestamp": 1}))
                    .collect();
                door.done("runs/log-batch", json!({"run_id": id, "metrics": metrics}))
                    .await;
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    for worker in workers {
        worker.await.unwrap();
    }
    for size in [50_000, 1_100, 7] {
        let (mut found, mut token) = (Vec::new(), json!(null));
        loop {
            let page = door
                .done(
                    "runs/search",
                    json!({"experiment_ids": ["0"], "max_results": size, "page_token": token}),
                )
                .await;
            found.extend(ids(&page));
            token = page["next_page_token"].clone();
            if token.is_null() || found.len() > 1_200 {
                break;
            }
        }
        // All began at once, so that they come by their ids.
        assert_eq!(found.len(), 1_200);
        assert!(found.is_sorted());
        found.dedup();
        assert_eq!(found.len(), 1_200);
    }
}

#[tokio::test]
async fn deleted_runs_are_shown_to_those_who_ask() {
    let door = Door::start().await;
    door.made(json!({"run_name": "stays"})).await;
    let gone = id_of(&door.made(json!({"run_name": "goes"})).await);
    door.done("runs/delete", json!({"run_id": gone})).await;
    for (view, found) in [
        (json!("ACTIVE_ONLY"), vec!["stays"]),
        (json!("DELETED_ONLY"), vec!["goes"]),
        (json!(3), vec!["goes", "stays"]),
        (json!(null), vec!["stays"]),
    ] {
        let search = json!({"experiment_ids": ["0"], "run_view_type": view});
        assert_eq!(names(&door.done("runs/search", search).await), found);
    }
}

#[tokio::test]
async fn runs_of_more_metrics_than_a_message_has_room_for_are_listed_all_the_same() {
    let door = Door::start().await;
    for _ in 0..10 {
        let id = id_of(&door.made(json!({})).await);
        for batch in 0..7 {
            let key = |n: usize| format!("{}{batch}/{n}", "long".repeat(58));
            let metrics: Vec<Value> = (0..900)
                .map(|n| json!({"key": key(n), "value": n, "timestamp": 1}))
                .collect();
            door.done("runs/log-batch", json!({"run_id": id, "metrics": metrics}))
                .await;
        }
    }
    let found = door
        .done("runs/search", json!({"experiment_ids": ["0"]}))
        .await;
    let runs = found["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 10);
    assert!(
        runs.iter()
            .all(|run| run["data"]["metrics"].as_array().unwrap().len() == 6_300)
    );
    assert!(found.to_string().len() > 16 << 20);
}
