//! A version made again from what was recorded of it, compared with another, and proved, at the command line.

use std::{fs, path::Path, process::Output};

use herdbook_e2e::{Herdbook, folder, run};
use herdbook_proto::tracking::v1::{
    CreateRunRequest, Dataset, DatasetInput, Source, run_service_client::RunServiceClient,
};
use herdbook_testkit::wait_until;
use tokio::process::Command;

/// Writes what it read and was told to a file.
const TRAIN: &str = "mkdir -p out; { cat \"$1\"; printf '%s' \"$2\"; } > out/model.txt\n";
/// An argument that would do harm if a shell read it.
const HOSTILE: &str = "it's $(touch pwned) `touch pwned`; \"x\"\n--force";

async fn git(repository: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    let identity = ["-c", "user.name=ana", "-c", "user.email=ana@example.org"];
    command.args(identity).args(words).current_dir(repository);
    run(&mut command).await.trim().to_owned()
}

async fn digest(file: &Path) -> String {
    let said = run(Command::new("sha256sum").arg(file)).await;
    format!("sha256:{}", said.split_whitespace().next().unwrap())
}

struct Workshop {
    herdbook: Herdbook,
    repository: tempfile::TempDir,
    commit: String,
    _data: tempfile::TempDir,
}

impl Workshop {
    async fn open() -> Self {
        let (data, repository) = (folder(), folder());
        let herdbook = Herdbook::up(data.path()).await;
        git(repository.path(), &["init", "--quiet", "."]).await;
        fs::write(repository.path().join("train.sh"), TRAIN).unwrap();
        git(repository.path(), &["add", "train.sh"]).await;
        git(repository.path(), &["commit", "--quiet", "-m", "train"]).await;
        let commit = git(repository.path(), &["rev-parse", "HEAD"]).await;
        let workshop = Self {
            herdbook,
            repository,
            commit,
            _data: data,
        };
        workshop.done(&["models", "create", "fraud"]).await;
        workshop
    }

    async fn say(&self, arguments: &[&str]) -> Output {
        let mut command = Herdbook::command(arguments);
        command
            .env("HERDBOOK_URL", &self.herdbook.address)
            .current_dir(self.repository.path());
        command.output().await.unwrap()
    }

    async fn done(&self, arguments: &[&str]) -> String {
        let output = self.say(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Trains on `rows`, and registers what comes out.
    async fn train(&self, rows: &str) {
        let here = self.repository.path();
        let data = here.join(format!("data of {}.csv", rows.len()));
        fs::write(&data, rows).unwrap();
        let words = ["sh", "train.sh", data.to_str().unwrap(), HOSTILE];
        let dataset = Dataset {
            name: "loans".to_owned(),
            digest: digest(&data).await,
            uri: format!("file://{}", data.display()),
            ..Default::default()
        };
        let request = CreateRunRequest {
            params: [("seed".to_owned(), "7".to_owned())].into(),
            inputs: vec![DatasetInput {
                dataset: Some(dataset),
                context: "training".to_owned(),
                ..Default::default()
            }],
            source: Some(Source {
                repository: here.to_str().unwrap().to_owned(),
                commit: self.commit.clone(),
                command: words.map(str::to_owned).to_vec(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut runs = RunServiceClient::new(self.herdbook.channel().await);
        let made = runs.create_run(request).await.unwrap().into_inner();
        let id = made.run.unwrap().id;
        run(Command::new(words[0]).args(&words[1..]).current_dir(here)).await;
        self.done(&[
            "artifacts",
            "put",
            &id,
            "out/model.txt",
            "--as",
            "model/model.txt",
        ])
        .await;
        let source = format!("runs:/{id}/model");
        self.done(&["models", "register", "fraud", &source]).await;
        fs::remove_dir_all(here.join("out")).unwrap();
    }

    /// Waits until lineage knows a version with its run's file.
    async fn known(&self, version: &str) {
        wait_until("lineage knows the version", async || {
            let said = self
                .say(&["lineage", "completeness", version, "--output", "json"])
                .await;
            let said: serde_json::Value = serde_json::from_slice(&said.stdout).ok()?;
            let mut findings = said["findings"].as_array()?.iter();
            findings
                .any(|found| found["rule"] == "outputs" && found["passed"] == true)
                .then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_version_is_made_again_and_compared_and_proved() {
    let workshop = Workshop::open().await;
    workshop.train("a\n1\n").await;
    workshop.train("a\n1\n2\n").await;
    for version in ["fraud/1", "fraud/2"] {
        workshop.known(version).await;
    }

    // Neither packages nor a Python are recorded: all else is written, and what is missing is told.
    let here = workshop.repository.path();
    let said = workshop
        .say(&["lineage", "reproduce", "fraud/1", "--out", "again"])
        .await;
    assert_eq!(said.status.code(), Some(4), "{said:?}");
    let script = here.join("again/reproduce.sh");
    run(&mut Command::new(&script)).await;
    let made = fs::read_to_string(here.join("again/work/code/out/model.txt")).unwrap();
    assert_eq!(made, format!("a\n1\n{HOSTILE}"));
    assert!(!here.join("pwned").exists() && !here.join("again/work/code/pwned").exists());

    let data = fs::read_dir(here.join("again/work/data"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    fs::write(data.path(), "a\n3\n").unwrap();
    let refused = Command::new(&script).output().await.unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && told.contains("is not the loans that was read"),
        "{told}"
    );
    let said = workshop
        .say(&["lineage", "reproduce", "fraud/1", "--out", "again"])
        .await;
    assert!(
        String::from_utf8(said.stderr)
            .unwrap()
            .contains("is not empty")
    );

    let diff = workshop
        .done(&["lineage", "diff", "fraud/1", "fraud/2"])
        .await;
    assert!(
        diff.contains("~ loans") && !diff.contains("Code\n"),
        "{diff}"
    );
    let low = workshop
        .say(&["lineage", "completeness", "fraud/1", "--min-score", "100"])
        .await;
    assert_eq!(low.status.code(), Some(4));

    let prove = [
        "lineage",
        "prove",
        "fraud/1",
        "--suspect-tag",
        "biased",
        "--save",
        "proof.json",
    ];
    workshop.done(&prove).await;
    let verified = workshop.done(&["lineage", "verify", "proof.json"]).await;
    assert!(verified.contains("the same holds now"), "{verified}");
    workshop
        .done(&["lineage", "tag", "dataset:loans", "--add", "biased"])
        .await;
    let changed = workshop.say(&["lineage", "verify", "proof.json"]).await;
    assert_eq!(changed.status.code(), Some(4));
    workshop
        .done(&["lineage", "verify", "--offline", "proof.json"])
        .await;
    let proof = fs::read_to_string(here.join("proof.json")).unwrap();
    fs::write(here.join("proof.json"), proof.replace("loans", "loams")).unwrap();
    let altered = workshop
        .say(&["lineage", "verify", "--offline", "proof.json"])
        .await;
    assert_eq!(altered.status.code(), Some(8));
}
