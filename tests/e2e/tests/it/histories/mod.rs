//! The registry under kill -9: what clients were told can be told by a registry that does one call at a time, and
//! the audit log says the same.

mod client;
mod handmade;
mod log;
mod model;

use std::{fs, path::Path, sync::Arc, time::Duration};

use futures::future::join_all;
use herdbook_e2e::{
    Herdbook, folder,
    linearizable::{Event, Unexplained, check},
    postmaster, run,
};
use herdbook_proto::{
    access::v1::{
        CreatePrincipalRequest, CreateTokenRequest, PrincipalKind,
        access_service_client::AccessServiceClient,
    },
    common::v1::Role,
    registry::v1::{
        ApplySharedPolicyRequest, CreateModelRequest, Move, Policy, RequiredApprovals, Rollback,
        Rule, UseSharedPolicyRequest, model_service_client::ModelServiceClient,
        policy_service_client::PolicyServiceClient, rule::Rule as Asks,
    },
    tracking::v1::{
        ArtifactHeader, CreateRunRequest, UploadArtifactRequest,
        artifact_service_client::ArtifactServiceClient, run_service_client::RunServiceClient,
        upload_artifact_request::Message as Upload,
    },
};
use herdbook_testkit::{grpc::reason, wait_until};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rustix::process::{Signal, kill_process};
use tokio::sync::watch;
use tonic::Code;

use crate::seed;
use client::{Client, History, Place};
use model::{Answer, Call, Registered, Stage};

const HISTORIES: usize = 200;
/// Histories at once: every kill meets all of them.
const AT_ONCE: usize = 8;
const CLIENTS: usize = 8;
/// Calls of a client.
const CALLS: usize = 6;
/// Calls from a kill to the next, of all clients.
const BETWEEN: std::ops::Range<u64> = 200..600;
/// How long a history may take.
const LONG: Duration = Duration::from_secs(120);
const PEOPLE: [&str; 3] = ["ana", "bo", "cyd"];
const POLICY: &str = "watched";

/// Whether the events of a history are those of a registry that does one call at a time.
fn verify(events: &[Event<Call, Answer>]) -> Result<(), Unexplained> {
    check(Registered::default(), events)
}

async fn up(folder: &Path) -> Herdbook {
    let mut command = Herdbook::command(&["up", "--listen", "127.0.0.1:0", "--auth", "required"]);
    Herdbook::start(command.arg("--data-dir").arg(folder)).await
}

/// Makes everybody's token, and the policy.
async fn prepare(herdbook: &Herdbook, server: watch::Receiver<tonic::transport::Channel>) -> Place {
    let ready = fs::read_to_string(herdbook.ready_file()).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let database = ready["database"].as_str().unwrap();
    let first = [
        "tokens",
        "create",
        "--bootstrap",
        "--database-url",
        database,
    ];
    let first = run(&mut Herdbook::command(&first)).await;
    let admin = Place {
        server,
        tokens: Arc::new([first.trim().to_owned()]),
    };
    let mut access = AccessServiceClient::new(admin.channel());
    let mut tokens = Vec::new();
    for name in PEOPLE {
        let create = CreatePrincipalRequest {
            name: name.to_owned(),
            kind: PrincipalKind::Person.into(),
            role: Role::Approver.into(),
        };
        access.create_principal(admin.by(0, create)).await.unwrap();
        let create = CreateTokenRequest {
            principal: name.to_owned(),
            name: "test".to_owned(),
            ..Default::default()
        };
        let made = access.create_token(admin.by(0, create)).await.unwrap();
        tokens.push(made.into_inner().secret);
    }
    let apply = ApplySharedPolicyRequest {
        name: POLICY.to_owned(),
        policy: Some(policy()),
        ..Default::default()
    };
    let mut policies = PolicyServiceClient::new(admin.channel());
    policies
        .apply_shared_policy(admin.by(0, apply))
        .await
        .unwrap();
    // The admin is the last, who makes no calls of a history.
    tokens.push(first.trim().to_owned());
    Place {
        tokens: tokens.into(),
        ..admin
    }
}

/// See [`Stage`].
fn policy() -> Policy {
    let stage = |stage: Stage| herdbook_proto::registry::v1::Stage {
        name: stage.name().to_owned(),
        exclusive: stage == Stage::Production,
        displaced_to: match stage {
            Stage::Production => Stage::Archived.name().to_owned(),
            _ => String::new(),
        },
        ..Default::default()
    };
    let step = |from: &str, to: Stage, rules| Move {
        from: from.to_owned(),
        to: to.name().to_owned(),
        rules,
    };
    let approved = Rule {
        name: "approved".to_owned(),
        rule: Some(Asks::RequiredApprovals(RequiredApprovals {
            count: 1,
            role: Role::Approver.into(),
            ..Default::default()
        })),
    };
    Policy {
        stages: Stage::ALL.map(stage).into(),
        moves: vec![
            step("*", Stage::Staging, Vec::new()),
            step("*", Stage::Archived, Vec::new()),
            step("*", Stage::Production, vec![approved]),
            step(Stage::Staging.name(), Stage::Production, Vec::new()),
        ],
        rollback: Some(Rollback::default()),
        ..Default::default()
    }
}

/// A run with a file, from which versions are registered.
async fn create_source(place: &Place, content: usize) -> String {
    let mut runs = RunServiceClient::new(place.channel());
    let run = runs
        .create_run(place.by(0, CreateRunRequest::default()))
        .await;
    let run_id = run.unwrap().into_inner().run.unwrap().id;
    let message = |message| UploadArtifactRequest {
        message: Some(message),
    };
    let header = Upload::Header(ArtifactHeader {
        run_id: run_id.clone(),
        path: "model/weights.bin".to_owned(),
        ..Default::default()
    });
    let chunk = Upload::Chunk(content.to_string().into_bytes().into());
    let upload = futures::stream::iter([message(header), message(chunk)]);
    let mut artifacts = ArtifactServiceClient::new(place.channel());
    let upload = place.by(0, upload);
    artifacts.upload_artifact(upload).await.unwrap();
    format!("runs:/{run_id}/model")
}

