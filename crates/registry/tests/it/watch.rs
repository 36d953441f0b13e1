//! Watching: every change once and in order, whoever restarts, leaves, or dawdles.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use herdbook_proto::registry::v1::{
    AuditAction, AuditRecord, EventSelector, ListModelsRequest, WatchRequest, WatchResponse,
    transition_service_client::TransitionServiceClient, watch_response::Event,
};
use herdbook_testkit::grpc::{elsewhere, fields, reason};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::watch;
use tonic::{Code, Status, Streaming, transport::Channel};

use crate::cluster::{Cluster, MODEL};

async fn open(
    channel: &Channel,
    after: Option<i64>,
    selector: EventSelector,
) -> Result<Streaming<WatchResponse>, Status> {
    let request = WatchRequest {
        after_revision: after,
        selector: Some(selector),
        ..Default::default()
    };
    let answer = TransitionServiceClient::new(channel.clone())
        .watch(request)
        .await;
    Ok(answer?.into_inner())
}

async fn next(events: &mut Streaming<WatchResponse>) -> Option<Event> {
    events.next().await?.ok()?.event
}

async fn next_record(events: &mut Streaming<WatchResponse>) -> AuditRecord {
    loop {
        if let Event::Record(record) = next(events).await.unwrap() {
            return record;
        }
    }
}

