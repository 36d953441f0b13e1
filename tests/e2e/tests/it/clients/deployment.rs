//! The deployment pipeline of `deploy/examples`, run as a CI runs it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use herdbook_e2e::{Herdbook, folder, python};
use herdbook_testkit::wait_until;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

const GOOD: &str = r#"{"weights": [0.5, -0.25], "bias": 0.1}"#;
/// It loads and predicts for the check, and nothing that is a number for the service's own.
const ILL: &str = r#"{"weights": [-1e999, 0.0], "bias": 0.0}"#;
const BROKEN: &str = r#"{"weights": "none"}"#;

/// A Herdbook with a policy, the account of a pipeline, and somebody who approves.
struct Shop {
    herdbook: Herdbook,
    folder: TempDir,
    admin: String,
    pipeline: String,
    approver: String,
    port: u16,
}

impl Shop {
    async fn open() -> Self {
        let folder = folder();
        let mut up = Herdbook::command(&["up", "--listen", "127.0.0.1:0", "--auth", "required"]);
        let herdbook = Herdbook::start(up.arg("--data-dir").arg(folder.path().join("data"))).await;
        let ready = fs::read_to_string(herdbook.ready_file()).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let database = ready["database"].as_str().unwrap();
        // Any port that is free now: the service is started by the job, and listens where it is told.
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut shop = Self {
            herdbook,
            folder,
            admin: String::new(),
            pipeline: String::new(),
            approver: String::new(),
            port: port.local_addr().unwrap().port(),
        };
        let bootstrap = [
            "tokens",
            "create",
            "--bootstrap",
            "--database-url",
            database,
        ];
        shop.admin = shop.say("", &bootstrap).await;
        let admin = shop.admin.clone();
        for (name, role) in [("ci", "contributor"), ("ana", "approver")] {
            shop.say(&admin, &["workspaces", "add", name, role]).await;
        }
        shop.pipeline = shop.say(&admin, &["tokens", "create", "ci"]).await;
        shop.approver = shop.say(&admin, &["tokens", "create", "ana"]).await;
        let policy = example().join("policy.yaml");
        let policy = policy.to_str().unwrap();
        shop.say(&admin, &["policies", "apply", "-f", policy]).await;
        shop.say(&admin, &["models", "create", "fraud"]).await;
        shop.say(&admin, &["policies", "use", "deployed", "fraud"])
            .await;
        shop
    }

