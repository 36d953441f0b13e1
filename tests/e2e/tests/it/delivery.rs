//! Whichever service is killed: lineage comes to know what tracking and the registry know, and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use herdbook_e2e::{Herdbook, folder};
use herdbook_proto::{
    registry::v1::{
        CreateModelRequest, CreateVersionRequest, TransitionVersionRequest,
        model_service_client::ModelServiceClient,
        transition_service_client::TransitionServiceClient,
        version_service_client::VersionServiceClient,
    },
    tracking::v1::{
        ArtifactHeader, CreateRunRequest, Dataset, DatasetInput, Environment, Run, RunStatus,
        Source, UpdateRunRequest, UploadArtifactRequest,
        artifact_service_client::ArtifactServiceClient, run_service_client::RunServiceClient,
        upload_artifact_request::Message as Upload,
    },
};
use herdbook_testkit::{TestDatabase, wait_until, wait_up_to};
use prost_types::FieldMask;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::watch;
use tonic::{Code, Status, transport::Channel};

use crate::seed;

const RUNS: u64 = 10_000;
const CLIENTS: u64 = 8;
/// Runs from a kill to the next.
const BETWEEN: std::ops::Range<u64> = 200..500;
/// Every so many runs leave a model of which a version is registered.
const REGISTERED: u64 = 25;
/// How long lineage may take to hear of everything once nothing is killed any more: what a dead relay had leased
/// waits for the end of its lease.
const LONG: Duration = Duration::from_secs(120);
/// What lineage is to hold by the tables of tracking and the registry, and what it holds instead.
const DIFFERENCE: &str = include_str!("delivery/difference.sql");

/// A part of Herdbook at an address that it keeps over its deaths.
struct Part {
    name: &'static str,
    arguments: Vec<String>,
    process: Option<Herdbook>,
    address: String,
}

impl Part {
    async fn start(name: &'static str, shared: &[&str], peers: &[&str]) -> Self {
        let arguments = shared.iter().chain(peers);
        let mut part = Self {
            name,
            arguments: arguments.map(|&argument| argument.to_owned()).collect(),
            process: None,
            address: "127.0.0.1:0".to_owned(),
        };
        part.begin().await;
        part
    }

    async fn begin(&mut self) {
        let mut command = Herdbook::command(&["serve", self.name, "--listen", &self.address]);
        let process = Herdbook::start(command.args(&self.arguments)).await;
        self.address.clone_from(&process.address);
        self.process = Some(process);
    }

    async fn crash(&mut self) {
        self.process.take().unwrap().kill().await;
        self.begin().await;
    }

    fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect_lazy()
    }
}

/// Asks until there is an answer: every call here can be made again.
async fn sure<T>(what: &str, mut call: impl AsyncFnMut() -> Result<T, Status>) -> T {
    wait_until(what, async || match call().await {
        Ok(answer) => Some(answer),
        // The connection broke in the midst of it, or a service that it needs is away.
        Err(status)
            if [Code::Unavailable, Code::Unknown, Code::Cancelled].contains(&status.code()) =>
        {
            None
        }
        Err(status) => panic!("{what}: {status}"),
    })
    .await
}

/// Somebody who trains, one run after another.
struct Trainer {
    id: u64,
    runs: RunServiceClient<Channel>,
    artifacts: ArtifactServiceClient<Channel>,
    models: ModelServiceClient<Channel>,
    versions: VersionServiceClient<Channel>,
    moves: TransitionServiceClient<Channel>,
    made: Arc<watch::Sender<u64>>,
}

