//! Several processes, some of which end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use herdbook_proto::registry::v1::{
    EventSelector, Model, UpdateModelRequest, model_service_client::ModelServiceClient,
};
use herdbook_testkit::wait_until;
use prost_types::FieldMask;
use sqlx::Executor as _;
use tonic::transport::Channel;

use super::receiver::{Receiver, Reply};
use crate::cluster::{Cluster, MODEL};

/// Silent to the first request about `revision`.
async fn silent_once(revision: i64) -> Receiver {
    let asked = AtomicUsize::new(0);
    Receiver::start(move |got| {
        let first = got.revision == revision && asked.fetch_add(1, Ordering::Relaxed) == 0;
        match first {
            true => Reply::Silence,
            false => Reply::Status(204),
        }
    })
    .await
}

async fn describe(channel: &Channel, description: &str) {
    let model = Model {
        name: MODEL.to_owned(),
        description: description.to_owned(),
        ..Default::default()
    };
    let request = UpdateModelRequest {
        model: Some(model),
        update_mask: Some(FieldMask {
            paths: vec!["description".to_owned()],
        }),
    };
    let mut models = ModelServiceClient::new(channel.clone());
    models.update_model(request).await.unwrap();
}

async fn count(cluster: &Cluster, what: &str, table: &str) -> i64 {
    let statement = format!("SELECT count({what}) FROM registry.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_one(cluster.database.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_send_each_change_once_and_in_order() {
    const CHANGES: i64 = 25;
    let cluster = Cluster::start().await;
    let (_channel, _running) = cluster.replica().await;
    wait_until("both to send", async || {
        (count(&cluster, "*", "webhook_senders").await == 2).then_some(())
    })
    .await;
    let receiver = Receiver::content().await;
    let mut hooks = 0;
    // Until each has some.
    while count(&cluster, "DISTINCT sender", "webhooks").await < 2 {
        let selector = EventSelector {
            models: vec![MODEL.to_owned()],
            ..Default::default()
        };
        let url = receiver.url(&hooks.to_string());
        cluster.hook(&format!("hook {hooks}"), &url, selector).await;
        hooks += 1;
        wait_until("all to be taken", async || {
            let taken = count(&cluster, "sender", "webhooks").await;
            (usize::try_from(taken) == Ok(hooks)).then_some(())
        })
        .await;
    }
    let before = cluster.audit().await.last().unwrap().revision;
    for change in 0..CHANGES {
        cluster.describe(&format!("change {change}")).await;
    }
    let expected: Vec<_> = (before + 1..=before + CHANGES).collect();
    let got = receiver.wait_for(hooks * expected.len()).await;
    for hook in 0..hooks {
        let path = format!("/{hook}");
        let revisions = got.iter().filter(|got| got.path == path);
        let revisions: Vec<_> = revisions.map(|got| got.revision).collect();
        assert_eq!(revisions, expected, "of {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stops_with_a_request_under_way_costs_one_repeat_at_most() {
    let cluster = Cluster::start().await;
    let receiver = silent_once(5).await;
    cluster
        .hook("deploy", &receiver.url(""), EventSelector::default())
        .await;
    cluster.describe_often(3).await;
    receiver.wait_for(3).await;
    let (channel, _running) = cluster.replica().await;
    cluster.stop();
    describe(&channel, "after").await;
    wait_until("the last", async || {
        receiver.revisions().contains(&6).then_some(())
    })
    .await;
    assert_eq!(receiver.revisions(), [3, 4, 5, 5, 6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_found_dead_writes_nothing_more() {
    let cluster = Cluster::start().await;
    let receiver = Arc::new(silent_once(3).await);
    cluster
        .hook("deploy", &receiver.url(""), EventSelector::default())
        .await;
    cluster.describe("first").await;
    receiver.wait_for(1).await;
    // As if it had stood still for longer than its lease, with the request under way.
    cluster
        .database
        .pool()
        .execute(
            "UPDATE registry.webhook_senders SET alive_until = clock_timestamp() - interval '1 s'",
        )
        .await
        .unwrap();
    let (channel, _running) = cluster.replica().await;
    for change in 0..3 {
        describe(&channel, &format!("{change}")).await;
    }
    wait_until("the last", async || {
        receiver.revisions().contains(&6).then_some(())
    })
    .await;
    assert_eq!(receiver.revisions(), [3, 3, 4, 5, 6]);
    // The request of the first runs into its time, and what came of that is nobody's business any more.
    let asked = wait_until("the first to know", async || {
        let senders = count(&cluster, "*", "webhook_senders").await;
        (senders == 2).then_some(cluster.get_hook("deploy").await)
    })
    .await;
    assert_eq!(
        (asked.position, asked.attempts, asked.failing_since),
        (6, 0, None)
    );
    assert!(
        cluster
            .deliveries("deploy")
            .await
            .iter()
            .all(|one| one.error.is_empty())
    );
}