    /// What a command answers, which has to work.
    async fn say(&self, token: &str, arguments: &[&str]) -> String {
        let output = self.command(token, arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        said.trim().to_owned()
    }

    async fn ask(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--output", "json"]].concat();
        serde_json::from_str(&self.say(&self.admin, &arguments).await).unwrap()
    }

    fn command(&self, token: &str, arguments: &[&str]) -> Command {
        let mut command = Herdbook::command(arguments);
        command.env("HERDBOOK_URL", format!("http://{}", self.herdbook.address));
        if !token.is_empty() {
            command.env("HERDBOOK_TOKEN", token);
        }
        command
    }

    /// Registers a version of this content.
    async fn register(&self, model: &str) {
        let file = self.folder.path().join("model.json");
        fs::write(&file, model).unwrap();
        let points = self.folder.path().join("points.csv");
        fs::write(&points, "step,accuracy\n1,0.9\n").unwrap();
        let points = points.to_str().unwrap();
        let create = ["runs", "log", "--create", "0", "--file", points];
        let run = self.say(&self.admin, &create).await;
        let run = run.lines().next().unwrap();
        let put = [
            "artifacts",
            "put",
            run,
            file.to_str().unwrap(),
            "--as",
            "model/model.json",
        ];
        self.say(&self.admin, &put).await;
        let source = format!("runs:/{run}/model");
        self.say(&self.admin, &["models", "register", "fraud", &source])
            .await;
    }

    /// The job for a version, as the account of the pipeline.
    fn job(&self, version: &str, wait: &str) -> Command {
        let mut job = python();
        let check = format!(
            "loads={} {}",
            std::env::var("HERDBOOK_TEST_PYTHON").unwrap(),
            example().join("checks/loads.py").display()
        );
        job.arg(example().join("job.py"))
            .args([
                version,
                "--service",
                "payments",
                "--build",
                "812",
                "--check",
                &check,
            ])
            .args(["--port", &self.port.to_string(), "--wait", wait])
            .args(["--start", "10", "--watch", "0.5", "--every", "0.1"])
            .arg("--folder")
            .arg(self.folder.path().join("deployment"))
            .env("HERDBOOK", Herdbook::command(&[]).as_std().get_program())
            .env("HERDBOOK_URL", format!("http://{}", self.herdbook.address))
            .env("HERDBOOK_TOKEN", &self.pipeline)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        job
    }

    /// Runs a job, and approves what it asks for.
    async fn approved(&self, version: &str) -> (i32, String) {
        let job = self.job(version, "60").spawn().unwrap();
        let request = wait_until("the job asks", async || {
            let found = self.ask(&["models", "requests", "fraud"]).await;
            found["requests"][0]["id"].as_i64()
        });
        let request = request.await.to_string();
        self.say(&self.approver, &["models", "approve", &request])
            .await;
        ended(&job.wait_with_output().await.unwrap())
    }

    /// The version that stands in Production, and the digest that the service serves.
    async fn serving(&self) -> (i64, Option<String>) {
        let found = self.ask(&["models", "show", "fraud@Production"]).await;
        let answer = Command::new(std::env::var("HERDBOOK_TEST_PYTHON").unwrap())
            .args(["-c", "import json, sys, urllib.request as r; print(json.load(r.urlopen(sys.argv[1]))['digest'])"])
            .arg(format!("http://127.0.0.1:{}/health", self.port))
            .output()
            .await
            .unwrap();
        let digest = String::from_utf8(answer.stdout).unwrap().trim().to_owned();
        let number = found["number"].as_i64().unwrap();
        (number, (!digest.is_empty()).then_some(digest))
    }

    /// Outcomes of the deployments of a version to the service.
    async fn outcomes(&self, version: &str) -> Vec<String> {
        let walk = [
            "lineage",
            "walk",
            version,
            "--descendants",
            "--output",
            "json",
        ];
        let found = self.say(&self.admin, &walk).await;
        let parts = found
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let nodes = parts.flat_map(|part| part["nodes"].as_array().cloned().unwrap_or_default());
        let mut outcomes: Vec<_> = nodes
            .filter(|found| found["node"]["key"]["name"] == "payments")
            .map(|found| {
                found["node"]["attributes"]["outcome"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        outcomes.sort();
        outcomes
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // The service outlives the job that started it.
        let file = self.folder.path().join("deployment/payments.pid");
        let pid = fs::read_to_string(file).ok();
        let pid = pid.and_then(|text| rustix::process::Pid::from_raw(text.parse().ok()?));
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/pipeline")
}

fn ended(output: &Output) -> (i32, String) {
    let said = [&*output.stdout, &*output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

#[tokio::test]
async fn what_is_approved_is_deployed_and_what_is_ill_is_rolled_back() {
    let shop = Shop::open().await;
    shop.register(GOOD).await;
    let (code, said) = shop.approved("fraud/1").await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("payments serves fraud/1"), "{said}");
    let first = shop.ask(&["models", "resolve", "fraud/1"]).await["digest"].clone();
    let first = first.as_str().map(str::to_owned);
    assert_eq!(shop.serving().await, (1, first.clone()));
    assert_eq!(shop.outcomes("fraud/1").await, ["healthy"]);
    let checks = shop.ask(&["models", "check", "list", "fraud/1"]).await;
    assert_eq!(checks["checks"][0]["digest"].as_str(), first.as_deref());

    shop.register(ILL).await;
    let (code, said) = shop.approved("fraud/2").await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("fraud/2 is not well"), "{said}");
    assert!(
        said.contains("rolled back: payments serves fraud/1"),
        "{said}"
    );
    assert_eq!(shop.serving().await, (1, first));
    assert_eq!(shop.outcomes("fraud/2").await, ["rolled back"]);
    assert_eq!(shop.outcomes("fraud/1").await, ["healthy", "healthy"]);
}

#[tokio::test]
async fn what_is_refused_or_not_approved_is_not_deployed() {
    let shop = Shop::open().await;
    shop.register(BROKEN).await;
    let (code, said) = ended(&shop.job("fraud/1", "60").output().await.unwrap());
    assert_eq!(code, 4, "{said}");
    assert!(
        said.contains("check loads failed: it does not load"),
        "{said}"
    );
    assert!(said.contains("rule \"checked\""), "{said}");

    shop.register(GOOD).await;
    let (code, said) = ended(&shop.job("fraud/2", "0.5").output().await.unwrap());
    assert_eq!(code, 7, "{said}");
    let requests = shop.ask(&["models", "requests", "fraud", "--all"]).await;
    assert_eq!(requests["requests"][0]["state"], "REQUEST_STATE_WITHDRAWN");

    let job = shop.job("fraud/2", "60").spawn().unwrap();
    let request = wait_until("the job asks again", async || {
        let found = shop.ask(&["models", "requests", "fraud"]).await;
        found["requests"][0]["id"].as_i64()
    });
    let request = request.await.to_string();
    shop.say(&shop.approver, &["models", "reject", &request])
        .await;
    let (code, said) = ended(&job.wait_with_output().await.unwrap());
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("the request was rejected by ana"), "{said}");
    for version in ["fraud/1", "fraud/2"] {
        assert_eq!(shop.outcomes(version).await, [""; 0]);
    }
}
