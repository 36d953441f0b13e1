//! MLflow's unmodified clients, at Herdbook and at their own server: what they are told is the same.

use std::{env, fs};

use herdbook_e2e::{Herdbook, folder, mlflow, run};
use serde_json::Value;

/// Other clients, by what the suite calls them and where their Python is.
const OTHERS: [(&str, &str); 2] = [
    ("2", "HERDBOOK_TEST_MLFLOW_2"),
    ("skinny", "HERDBOOK_TEST_MLFLOW_SKINNY"),
];

#[tokio::test]
async fn mlflow_clients_are_answered_as_by_their_own_server() {
    let folder = folder();
    // Webhooks lead to a listener of the suite.
    let arguments = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--webhook-allow",
        "127.0.0.0/8",
        "--data-dir",
        folder.path().to_str().unwrap(),
    ];
    let herdbook = Herdbook::start(&mut Herdbook::command(&arguments)).await;
    let mut suite = mlflow();
    // One seed, so that it fails by what changes in Herdbook; by hand the suite takes new ones.
    suite
        .args(["mlflow/compare.py", "--seed", "7"])
        .arg(format!("http://{}", herdbook.address));
    for (name, variable) in OTHERS {
        let python = env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} is not set; run this test by `./dev test`"));
        suite.arg("--client").arg(format!("{name}={python}"));
    }
    let told = run(&mut suite).await;
    assert!(told.ends_with("0 complaints\n"), "{told}");
    assert!(herdbook.stop().await.success());
}

/// A policy that wants a metric.
const MEASURED: &str = r#"
name: measured
policy:
  stages: [{name: None}, {name: Staging}, {name: Production}]
  moves:
    - {from: "*", to: Staging}
    - from: "*"
      to: Production
      rules:
        - name: good-enough
          cel: {expression: "metrics.acc >= 0.9", message: train longer}
"#;

#[tokio::test]
async fn tokens_workspaces_and_policies_reach_mlflow_clients() {
    let (open, closed) = (folder(), folder());
    let herdbook = Herdbook::up(open.path()).await;
    let server = format!("http://{}", herdbook.address);
    let policy = open.path().join("measured.yaml");
    fs::write(&policy, MEASURED).unwrap();
    for arguments in [
        ["policies", "apply", "--file", policy.to_str().unwrap()].as_slice(),
        &["models", "create", "scored"],
        &["policies", "use", "measured", "scored"],
    ] {
        run(Herdbook::command(arguments).args(["--server", &server])).await;
    }
    let data = closed.path().to_str().unwrap();
    let guarded = Herdbook::start(&mut Herdbook::command(&[
        "up",
        "--auth",
        "required",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        data,
    ]))
    .await;
    let ready: Value =
        serde_json::from_str(&fs::read_to_string(guarded.ready_file()).unwrap()).unwrap();
    let database = ready["database"].as_str().unwrap();
    let create = ["tokens", "create", "--bootstrap", "--database-url"];
    let token = run(Herdbook::command(&create).arg(database)).await;

    let mut asked = mlflow();
    asked.args(["mlflow/guarded.py", &server, "scored"]);
    asked.arg(format!("http://{}", guarded.address));
    run(asked.arg(token.trim())).await;
    assert!(herdbook.stop().await.success());
    assert!(guarded.stop().await.success());
}
