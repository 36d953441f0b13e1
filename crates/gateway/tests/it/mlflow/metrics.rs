//! Metrics as MLflow's clients log and read them: the latest, histories, charts.

use serde_json::{Value, json};

use super::{
    Door,
    runs::{id_of, value},
};

#[tokio::test]
async fn of_points_of_one_time_the_greatest_is_the_latest_and_a_nan_is_none() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({})).await);
    let point = |value: Value| json!({"key": "a", "value": value, "timestamp": 5, "step": 1});
    let values = [
        json!(2.0),
        json!("NaN"),
        json!(-1.0),
        json!(4.0),
        json!(3.0),
    ];
    let batch = json!({"run_id": id, "metrics": values.map(point)});
    door.done("runs/log-batch", batch).await;
    assert_eq!(value(&door.whole(&id).await, "metrics", "a"), 4.0);
    // A NaN stands where 0 would.
    let told = [
        json!(-1.0),
        json!("NaN"),
        json!(2.0),
        json!(3.0),
        json!(4.0),
    ];
    let (_, history) = door
        .asked(&format!("metrics/get-history?run_id={id}&metric_key=a"))
        .await;
    assert_eq!(history["metrics"], json!(told.map(point)));
}

#[tokio::test]
async fn charts_ask_for_one_to_a_hundred_runs() {
    let door = Door::start().await;
    let many = "&run_ids=x".repeat(101);
    for (query, says) in [
        (
            "metric_key=a",
            "Missing value for required parameter 'run_ids'.",
        ),
        (
            &format!("metric_key=a{many}"),
            "GetMetricHistoryBulkInterval request must specify at most 100 run_ids.",
        ),
        (
            "run_ids=x&metric_key=",
            "Missing value for required parameter 'metric_key'",
        ),
        (
            "run_ids=x&metric_key=a&max_results=0",
            "max_results must be between 1 and 2500",
        ),
        (
            "run_ids=x&metric_key=a&start_step=1&end_step=0",
            "end_step must be greater than start_step. ",
        ),
    ] {
        let path = format!("metrics/get-history-bulk-interval?{query}");
        let (status, refused) = door.asked(&path).await;
        assert_eq!(
            (status, &refused["error_code"]),
            (400, &json!("INVALID_PARAMETER_VALUE"))
        );
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn a_history_is_a_set_in_pages() {
    let door = Door::start().await;
    let id = id_of(&door.made(json!({})).await);
    let point = |step: i32| json!({"key": "a", "value": f64::from(step), "timestamp": step * 10, "step": step});
    let points: Vec<Value> = (0..10).map(point).collect();
    for _ in 0..2 {
        door.done("runs/log-batch", json!({"run_id": id, "metrics": points}))
            .await;
    }
    // The same point in another batch.
    let mut again = point(3);
    again["run_id"] = json!(id);
    door.done("runs/log-metric", again).await;
    let history = |query: String| {
        let door = &door;
        let path = format!("metrics/get-history?run_id={id}&metric_key=a{query}");
        async move { door.asked(&path).await.1 }
    };
    assert_eq!(history(String::new()).await, json!({"metrics": points}));
    let first = history("&max_results=6".to_owned()).await;
    assert_eq!(first["metrics"].as_array().unwrap().len(), 6);
    let token = first["next_page_token"].as_str().unwrap();
    let rest = history(format!("&max_results=6&page_token={token}")).await;
    assert_eq!(rest, json!({"metrics": points[6..]}));
    let none = door
        .asked(&format!("metrics/get-history?run_id={id}&metric_key=b"))
        .await;
    assert_eq!(none, (200, json!({})));
    let (status, _) = door
        .asked(&format!(
            "metrics/get-history?run_id={id}&metric_key=a&max_results=0"
        ))
        .await;
    assert_eq!(status, 400);

    let bulk = format!(
        "/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={id}&metric_key=a&max_results=2"
    );
    let (_, bulk) = door.get(&bulk).await;
    assert_eq!(
        bulk["metrics"][1],
        json!({"key": "a", "value": 1.0, "timestamp": 10, "step": 1, "run_id": id})
    );
    let chart = format!(
        "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={id}&metric_key=a&max_results=3&start_step=1&end_step=8"
    );
    let (_, chart) = door.get(&chart).await;
    let steps: Vec<i64> = chart["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["step"].as_i64().unwrap())
        .collect();
    assert_eq!(steps, [1, 4, 8]);
}
