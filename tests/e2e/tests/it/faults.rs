//! Crashes in the midst of writing: nothing acknowledged is lost, nothing counts twice.

use std::{fs, path::Path};

use futures::StreamExt as _;
use herdbook_e2e::{DurableWriter, Herdbook, folder};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, GetRunRequest, ReadMetricsRequest,
    metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
};
use herdbook_testkit::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{sync::watch, task::JoinHandle};

const WRITERS: u64 = 4;
const POINTS: u64 = 3_000;

async fn create_run(herdbook: &Herdbook) -> String {
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    runs.create_run(CreateRunRequest::default())
        .await
        .unwrap()
        .into_inner()
        .run
        .unwrap()
        .id
}

/// Writers of one run, and what of each is acknowledged.
fn writers(
    run: &str,
    address: &watch::Receiver<String>,
) -> Vec<(watch::Receiver<u64>, JoinHandle<()>)> {
    let writer = |number: u64| {
        let (sender, acknowledged) = watch::channel(0);
        let id = number.to_string();
        let writer = DurableWriter {
            run: run.to_owned(),
            id,
            points: POINTS,
        };
        (
            acknowledged,
            tokio::spawn(writer.write(address.clone(), sender)),
        )
    };
    (0..WRITERS).map(writer).collect()
}

/// Waits until every writer has had `points` acknowledged.
async fn acknowledged(writers: &[(watch::Receiver<u64>, JoinHandle<()>)], points: u64) {
    wait_until("points are acknowledged", async || {
        let all = writers
            .iter()
            .all(|(acknowledged, _)| *acknowledged.borrow() >= points);
        let failed = writers.iter().any(|(_, task)| task.is_finished());
        (all || failed).then_some(())
    })
    .await;
}

/// Every point of every writer is there once, in its order.
async fn check(herdbook: &Herdbook, run: &str) {
    let request = ReadMetricsRequest {
        run_id: run.to_owned(),
        ..Default::default()
    };
    let mut client = MetricServiceClient::new(herdbook.channel().await);
    let mut chunks = client.read_metrics(request).await.unwrap().into_inner();
    let mut found: std::collections::BTreeMap<String, Vec<i64>> = Default::default();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.unwrap();
        found.entry(chunk.key).or_default().extend(chunk.steps);
    }
    let expected: Vec<i64> = (1..=i64::try_from(POINTS).unwrap()).collect();
    assert_eq!(found.len() as u64, WRITERS);
    for (key, steps) in found {
        assert_eq!(steps, expected, "{key}");
    }
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    let request = GetRunRequest {
        run_id: run.to_owned(),
    };
    let run = runs
        .get_run(request)
        .await
        .unwrap()
        .into_inner()
        .run
        .unwrap();
    assert!(
        run.metrics
            .iter()
            .all(|metric| metric.count == i64::try_from(POINTS).unwrap())
    );
}

#[tokio::test]
async fn a_killed_herdbook_loses_nothing_and_doubles_nothing() {
    let folder = folder();
    let mut herdbook = Herdbook::up(folder.path()).await;
    let run = create_run(&herdbook).await;
    let (address, current) = watch::channel(herdbook.address.clone());
    let writers = writers(&run, &current);
    for kill in 1..=3 {
        acknowledged(&writers, kill * POINTS / 5).await;
        herdbook.kill().await;
        herdbook = Herdbook::up(folder.path()).await;
        address.send_replace(herdbook.address.clone());
    }
    for (_, task) in writers {
        task.await.unwrap();
    }
    check(&herdbook, &run).await;
}

/// The server of the embedded cluster.
fn postmaster(data_dir: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    Pid::from_raw(text.lines().next()?.parse().ok()?)
}

#[tokio::test]
async fn a_killed_postgres_loses_nothing_and_doubles_nothing() {
    let folder = folder();
    let herdbook = Herdbook::up(folder.path()).await;
    let run = create_run(&herdbook).await;
    let (_address, current) = watch::channel(herdbook.address.clone());
    let writers = writers(&run, &current);
    for kill in 1..=3 {
        acknowledged(&writers, kill * POINTS / 5).await;
        // After the last kill it may still be on its way back.
        wait_until("a running postgres is killed", async || {
            kill_process(postmaster(folder.path())?, Signal::KILL).ok()
        })
        .await;
    }
    for (_, task) in writers {
        task.await.unwrap();
    }
    check(&herdbook, &run).await;
}
