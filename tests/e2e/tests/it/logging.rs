//! `herdbook runs log` as people use it, and killed at random times.

use std::{collections::BTreeMap, fs, path::Path, process::Stdio};

use futures::StreamExt as _;
use herdbook_e2e::{Herdbook, folder};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, GetRunRequest, ReadMetricsRequest, Run, RunStatus,
    metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
};
use herdbook_testkit::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, Command},
    task::JoinHandle,
};

async fn create_run(herdbook: &Herdbook) -> String {
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    let made = runs.create_run(CreateRunRequest::default()).await;
    made.unwrap().into_inner().run.unwrap().id
}

async fn run(herdbook: &Herdbook, id: &str) -> Run {
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    let request = GetRunRequest {
        run_id: id.to_owned(),
    };
    let found = runs.get_run(request).await.unwrap();
    found.into_inner().run.unwrap()
}

/// Steps of each metric of a run.
async fn steps(herdbook: &Herdbook, run: &str) -> BTreeMap<String, Vec<i64>> {
    let request = ReadMetricsRequest {
        run_id: run.to_owned(),
        ..Default::default()
    };
    let mut client = MetricServiceClient::new(herdbook.channel().await);
    let mut chunks = client.read_metrics(request).await.unwrap().into_inner();
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.unwrap();
        found.entry(chunk.key).or_default().extend(chunk.steps);
    }
    found
}

/// `herdbook runs log` with further arguments, its ends piped.
fn logger(address: &str, arguments: &[&str]) -> Command {
    let mut command = Herdbook::command(&["runs", "log", "--server", address]);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command on an input to its end: code, standard output and error.
async fn finish(mut command: Command, input: &str) -> (Option<i32>, String, String) {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let fed = tokio::spawn(async move {
        // One that has enough of it before the end is no failure of ours.
        let _ = stdin.write_all(input.as_bytes()).await;
    });
    let output = child.wait_with_output().await.unwrap();
    fed.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Feeds steps of a metric to a process for as long as it lives.
fn feed(mut stdin: ChildStdin, key: &str) -> JoinHandle<()> {
    let header = format!("step,{key}\n");
    tokio::spawn(async move {
        let mut lines = header;
        for step in 0_u64.. {
            lines += &format!("{step},{step}\n");
            if step.is_multiple_of(20) {
                if stdin.write_all(lines.as_bytes()).await.is_err() {
                    return;
                }
                lines.clear();
            }
        }
    })
}

fn spooled(folder: &Path) -> u64 {
    let sizes = fs::read_dir(folder).into_iter().flatten();
    sizes
        .map(|file| file.unwrap().metadata().map_or(0, |of| of.len()))
        .sum()
}

/// Points that a process says it found in spools of others.
fn found_points(stderr: &str) -> usize {
    let lines = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("found "));
    let counts = lines.map(|line| line.split(' ').next().unwrap().parse::<usize>().unwrap());
    counts.sum()
}

async fn up_at(address: &str, data: &Path) -> Herdbook {
    let data = data.to_str().unwrap();
    let arguments = ["up", "--listen", address, "--data-dir", data];
    Herdbook::start(&mut Herdbook::command(&arguments)).await
}

#[tokio::test]
async fn a_run_is_created_logged_and_finished_by_one_command() {
    let data = folder();
    let herdbook = Herdbook::up(data.path()).await;
    let command = logger(
        &herdbook.address,
        &["--create", "0", "--param", "lr=0.1", "--skip-bad"],
    );
    let input = "step,time,loss\n1,2026-01-31T12:00:00Z,0.5\nx,,1\n2,,nan\n3,,\n";
    let (code, id, told) = finish(command, input).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("skipped: line 3 has step = \"x\""), "{told}");
    assert!(told.contains("2 points of 3 lines logged"), "{told}");
    let found = run(&herdbook, id.trim()).await;
    assert_eq!(
        (found.status(), &*found.params["lr"]),
        (RunStatus::Finished, "0.1")
    );
    assert_eq!(
        (found.metrics[0].count, found.metrics[0].latest_step),
        (2, 2)
    );
    let (code, _, told) = finish(
        logger(&herdbook.address, &[id.trim()]),
        "{\"step\": 1, \"a\": 1}\n{}",
    )
    .await;
    assert_eq!(code, Some(1));
    assert!(told.contains("line 2 has no \"step\""), "{told}");
    let missing = "0198c0de000070008000000000000001";
    let (code, _, told) = finish(logger(&herdbook.address, &[missing]), "step,a\n1,1\n").await;
    assert_eq!(code, Some(3), "{told}");
    herdbook.stop().await;
}

