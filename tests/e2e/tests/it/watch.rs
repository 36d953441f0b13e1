//! Watching the registry while the server is killed: the log, whole and once.

use futures::StreamExt as _;
use herdbook_e2e::{Herdbook, folder};
use herdbook_proto::registry::v1::{
    CreateModelRequest, ListAuditRecordsRequest, WatchRequest,
    model_service_client::ModelServiceClient, transition_service_client::TransitionServiceClient,
    watch_response::Event,
};
use herdbook_testkit::wait_until;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::watch;
use tonic::{Code, transport::Channel};

const WATCHERS: u64 = 50;
const ROUNDS: usize = 5;
const CHANGES: usize = 30;

/// Follows the log up to the revision that `end` tells at last, a few events at a time.
async fn follow(
    servers: watch::Receiver<Channel>,
    end: watch::Receiver<Option<i64>>,
    seed: u64,
) -> Vec<i64> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut seen = Vec::new();
    let mut after = 0;
    while end.borrow().is_none_or(|end| after < end) {
        let server = servers.borrow().clone();
        let request = WatchRequest {
            after_revision: Some(after),
            ..Default::default()
        };
        let mut client = TransitionServiceClient::new(server);
        let Ok(answer) = client.watch(request).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let mut events = answer.into_inner();
        for _ in 0..random.random_range(1..40) {
            let Some(Ok(event)) = events.next().await else {
                break;
            };
            match event.event {
                Some(Event::Record(record)) => {
                    seen.push(record.revision);
                    after = record.revision;
                }
                Some(Event::Bookmark(revision)) => after = revision,
                None => {}
            }
            if end.borrow().is_some_and(|end| after >= end) {
                break;
            }
        }
    }
    seen
}

/// Creates a model, whose answer may be lost with the server.
async fn create(server: &watch::Receiver<Channel>, name: &str) {
    wait_until("a model is created", async || {
        let channel = server.borrow().clone();
        let request = CreateModelRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        match ModelServiceClient::new(channel).create_model(request).await {
            Ok(_) => Some(()),
            Err(status) if status.code() == Code::AlreadyExists => Some(()),
            Err(_) => None,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_watchers_see_exactly_the_log_while_the_server_is_killed() {
    let folder = folder();
    let mut herdbook = Herdbook::up(folder.path()).await;
    let (server, servers) = watch::channel(herdbook.channel().await);
    let (end, ended) = watch::channel(None);
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|seed| tokio::spawn(follow(servers.clone(), ended.clone(), seed)))
        .collect();
    for round in 0..ROUNDS {
        for change in 0..CHANGES {
            create(&servers, &format!("model-{round}-{change}")).await;
        }
        // Killed in the midst of a change.
        let name = format!("cut-{round}");
        let restart = async {
            herdbook.kill().await;
            let next = Herdbook::up(folder.path()).await;
            server.send_replace(next.channel().await);
            next
        };
        let ((), next) = tokio::join!(create(&servers, &name), restart);
        herdbook = next;
    }
    let request = ListAuditRecordsRequest {
        page_size: 1_000,
        ..Default::default()
    };
    let mut client = TransitionServiceClient::new(herdbook.channel().await);
    let listed = client.list_audit_records(request).await.unwrap();
    let mut log: Vec<_> = listed
        .into_inner()
        .records
        .iter()
        .map(|record| record.revision)
        .collect();
    log.reverse();
    // A change at least for each model, and nothing in between.
    let models = i64::try_from(ROUNDS * (CHANGES + 1)).unwrap();
    assert_eq!(log, (1..=models).collect::<Vec<_>>());
    end.send_replace(Some(models));
    // Whoever waits for more is told by it that this was all.
    create(&servers, "the last").await;
    for watcher in watchers {
        let mut seen = watcher.await.unwrap();
        seen.retain(|revision| *revision <= models);
        assert_eq!(seen, log);
    }
}