/// Follows the log until `last`, by a few events at a time from whichever server there is.
async fn follow(servers: watch::Receiver<Channel>, last: i64, seed: u64) -> Vec<AuditRecord> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut seen, mut after) = (Vec::new(), 0);
    while after < last {
        let server = servers.borrow().clone();
        // A server that stops refuses, or ends the answer: the next one is asked.
        let Ok(mut events) = open(&server, Some(after), EventSelector::default()).await else {
            tokio::task::yield_now().await;
            continue;
        };
        for _ in 0..random.random_range(1..60) {
            match next(&mut events).await {
                Some(Event::Record(record)) => {
                    after = record.revision;
                    seen.push(record);
                }
                Some(Event::Bookmark(revision)) => after = revision,
                None => break,
            }
            if after == last {
                break;
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_watchers_that_reconnect_see_exactly_the_log_while_servers_come_and_go() {
    const CHANGES: i64 = 400;
    let cluster = Arc::new(Cluster::start().await);
    let (first, mut running) = cluster.replica().await;
    let (server, servers) = watch::channel(first);
    let watchers: Vec<_> = (0..50)
        .map(|seed| tokio::spawn(follow(servers.clone(), CHANGES + 1, seed)))
        .collect();
    for change in 0..CHANGES {
        cluster.describe(&format!("change {change}")).await;
        if change % 80 == 40 {
            let (channel, guard) = cluster.replica().await;
            // The old one stops with its watchers on it.
            drop(std::mem::replace(&mut running, guard));
            server.send_replace(channel);
        }
    }
    let log = cluster.audit().await;
    assert_eq!(log.len(), usize::try_from(CHANGES + 1).unwrap());
    for watcher in watchers {
        assert!(watcher.await.unwrap() == log, "a watcher saw another log");
    }
    drop(running);
}

#[tokio::test]
async fn a_watcher_that_dawdles_misses_nothing() {
    // More than is kept for it in memory.
    const CHANGES: usize = 1_400;
    let cluster = Cluster::start().await;
    let mut events = open(&cluster.channel, None, EventSelector::default())
        .await
        .unwrap();
    assert_eq!(next(&mut events).await, Some(Event::Bookmark(1)));
    // And more than connections hold on the way.
    let words = "x".repeat(20_000);
    for _ in 0..CHANGES {
        cluster.describe(&words).await;
    }
    for revision in 2..CHANGES + 2 {
        let record = next_record(&mut events).await;
        assert_eq!(record.revision, i64::try_from(revision).unwrap());
    }
}

#[tokio::test]
async fn only_what_is_selected_is_told_now_and_from_history() {
    let cluster = Cluster::start().await;
    let number = cluster.register(0.9).await;
    let selector = EventSelector {
        models: vec![MODEL.to_owned()],
        stages: vec!["production".to_owned()],
        actions: vec![AuditAction::Transition.into()],
        ..Default::default()
    };
    let mut early = open(&cluster.channel, Some(0), selector.clone())
        .await
        .unwrap();
    assert_eq!(next(&mut early).await, Some(Event::Bookmark(0)));
    cluster.promote(number, "Staging").await.unwrap();
    cluster.describe("noise").await;
    let done = cluster.promote(number, "Production").await.unwrap();
    assert_eq!(next_record(&mut early).await.revision, done.revision);
    let mut late = open(&cluster.channel, Some(0), selector).await.unwrap();
    assert_eq!(next_record(&mut late).await.revision, done.revision);
}

#[tokio::test]
async fn tags_select_by_what_they_were_after_the_change() {
    let cluster = Cluster::start().await;
    cluster.tag("team", "risk").await;
    cluster.describe("tagged").await;
    cluster.tag("team", "ads").await;
    let selector = EventSelector {
        tags: [("team".to_owned(), "risk".to_owned())].into(),
        ..Default::default()
    };
    let mut events = open(&cluster.channel, Some(0), selector).await.unwrap();
    assert_eq!(next_record(&mut events).await.revision, 2);
    assert_eq!(next_record(&mut events).await.revision, 3);
    cluster.tag("team", "risk").await;
    assert_eq!(next_record(&mut events).await.revision, 5);
}

#[tokio::test]
async fn a_quiet_watcher_is_told_how_far_it_has_come() {
    let cluster = Cluster::start().await;
    let selector = EventSelector {
        models: vec!["another".to_owned()],
        ..Default::default()
    };
    let mut events = open(&cluster.channel, Some(0), selector).await.unwrap();
    assert_eq!(next(&mut events).await, Some(Event::Bookmark(0)));
    let busy = async {
        loop {
            cluster.describe("noise").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    // However busy others are.
    tokio::select! {
        event = next(&mut events) => {
            assert!(matches!(event, Some(Event::Bookmark(1..))), "{event:?}");
        }
        () = busy => {}
    }
}

#[tokio::test]
async fn a_watch_from_where_a_list_was_read_has_no_gap() {
    let cluster = Cluster::start().await;
    cluster.describe("before").await;
    let request = ListModelsRequest::default();
    let listed = cluster.models().list_models(request).await.unwrap();
    let revision = listed.into_inner().revision;
    assert_eq!(revision, cluster.model().await.revision);
    cluster.describe("after").await;
    let mut events = open(&cluster.channel, Some(revision), EventSelector::default())
        .await
        .unwrap();
    assert_eq!(next_record(&mut events).await.revision, revision + 1);
}

#[tokio::test]
async fn a_revision_that_is_ahead_cannot_be_watched_from() {
    let cluster = Cluster::start().await;
    let refused = open(&cluster.channel, Some(99), EventSelector::default()).await;
    let refused = refused.map(|_| ()).unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::OutOfRange, "REVISION_AHEAD".into())
    );
}

#[tokio::test]
async fn an_unknown_action_and_another_workspace_select_nothing() {
    let cluster = Cluster::start().await;
    let selector = EventSelector {
        actions: vec![99],
        ..Default::default()
    };
    let refused = open(&cluster.channel, None, selector).await.map(|_| ());
    assert_eq!(fields(&refused.unwrap_err()), ["selector.actions[0]"]);
    let request = elsewhere(WatchRequest::default());
    let answer = cluster.transitions().watch(request).await.unwrap();
    let mut events = answer.into_inner();
    cluster.describe("not theirs").await;
    assert_eq!(next(&mut events).await, Some(Event::Bookmark(0)));
    let more = tokio::time::timeout(Duration::from_millis(200), events.next());
    assert!(
        more.await.is_err(),
        "a change of another workspace was told"
    );
}
