//! Crashes in the midst of writing: nothing acknowledged is lost, nothing counts twice.

use std::{collections::BTreeMap, path::Path, time::Duration};

use futures::StreamExt as _;
use herdbook_e2e::{BadNetwork, DurableWriter, Herdbook, folder, postmaster};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, GetRunRequest, ReadMetricsRequest,
    metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
};
use herdbook_testkit::wait_until;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rustix::process::{Signal, kill_process};
use tokio::{sync::watch, task::JoinHandle};
use tonic::{Status, transport::Channel};

use crate::seed;

const WRITERS: u64 = 8;
const POINTS: u64 = 6_000;
/// Crashes, and the points of a writer from one to the next.
const ROUNDS: u64 = 50;
const STRIDE: u64 = POINTS / (ROUNDS + 1);
/// How long writers may take to their end.
const LONG: Duration = Duration::from_secs(120);

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

/// A writer of a run as a process that can crash.
struct Process {
    run: String,
    id: u64,
    epoch: u64,
    address: watch::Receiver<String>,
    acknowledged: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Process {
    fn start(run: &str, id: u64, address: &watch::Receiver<String>) -> Self {
        let mut process = Self {
            run: run.to_owned(),
            id,
            epoch: 0,
            address: address.clone(),
            acknowledged: watch::channel(0).0,
            task: tokio::spawn(async {}),
        };
        process.restart();
        process
    }

    /// Ends it where it stands, and goes on as the same writer, knowing no more than the server does.
    fn restart(&mut self) {
        self.task.abort();
        self.epoch += 1;
        let writer = DurableWriter {
            run: self.run.clone(),
            id: self.id.to_string(),
            epoch: self.epoch,
            points: POINTS,
        };
        self.task = tokio::spawn(writer.write(self.address.clone(), self.acknowledged.clone()));
    }

    fn has(&self, points: u64) -> bool {
        *self.acknowledged.borrow() >= points
    }
}

/// Every point of every writer is there once, in its order.
async fn check(herdbook: &Herdbook, run: &str) {
    let metrics = MetricServiceClient::new(herdbook.channel().await);
    // Postgres may still be on its way back.
    let found = wait_until("the points are read", async || {
        read(metrics.clone(), run).await.ok()
    })
    .await;
    let count = i64::try_from(POINTS).unwrap();
    let expected: Vec<i64> = (1..=count).collect();
    assert_eq!(found.len() as u64, WRITERS);
    for (key, steps) in found {
        assert_eq!(steps, expected, "{key}");
    }
    let request = GetRunRequest {
        run_id: run.to_owned(),
    };
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    let run = runs.get_run(request).await.unwrap().into_inner().run;
    let metrics = run.unwrap().metrics;
    assert!(metrics.iter().all(|metric| metric.count == count));
}

/// The steps of each metric.
async fn read(
    mut client: MetricServiceClient<Channel>,
    run: &str,
) -> Result<BTreeMap<String, Vec<i64>>, Status> {
    let request = ReadMetricsRequest {
        run_id: run.to_owned(),
        ..Default::default()
    };
    let mut chunks = client.read_metrics(request).await?.into_inner();
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        found.entry(chunk.key).or_default().extend(chunk.steps);
    }
    Ok(found)
}

async fn up(folder: &Path) -> Herdbook {
    let mut command = Herdbook::command(&["up", "--listen", "127.0.0.1:0", "--data-dir"]);
    // Points are compacted all the time, and so in the midst of it too.
    Herdbook::start(command.arg(folder).args(["--compact-after", "200ms"])).await
}

#[tokio::test]
async fn fifty_crashes_of_server_postgres_and_writers_lose_nothing_and_double_nothing() {
    let folder = folder();
    let mut random = StdRng::seed_from_u64(seed());
    let mut herdbook = up(folder.path()).await;
    let run = create_run(&herdbook).await;
    let (address, current) = watch::channel(herdbook.address.clone());
    let mut processes: Vec<Process> = (0..WRITERS)
        .map(|id| Process::start(&run, id, &current))
        .collect();
    for round in 0..ROUNDS {
        // One writer, and a moment, that nobody can foresee.
        let chosen = random.random_range(0..processes.len());
        let moment = round * STRIDE + random.random_range(0..STRIDE);
        wait_until("points are acknowledged", async || {
            processes[chosen].has(moment).then_some(())
        })
        .await;
        match random.random_range(0..4) {
            0 | 1 => {
                herdbook.kill().await;
                herdbook = up(folder.path()).await;
                address.send_replace(herdbook.address.clone());
            }
            2 => {
                // After the last crash it may still be on its way back.
                wait_until("a running postgres is killed", async || {
                    kill_process(postmaster(folder.path())?, Signal::KILL).ok()
                })
                .await;
            }
            _ => processes[chosen].restart(),
        }
    }
    finish(processes).await;
    check(&herdbook, &run).await;
}

#[tokio::test]
async fn a_network_that_cuts_and_stalls_loses_nothing_and_doubles_nothing() {
    let folder = folder();
    let herdbook = up(folder.path()).await;
    let run = create_run(&herdbook).await;
    let network = BadNetwork::start(&herdbook.address, seed()).await;
    let (_sender, address) = watch::channel(network.address.clone());
    let start = |id| Process::start(&run, id, &address);
    finish((0..WRITERS).map(start).collect()).await;
    check(&herdbook, &run).await;
}

/// Waits until all has been written.
async fn finish(processes: Vec<Process>) {
    for process in processes {
        let ended = tokio::time::timeout(LONG, process.task).await;
        ended.expect("every writer comes to its end").unwrap();
    }
}
