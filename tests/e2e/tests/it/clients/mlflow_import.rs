//! Stores that the real MLflow filled, imported.

use std::{path::Path, process::Stdio};

use herdbook_e2e::{Herdbook, folder, mlflow, run};
use herdbook_proto::tracking::v1::{
    LogBatchRequest, Run, SearchRunsRequest, run_service_client::RunServiceClient,
};
use herdbook_testkit::{TestDatabase, wait_until};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};
use tonic::{Request, transport::Channel};

/// `herdbook import mlflow` into a workspace of its own.
fn import(herdbook: &Herdbook, workspace: &str, arguments: &[&str]) -> Command {
    let mut command = Herdbook::command(&["import", "mlflow", "--output", "json"]);
    command.args(["--server", &herdbook.address, "--workspace", workspace]);
    command.args(arguments);
    command
}

async fn create_workspace(herdbook: &Herdbook, name: &str) {
    let mut command = Herdbook::command(&["workspaces", "create", name]);
    run(command.args(["--server", &herdbook.address])).await;
}

async fn report(command: &mut Command) -> Value {
    serde_json::from_str(&run(command).await).unwrap()
}

fn is_zero(counts: &Value) -> bool {
    counts.as_object().unwrap().values().all(|count| count == 0)
}

/// Has a store filled, with files in a folder.
async fn fill(store: &str, files: &Path, points: u32) {
    let mut filler = mlflow();
    filler.arg("mlflow/store.py").arg(store).arg(files);
    run(filler.args(["--points", &points.to_string()])).await;
}

/// Imports, compares, and imports again, which changes nothing.
async fn comes_once(herdbook: &Herdbook, workspace: &str, from: &str) {
    create_workspace(herdbook, workspace).await;
    let planned = report(&mut import(
        herdbook,
        workspace,
        &["--from", from, "--dry-run"],
    ))
    .await;
    let report_of = |arguments: &'static [&'static str]| {
        let mut all = vec!["--from", from];
        all.extend(arguments);
        let mut command = import(herdbook, workspace, &all);
        async move { report(&mut command).await }
    };
    let first = report_of(&[]).await;
    let brought = &first["brought"];
    assert_eq!(planned["brought"]["runs"], brought["runs"], "{first:#}");
    assert_eq!(brought["versions"], 7, "{first:#}");
    assert_eq!(brought["logged_models"], 1, "{first:#}");
    let compared = report_of(&["--check"]).await;
    assert_eq!(compared["differences"], json!([]), "{compared:#}");
    assert_eq!(compared["compared"]["points"], brought["points"]);
    assert_eq!(compared["compared"]["files"], 3);
    let again = report_of(&[]).await;
    assert!(is_zero(&again["brought"]), "{again:#}");
}

#[tokio::test]
async fn a_folder_a_database_and_a_server_come_whole_and_once() {
    let (data, stores) = (folder(), folder());
    let herdbook = Herdbook::up(data.path()).await;

    let store = stores.path().join("mlruns");
    let store = store.to_str().unwrap();
    fill(store, stores.path(), 2_000).await;
    comes_once(&herdbook, "folder", store).await;

    let postgres = TestDatabase::create().await;
    // As SQLAlchemy is told which driver to take.
    let url = postgres
        .url()
        .replacen("postgres://", "postgresql+psycopg2://", 1);
    fill(&url, &stores.path().join("of-postgres"), 2_000).await;
    comes_once(&herdbook, "postgres", &url).await;

    let mut server = mlflow()
        .args(["mlflow/store.py", "serve"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().unwrap();
    comes_once(&herdbook, "server", &url).await;
    drop(server.stdin.take());
    server.wait().await.unwrap();
    assert!(herdbook.stop().await.success());
}

#[tokio::test]
async fn an_import_that_is_killed_goes_on_and_a_difference_is_told() {
    let (data, stores) = (folder(), folder());
    let herdbook = Herdbook::up(data.path()).await;
    let store = format!("sqlite:///{}", stores.path().join("mlflow.db").display());
    let files = format!("{}/files", stores.path().display());
    fill(&store, Path::new(&files), 100_000).await;
    create_workspace(&herdbook, "killed").await;
    let from = ["--from", store.as_str()];

    // Killed once the first points are there, and once more after others.
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    for least in [1, 40_000] {
        let mut command = import(&herdbook, "killed", &[&from[..], &["--jobs", "1"]].concat());
        let mut importer = command.stdout(Stdio::null()).spawn().unwrap();
        wait_until("points are imported", async || {
            (points(&mut runs).await >= least).then_some(())
        })
        .await;
        importer.kill().await.unwrap();
    }
    let brought = report(&mut import(&herdbook, "killed", &from)).await;
    assert!(!is_zero(&brought["brought"]), "{brought:#}");
    let check = [&from[..], &["--check"]].concat();
    let compared = report(&mut import(&herdbook, "killed", &check)).await;
    assert_eq!(compared["differences"], json!([]), "{compared:#}");
    assert!(compared["compared"]["points"].as_u64().unwrap() > 100_000);
    let again = report(&mut import(&herdbook, "killed", &from)).await;
    assert!(is_zero(&again["brought"]), "{again:#}");

    let run_id = search(&mut runs, "attributes.name = 'one'")
        .await
        .remove(0)
        .id;
    let tags = [("mlflow.user".to_owned(), "somebody else".to_owned())];
    let request = LogBatchRequest {
        run_id,
        tags: tags.into(),
        ..Default::default()
    };
    runs.log_batch(in_workspace(request)).await.unwrap();
    let told = import(&herdbook, "killed", &check).output().await.unwrap();
    assert_eq!(told.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["differences"].as_array().unwrap().len(), 1, "{told:#}");
    assert_eq!(told["differences"][0]["kind"], "tags");
    assert!(herdbook.stop().await.success());
}

fn in_workspace<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let workspace = "killed".parse().unwrap();
    request
        .metadata_mut()
        .insert("herdbook-workspace", workspace);
    request
}

/// The runs that a filter finds.
async fn search(runs: &mut RunServiceClient<Channel>, filter: &str) -> Vec<Run> {
    let request = SearchRunsRequest {
        filter: filter.to_owned(),
        ..Default::default()
    };
    let found = runs.search_runs(in_workspace(request)).await.unwrap();
    found.into_inner().runs
}

/// All points of all runs.
async fn points(runs: &mut RunServiceClient<Channel>) -> i64 {
    let found = search(runs, "").await;
    let metrics = found.iter().flat_map(|run| &run.metrics);
    metrics.map(|metric| metric.count).sum()
}