#[tokio::test]
async fn an_interrupted_command_logs_what_it_read() {
    let data = folder();
    let herdbook = Herdbook::up(data.path()).await;
    let mut child = logger(&herdbook.address, &["--create", "0"])
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"step,loss\n1,0.5\n2,0.25\n")
        .await
        .unwrap();
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    let id = wait_until("both points are there", async || {
        let found = runs
            .search_runs(herdbook_proto::tracking::v1::SearchRunsRequest::default())
            .await;
        let found = found.unwrap().into_inner().runs.pop()?;
        (found.metrics.first()?.count == 2).then_some(found.id)
    })
    .await;
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert_eq!(run(&herdbook, &id).await.status(), RunStatus::Killed);
    drop(runs);
    herdbook.stop().await;
}

#[tokio::test]
async fn what_killed_loggers_spooled_while_nobody_answered_arrives_once() {
    let data = folder();
    let spool = folder();
    let herdbook = Herdbook::up(data.path()).await;
    let id = create_run(&herdbook).await;
    let address = herdbook.address.clone();
    herdbook.kill().await;
    let arguments = [&*id, "--spool", spool.path().to_str().unwrap()];
    for round in 0..4 {
        let mut child: Child = logger(&address, &arguments)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let fed = feed(child.stdin.take().unwrap(), &format!("m{round}"));
        let enough = spooled(spool.path()) + rand::random_range(500..200_000);
        wait_until("the spool grows", async || {
            (spooled(spool.path()) > enough).then_some(())
        })
        .await;
        child.kill().await.unwrap();
        fed.await.unwrap();
    }
    let herdbook = up_at(&address, data.path()).await;
    let (code, _, told) = finish(logger(&address, &arguments), "").await;
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("damaged"), "{told}");
    let arrived = steps(&herdbook, &id).await;
    assert_eq!(arrived.len(), 4);
    for (key, steps) in &arrived {
        let expected: Vec<i64> = (0..i64::try_from(steps.len()).unwrap()).collect();
        assert_eq!(steps, &expected, "{key}");
    }
    assert_eq!(
        arrived.values().map(Vec::len).sum::<usize>(),
        found_points(&told)
    );
    assert_eq!(fs::read_dir(spool.path()).unwrap().count(), 0);
    herdbook.stop().await;
}

#[tokio::test]
async fn killed_loggers_and_killed_servers_lose_nothing_and_double_nothing() {
    let data = folder();
    let spool = folder();
    let mut herdbook = Herdbook::up(data.path()).await;
    let id = create_run(&herdbook).await;
    let address = herdbook.address.clone();
    let arguments = [&*id, "--spool", spool.path().to_str().unwrap()];
    let mut seen = BTreeMap::new();
    for round in 0..4 {
        let key = format!("m{round}");
        let mut child: Child = logger(&address, &arguments)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let fed = feed(child.stdin.take().unwrap(), &key);
        for restart in 0..2 {
            let enough = rand::random_range(1..5_000) * (restart + 1);
            let count = wait_until("points arrive", async || {
                let found = run(&herdbook, &id).await;
                let metric = found.metrics.into_iter().find(|metric| metric.key == key)?;
                (metric.count > enough).then_some(metric.count)
            })
            .await;
            seen.insert(key.clone(), count);
            if restart == 0 {
                herdbook.kill().await;
                herdbook = up_at(&address, data.path()).await;
            }
        }
        child.kill().await.unwrap();
        fed.await.unwrap();
    }
    let (code, _, told) = finish(logger(&address, &arguments), "").await;
    assert_eq!(code, Some(0), "{told}");
    let arrived = steps(&herdbook, &id).await;
    for (key, count) in seen {
        let steps = &arrived[&key];
        assert!(
            steps.len() as i64 >= count,
            "{key}: {} of {count}",
            steps.len()
        );
        let expected: Vec<i64> = (0..i64::try_from(steps.len()).unwrap()).collect();
        assert_eq!(steps, &expected, "{key}");
    }
    assert_eq!(fs::read_dir(spool.path()).unwrap().count(), 0);
    herdbook.stop().await;
}