/// Makes a model with the policy, whatever is killed meanwhile.
async fn create_model(place: &Place, name: &str) {
    let admin = PEOPLE.len();
    wait_until("a model is created", async || {
        let create = CreateModelRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        let mut models = ModelServiceClient::new(place.channel());
        match models.create_model(place.by(admin, create)).await {
            Err(status) if reason(&status).0 != Code::AlreadyExists => None,
            _ => Some(()),
        }
    })
    .await;
    wait_until("it has its policy", async || {
        let choose = UseSharedPolicyRequest {
            model: name.to_owned(),
            policy: POLICY.to_owned(),
        };
        let mut policies = PolicyServiceClient::new(place.channel());
        policies
            .use_shared_policy(place.by(admin, choose))
            .await
            .ok()
    })
    .await;
}

/// A history of all clients.
async fn record(
    place: &Place,
    number: usize,
    source: &str,
    done: &Arc<watch::Sender<u64>>,
    seed: u64,
) -> Arc<History> {
    let model = format!("model-{number}");
    create_model(place, &model).await;
    let history = Arc::new(History::new(model, source.to_owned()));
    let clients = (0..CLIENTS).map(|client| {
        let client = Client {
            who: client % PEOPLE.len(),
            place: place.clone(),
            history: history.clone(),
            random: StdRng::seed_from_u64(seed ^ (number * CLIENTS + client) as u64),
            done: done.clone(),
        };
        client.run(CALLS)
    });
    let all = tokio::time::timeout(LONG, join_all(clients)).await;
    all.expect("every client comes to its end");
    history
}

/// How often what was killed.
#[derive(Debug, Default)]
struct Kills {
    servers: u32,
    postgres: u32,
}

/// Kills the server or its Postgres after so many calls, again and again until all calls are done.
async fn kill(
    mut herdbook: Herdbook,
    data: &Path,
    server: &watch::Sender<tonic::transport::Channel>,
    mut done: watch::Receiver<u64>,
    random: &mut StdRng,
) -> (Herdbook, Kills) {
    let all = (HISTORIES * CLIENTS * CALLS) as u64;
    let (mut kills, mut next) = (Kills::default(), 0);
    loop {
        next += random.random_range(BETWEEN);
        if next >= all {
            return (herdbook, kills);
        }
        done.wait_for(|done| *done >= next).await.unwrap();
        if random.random_bool(0.6) {
            herdbook.kill().await;
            herdbook = up(data).await;
            server.send_replace(herdbook.channel().await);
            kills.servers += 1;
        } else {
            // After the last kill it may still be on its way back.
            wait_until("a running postgres is killed", async || {
                kill_process(postmaster(data)?, Signal::KILL).ok()
            })
            .await;
            kills.postgres += 1;
        }
        // What was done while nothing was killed does not count.
        next = next.max(*done.borrow());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_histories_under_kill_9_are_linearizable() {
    let folder = folder();
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let herdbook = up(folder.path()).await;
    let (server, current) = watch::channel(herdbook.channel().await);
    let place = prepare(&herdbook, current).await;
    let done = Arc::new(watch::Sender::new(0));
    let mut slots = Vec::new();
    for slot in 0..AT_ONCE {
        let (place, done) = (place.clone(), done.clone());
        let source = create_source(&place, slot).await;
        slots.push(async move {
            let mut histories = Vec::new();
            for number in (slot..HISTORIES).step_by(AT_ONCE) {
                histories.push(record(&place, number, &source, &done, seed).await);
            }
            histories
        });
    }
    let killing = kill(
        herdbook,
        folder.path(),
        &server,
        done.subscribe(),
        &mut random,
    );
    let (slots, (_herdbook, kills)) = tokio::join!(join_all(slots), killing);
    let histories: Vec<_> = slots.into_iter().flatten().collect();
    tell(&histories, &kills);
    for history in &histories {
        let mut events = history.events.lock().unwrap().clone();
        events.sort_by_key(|event| event.called);
        if let Err(unexplained) = verify(&events) {
            let lines = events.iter().enumerate();
            let lines = lines.map(|(place, event)| format!("{place}: {event:?}\n"));
            panic!(
                "{}: {unexplained:?} of\n{}",
                history.model,
                lines.collect::<String>()
            );
        }
    }
    assert!(kills.servers > 0 && kills.postgres > 0, "{kills:?}");
    place.settle().await;
    log::check(&place, &histories).await;
}

fn tell(histories: &[Arc<History>], kills: &Kills) {
    let (mut calls, mut lost, mut moved, mut overtaken, mut cut) = (0, 0, 0, 0, 0);
    for history in histories {
        let events = history.events.lock().unwrap();
        let count = |wanted: fn(&Event<Call, Answer>) -> bool| {
            events.iter().filter(|event| wanted(event)).count()
        };
        calls += events.len();
        let away = count(|event| event.answered.is_none());
        lost += away;
        cut += usize::from(away > 0);
        moved += count(|event| matches!(event.answered, Some((Answer::Moved { .. }, _))));
        overtaken += count(|event| matches!(event.answered, Some((Answer::Overtaken, _))));
    }
    println!(
        "{} histories, {cut} of them with lost answers; {calls} calls, {moved} moves, {lost} lost, \
         {overtaken} overtaken; {kills:?}",
        histories.len()
    );
}
