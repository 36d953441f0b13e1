//! Curves, bands, forks and definitions at the command line.

use std::process::Stdio;

use herdbook_e2e::{Herdbook, folder};
use tokio::io::AsyncWriteExt as _;

/// What a command that succeeds says, fed with `input`.
async fn say(herdbook: &Herdbook, arguments: &[&str], input: &str) -> String {
    let mut command = Herdbook::command(arguments);
    command
        .env("HERDBOOK_URL", &herdbook.address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn groups_of_runs_are_drawn_as_bands_and_forks_as_their_origin() {
    let data = folder();
    let herdbook = Herdbook::up(data.path()).await;
    let say = async |arguments: &[&str], input: &str| say(&herdbook, arguments, input).await;
    let mut runs = Vec::new();
    for (lr, values) in [("10", [1.0, 2.0]), ("9", [4.0, 2.0]), ("9", [4.0, 4.0])] {
        let param = format!("lr={lr}");
        let [first, last] = values;
        let points = format!("step,epoch,loss\n0,0.5,{first}\n3000000,1.5,{last}\n");
        let log = ["runs", "log", "--create", "0", "--param", &param];
        runs.push(say(&log, &points).await.trim().to_owned());
    }

    let drawn = say(&["runs", "bands", "loss", "--by", "params.lr"], "").await;
    let legend: Vec<_> = drawn.lines().rev().take(3).collect();
    assert_eq!(
        legend[..2],
        [
            "            b  loss of params.lr = 10: 2 ± 0 at the end, 1 run",
            "            a  loss of params.lr = 9: 3 ± 1.414 at the end, 2 runs",
        ]
    );
    assert!(legend[2].trim_start().starts_with("0 "), "{drawn}");
    assert!(
        legend[2].ends_with("step                           3000000"),
        "{drawn}"
    );

    let origin = runs[0].as_str();
    let fork = [
        "runs", "fork", origin, "--step", "0", "--param", "seed=2", "--output", "json",
    ];
    let fork: serde_json::Value = serde_json::from_str(&say(&fork, "").await).unwrap();
    assert_eq!(fork["params"], serde_json::json!({"lr": "10", "seed": "2"}));
    let fork = fork["id"].as_str().unwrap();
    say(&["runs", "log", fork], "step,epoch,loss\n1000000,1,8\n").await;
    let define = [
        "metrics",
        "define",
        origin,
        "loss",
        "--step-digits",
        "6",
        "--unit",
        "nats",
    ];
    say(&define, "").await;
    let definitions = say(&["metrics", "definitions", fork], "").await;
    assert_eq!(
        definitions,
        "KEY   GOAL  UNIT  X AXIS  STEP DIGITS\nloss        nats  step    6\n"
    );
    let ends = async |arguments: &[&str]| -> String {
        let drawn = say(&[&["runs", "chart", fork, "loss"], arguments].concat(), "").await;
        assert!(drawn.contains("a  loss [nats] of "), "{drawn}");
        let line = drawn.lines().rev().nth(1).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ends(&[]).await, "0 step 1");
    assert_eq!(ends(&["--x", "metric:epoch"]).await, "0.5 epoch 1");
    assert!(herdbook.stop().await.success());
}
