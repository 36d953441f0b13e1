//! Many at once on one thing, and the same again: what MLflow's users suffer there.

use std::{future::Future, sync::Arc};

use serde_json::{Value, json};

use super::{Door, runs::id_of};

/// Does `work` as so many workers.
async fn at_once<F>(workers: usize, work: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let workers: Vec<_> = (0..workers).map(|n| tokio::spawn(work(n))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn batches_of_many_workers_on_one_run_are_all_there() {
    let door = Arc::new(Door::start().await);
    let id = id_of(&door.made(json!({})).await);
    at_once(16, |worker| {
        let (door, id) = (door.clone(), id.clone());
        async move {
            for batch in 0..10 {
                // Keys in another order for each: locks taken as they come would be in each other's way.
                let key = |n: usize| format!("k{}", if worker % 2 == 0 { n } else { 19 - n });
                let step = worker * 10 + batch;
                let metrics: Vec<Value> = (0..20)
                    .map(|n| json!({"key": key(n), "value": step, "timestamp": 1, "step": step}))
                    .collect();
                let tags = json!([{"key": format!("t{worker}"), "value": batch.to_string()}]);
                let params = json!([{"key": format!("p{step}"), "value": "1"}]);
                let batch =
                    json!({"run_id": id, "metrics": metrics, "tags": tags, "params": params});
                door.done("runs/log-batch", batch).await;
            }
        }
    })
    .await;
    let run = door.whole(&id).await;
    assert_eq!(run["data"]["params"].as_array().unwrap().len(), 160);
    let metrics = run["data"]["metrics"].as_array().unwrap();
    assert!(metrics.len() == 20 && metrics.iter().all(|metric| metric["value"] == 159.0));
    let (_, history) = door
        .asked(&format!("metrics/get-history?run_id={id}&metric_key=k7"))
        .await;
    assert_eq!(history["metrics"].as_array().unwrap().len(), 160);
}

#[tokio::test]
async fn one_tag_and_one_param_written_by_many_are_written() {
    let door = Arc::new(Door::start().await);
    let id = id_of(&door.made(json!({})).await);
    at_once(16, |worker| {
        let (door, id) = (door.clone(), id.clone());
        async move {
            let tag = json!({"run_id": id, "key": "t", "value": worker.to_string()});
            door.done("runs/set-tag", tag).await;
            let param = json!({"run_id": id, "key": "p", "value": "same"});
            door.done("runs/log-parameter", param).await;
        }
    })
    .await;
    let run = door.whole(&id).await;
    let tags = run["data"]["tags"].as_array().unwrap();
    assert_eq!(tags.iter().filter(|tag| tag["key"] == "t").count(), 1);
    assert_eq!(
        run["data"]["params"],
        json!([{"key": "p", "value": "same"}])
    );
}

#[tokio::test]
async fn tags_of_an_experiment_written_by_many_are_all_there() {
    let door = Arc::new(Door::start().await);
    at_once(16, |worker| {
        let door = door.clone();
        async move {
            let tag = json!({"experiment_id": "0", "key": format!("t{worker}"), "value": "x"});
            door.done("experiments/set-experiment-tag", tag).await;
        }
    })
    .await;
    let (_, found) = door.asked("experiments/get?experiment_id=0").await;
    assert_eq!(found["experiment"]["tags"].as_array().unwrap().len(), 16);
}

#[tokio::test]
async fn a_batch_that_comes_again_is_stored_once() {
    let door = Arc::new(Door::start().await);
    let id = id_of(&door.made(json!({})).await);
    let metrics: Vec<Value> = (0..1_000)
        .map(|step| json!({"key": "m", "value": step, "timestamp": 1, "step": step}))
        .collect();
    let batch = json!({"run_id": id, "metrics": metrics});
    at_once(8, |_| {
        let (door, batch) = (door.clone(), batch.clone());
        async move {
            door.done("runs/log-batch", batch).await;
        }
    })
    .await;
    let (_, history) = door
        .asked(&format!("metrics/get-history?run_id={id}&metric_key=m"))
        .await;
    assert_eq!(history["metrics"].as_array().unwrap().len(), 1_000);
    // Not only told once: points that are there eight times would be counted so.
    let stored: i64 =
        sqlx::query_scalar("SELECT sum(count)::bigint FROM tracking.metric_summaries")
            .fetch_one(door.database.pool())
            .await
            .unwrap();
    assert_eq!(stored, 1_000);
}

#[tokio::test]
async fn thousands_of_inputs_are_logged_and_found() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({})).await);
    let input = |n: usize| {
        json!({
            "tags": [{"key": "mlflow.data.context", "value": "training"}],
            "dataset": {"name": format!("part-{n}"), "digest": "d", "source_type": "local", "source": "{}"},
        })
    };
    let inputs: Vec<Value> = (0..2_500).map(input).collect();
    door.done("runs/log-inputs", json!({"run_id": id, "datasets": inputs}))
        .await;
    let search = json!({"experiment_ids": ["0"], "filter": "dataset.name = 'part-2499'"});
    let found = door.done("runs/search", search).await;
    let inputs = found["runs"][0]["inputs"]["dataset_inputs"]
        .as_array()
        .unwrap();
    assert_eq!(inputs.len(), 2_500);
}

#[tokio::test]
async fn more_models_than_a_page_are_found_by_their_tags_and_listed_to_the_end() {
    let door = Arc::new(Door::start().await);
    at_once(16, |worker| {
        let door = door.clone();
        async move {
            for number in (worker..1_040).step_by(16) {
                let tags = json!([
                    {"key": "team", "value": format!("t{}", number % 13)},
                    {"key": "all", "value": "yes"},
                ]);
                let model = json!({"name": format!("m{number:04}"), "tags": tags});
                door.done("registered-models/create", model).await;
            }
        }
    })
    .await;
    for (filter, count) in [
        ("tags.all = 'yes'", 1_040),
        ("tags.team = 't7'", 80),
        ("tags.team != 't7' AND name LIKE 'm00%'", 92),
        ("tags.none = 'x'", 0),
    ] {
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("filter", filter)
                .append_pair("page_token", &token)
                .finish();
            let path = format!("registered-models/search?max_results=1000&{query}");
            let (status, page) = door.asked(&path).await;
            assert_eq!(status, 200, "{page}");
            let models = page["registered_models"].as_array();
            let names = models
                .into_iter()
                .flatten()
                .map(|model| model["name"].to_string());
            found.extend(names);
            match page["next_page_token"].as_str() {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        assert!(
            found.is_sorted() && found.len() == count,
            "{filter}: {}",
            found.len()
        );
    }
}