impl Trainer {
    async fn train(mut self, next: Arc<AtomicU64>) {
        let model = format!("model \"{}\" ÿ", self.id);
        let request = CreateModelRequest {
            name: model.clone(),
            ..Default::default()
        };
        let created = sure("a model", async || {
            match self.models.create_model(request.clone()).await {
                Err(status) if status.code() == Code::AlreadyExists => Ok(()),
                created => created.map(|_| ()),
            }
        });
        created.await;
        let (mut parent, mut newest) = (String::new(), None);
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= RUNS {
                return;
            }
            let request = run(n, &parent, newest.as_deref());
            let made = sure("a run", async || {
                self.runs.create_run(request.clone()).await
            })
            .await;
            let id = made.into_inner().run.unwrap().id;
            if n.is_multiple_of(REGISTERED) {
                newest = Some(self.register(&model, &id, n).await);
            }
            self.finish(&id).await;
            if n.is_multiple_of(10) {
                parent = id;
            }
            self.made.send_modify(|made| *made += 1);
        }
    }

    /// Registers a version of what the run left, and promotes it; its reference.
    async fn register(&mut self, model: &str, run: &str, n: u64) -> String {
        let header = ArtifactHeader {
            run_id: run.to_owned(),
            path: "model/weights".to_owned(),
            ..Default::default()
        };
        let messages =
            [Upload::Header(header), Upload::Chunk(n.to_string().into())].map(|message| {
                UploadArtifactRequest {
                    message: Some(message),
                }
            });
        sure("an artifact", async || {
            self.artifacts
                .upload_artifact(tokio_stream::iter(messages.clone()))
                .await
        })
        .await;
        let request = CreateVersionRequest {
            model: model.to_owned(),
            source: format!("runs:/{run}/model"),
            request_id: n.to_string(),
            ..Default::default()
        };
        let made = sure("a version", async || {
            self.versions.create_version(request.clone()).await
        })
        .await;
        let version = made.into_inner().version.unwrap().number;
        for to in ["Staging", "Production"] {
            let request = TransitionVersionRequest {
                model: model.to_owned(),
                version,
                to: to.to_owned(),
                request_id: format!("{n} {to}"),
                ..Default::default()
            };
            sure("a promotion", async || {
                self.moves.transition_version(request.clone()).await
            })
            .await;
        }
        format!("{model}/{version}")
    }

    async fn finish(&mut self, run: &str) {
        let request = UpdateRunRequest {
            run: Some(Run {
                id: run.to_owned(),
                status: RunStatus::Finished.into(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask {
                paths: vec!["status".to_owned()],
            }),
        };
        sure("the end of a run", async || {
            self.runs.update_run(request.clone()).await
        })
        .await;
    }
}

/// The `n`th run.
fn run(n: u64, parent: &str, newest: Option<&str>) -> CreateRunRequest {
    let input = |name: String, context: &str| DatasetInput {
        dataset: Some(Dataset {
            digest: format!("sha256:{:064x}", n % 40),
            name,
            uri: "s3://bucket/it's".to_owned(),
            ..Default::default()
        }),
        context: context.to_owned(),
        ..Default::default()
    };
    let source = Source {
        repository: "https://git.example/train".to_owned(),
        commit: format!("{:040x}", n % 50),
        entry_point: "train.py".to_owned(),
        ..Default::default()
    };
    let environment = Environment {
        python_version: "3.12.4".to_owned(),
        requirements: vec![format!("numpy==2.{}", n % 5)],
        ..Default::default()
    };
    CreateRunRequest {
        params: [("n".to_owned(), n.to_string())].into(),
        inputs: vec![
            input(format!("data {}", n % 20), "training"),
            input("holdout".to_owned(), "test"),
        ],
        source: (!n.is_multiple_of(3)).then_some(source),
        environment: (!n.is_multiple_of(4)).then_some(environment),
        parent_run_id: if n.is_multiple_of(10) {
            String::new()
        } else {
            parent.to_owned()
        },
        based_on: newest
            .filter(|_| n.is_multiple_of(7))
            .map(str::to_owned)
            .into_iter()
            .collect(),
        request_id: n.to_string(),
        ..Default::default()
    }
}

#[tokio::test]
async fn lineage_hears_of_ten_thousand_runs_whatever_is_killed() {
    let database = TestDatabase::create().await;
    let folder = folder();
    let blobs = format!("file://{}", folder.path().display());
    let shared = ["--database-url", database.url(), "--blobs", &blobs];
    let mut random = StdRng::seed_from_u64(seed());
    let lineage = Part::start("lineage", &shared, &[]).await;
    let tracking = Part::start("tracking", &shared, &["--lineage-url", &lineage.address]).await;
    let peers = [
        "--lineage-url",
        &lineage.address,
        "--tracking-url",
        &tracking.address,
    ];
    let registry = Part::start("registry", &shared, &peers).await;
    let (made, mut count) = watch::channel(0);
    let (made, next) = (Arc::new(made), Arc::new(AtomicU64::new(0)));
    let trainers = (0..CLIENTS).map(|id| {
        let trainer = Trainer {
            id,
            runs: RunServiceClient::new(tracking.channel()),
            artifacts: ArtifactServiceClient::new(tracking.channel()),
            models: ModelServiceClient::new(registry.channel()),
            versions: VersionServiceClient::new(registry.channel()),
            moves: TransitionServiceClient::new(registry.channel()),
            made: made.clone(),
        };
        trainer.train(next.clone())
    });
    let trainers = join_all(trainers);
    let mut parts = [lineage, tracking, registry];
    let killing = async {
        let mut moment = random.random_range(BETWEEN);
        while moment < RUNS {
            count.wait_for(|made| *made >= moment).await.unwrap();
            let chosen = random.random_range(0..parts.len());
            parts[chosen].crash().await;
            moment = *count.borrow() + random.random_range(BETWEEN);
        }
    };
    tokio::join!(trainers, killing);

    let pool = database.database().pool().clone();
    let mut difference = Vec::new();
    wait_up_to(LONG, "lineage knows what the others know", async || {
        let found = sqlx::query_as::<_, (String, String)>(DIFFERENCE);
        let found = found.fetch_all(&pool).await.unwrap();
        if found != difference {
            println!("lineage {found:#?}");
            difference = found;
        }
        difference.is_empty().then_some(())
    })
    .await;
}
