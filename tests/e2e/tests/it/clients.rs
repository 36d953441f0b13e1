//! The main job, by trainers that are not written in Rust.

mod deployment;
mod mlflow;
mod mlflow_import;

use std::process::Stdio;

use herdbook_e2e::{Herdbook, S3Server, folder, node, python, run};
use herdbook_testkit::TestDatabase;
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::test]
async fn the_main_job_in_one_process() {
    let folder = folder();
    let herdbook = Herdbook::up(folder.path()).await;
    let mut trainer = python();
    let story = run(trainer
        .arg("python/train.py")
        .args(["--address", &herdbook.address]))
    .await;
    assert!(story.contains("All 17 steps held."), "{story}");

    // A second time on the same data, as whoever tries the demo again does.
    let mut trainer = python();
    run(trainer
        .arg("python/train.py")
        .args(["--address", &herdbook.address]))
    .await;
    assert!(herdbook.stop().await.success());
}

/// A part of Herdbook as a process of its own.
async fn part(name: &str, database: &TestDatabase, s3: &S3Server, peers: &[&str]) -> Herdbook {
    let mut command = Herdbook::command(&["serve", name, "--listen", "127.0.0.1:0"]);
    command.args([
        "--database-url",
        database.url(),
        "--blobs",
        "s3://herdbook/files",
    ]);
    command.args(peers).envs(s3.environment());
    Herdbook::start(&mut command).await
}

#[tokio::test]
async fn the_main_job_in_three_processes_on_one_database_and_one_bucket() {
    let database = TestDatabase::create().await;
    let s3 = S3Server::start().await;
    let lineage = part("lineage", &database, &s3, &[]).await;
    let tracking = part(
        "tracking",
        &database,
        &s3,
        &["--lineage-url", &lineage.address],
    )
    .await;
    let peers = [
        "--lineage-url",
        &lineage.address,
        "--tracking-url",
        &tracking.address,
    ];
    let registry = part("registry", &database, &s3, &peers).await;

    let mut trainer = python();
    trainer
        .arg("python/train.py")
        .args(["--tracking", &tracking.address]);
    trainer.args([
        "--registry",
        &registry.address,
        "--lineage",
        &lineage.address,
    ]);
    let story = run(&mut trainer).await;
    assert!(story.contains("All 17 steps held."), "{story}");
    for process in [registry, tracking, lineage] {
        assert!(process.stop().await.success());
    }
}

#[tokio::test]
async fn pedigrees_of_hostile_names_are_read_by_the_readers_of_others() {
    let folder = folder();
    let herdbook = Herdbook::up(folder.path()).await;
    let mut reader = python();
    reader.arg("python/exports.py");
    let told = run(reader.args(["--address", &herdbook.address])).await;
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(herdbook.stop().await.success());
}

#[tokio::test]
async fn a_typescript_client_reads_the_best_run_and_sees_a_promotion() {
    let folder = folder();
    let herdbook = Herdbook::up(folder.path()).await;
    let mut trainer = python();
    run(trainer
        .arg("python/train.py")
        .args(["--address", &herdbook.address]))
    .await;

    let url = format!("http://{}", herdbook.address);
    let mut client = node();
    client
        .arg("typescript/watch.ts")
        .args(["tumor-classification", "tumor-classifier"]);
    client.env("HERDBOOK_URL", &url).stdout(Stdio::piped());
    let mut client = client.spawn().unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let best = lines
        .next_line()
        .await
        .unwrap()
        .expect("it tells the best run");
    assert!(
        best.starts_with("best run ") && best.contains("val_accuracy 0.9"),
        "{best}"
    );
    let watching = lines.next_line().await.unwrap().expect("it watches");
    assert!(
        watching.starts_with("watching tumor-classifier from revision "),
        "{watching}"
    );

    let rollback = [
        "models",
        "rollback",
        "tumor-classifier",
        "Production",
        "--server",
        &url,
    ];
    run(&mut Herdbook::command(&rollback)).await;
    let promotion = lines
        .next_line()
        .await
        .unwrap()
        .expect("it sees the promotion");
    assert_eq!(
        promotion,
        "tumor-classifier/2 Archived -> Production allowed by local"
    );
    assert!(client.wait().await.unwrap().success());
}
