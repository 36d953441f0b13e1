//! What is sent, and what is not.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use herdbook_proto::registry::v1::{
    AuditAction, CreateWebhookRequest, EventSelector, ListDeadLettersRequest,
    ResendDeadLettersRequest,
};
use herdbook_testkit::wait_until;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::receiver::{Receiver, Reply};
use crate::cluster::{Cluster, MODEL};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_what_is_selected_comes_in_order_to_a_receiver_that_fails_at_random() {
    let cluster = Cluster::start().await;
    let random = Mutex::new(StdRng::seed_from_u64(7));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let kept = acknowledged.clone();
    let receiver = Receiver::start(move |got| {
        let status = [204, 200, 500, 404, 301][random.lock().unwrap().random_range(0..5)];
        if status < 300 {
            kept.lock().unwrap().push(got.revision);
        }
        Reply::Status(status)
    })
    .await;
    let selector = EventSelector {
        models: vec![MODEL.to_owned()],
        actions: vec![AuditAction::UpdateModel.into()],
        ..Default::default()
    };
    let request = CreateWebhookRequest {
        name: "deploy".to_owned(),
        url: receiver.url(""),
        selector: Some(selector),
        after_revision: Some(0),
        ..Default::default()
    };
    cluster.describe_often(5).await;
    cluster.webhooks().create_webhook(request).await.unwrap();
    for round in 0..10 {
        cluster.describe_often(2).await;
        // Not selected.
        cluster
            .hook(&format!("other {round}"), &receiver.url(""), never())
            .await;
    }
    let expected: Vec<_> = cluster
        .audit()
        .await
        .into_iter()
        .filter(|record| record.action() == AuditAction::UpdateModel)
        .map(|record| record.revision)
        .collect();
    assert_eq!(expected.len(), 25);
    wait_until("all to be acknowledged", async || {
        (acknowledged.lock().unwrap().len() >= expected.len()).then_some(())
    })
    .await;
    assert_eq!(*acknowledged.lock().unwrap(), expected);
    let mut attempts = receiver.revisions();
    assert!(attempts.len() > expected.len(), "it never failed");
    attempts.dedup();
    assert_eq!(attempts, expected, "another was sent before one was taken");
    let webhook = wait_until("the last to be noted", async || {
        let webhook = cluster.get_hook("deploy").await;
        (webhook.position >= *expected.last()?).then_some(webhook)
    })
    .await;
    assert_eq!((webhook.attempts, webhook.failing_since), (0, None));
    assert_eq!(webhook.dead_letters, 0);
}

/// Selects nothing that happens here.
fn never() -> EventSelector {
    EventSelector {
        models: vec!["another".to_owned()],
        ..Default::default()
    }
}

#[tokio::test]
async fn what_is_not_taken_becomes_a_dead_letter_and_can_be_sent_again_first() {
    let cluster = Cluster::start().await;
    let broken = Arc::new(AtomicBool::new(true));
    let still = broken.clone();
    let receiver = Receiver::start(move |got| {
        let poison = got.event["data"]["tags"]["poison"] == "yes";
        match poison && still.load(Ordering::Relaxed) {
            true => Reply::Status(500),
            false => Reply::Status(204),
        }
    })
    .await;
    cluster
        .hook("deploy", &receiver.url(""), EventSelector::default())
        .await;
    cluster.tag("poison", "yes").await;
    cluster.tag("poison", "no").await;
    let webhook = wait_until("the dead letter", async || {
        Some(cluster.get_hook("deploy").await).filter(|webhook| webhook.dead_letters == 1)
    })
    .await;
    let got = receiver.wait_for(11).await;
    assert_eq!(receiver.revisions(), [[3; 10].as_slice(), &[4]].concat());
    // The same message each time.
    assert!(got[..10].iter().all(|one| one.body == got[0].body));
    assert!(
        got[..10]
            .iter()
            .all(|one| one.header("webhook-id") == got[0].header("webhook-id"))
    );
    assert!(webhook.enabled);
    let request = ListDeadLettersRequest {
        name: "deploy".to_owned(),
        ..Default::default()
    };
    let listed = cluster.webhooks().list_dead_letters(request).await.unwrap();
    let letters = listed.into_inner().dead_letters;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].revision, letters[0].resend), (3, false));
    assert_eq!(letters[0].error, "the receiver answered 500");

    // It fails once more, and stays.
    let resend = |revisions: Vec<i64>| ResendDeadLettersRequest {
        name: "deploy".to_owned(),
        revisions,
    };
    let none = cluster
        .webhooks()
        .resend_dead_letters(resend(vec![4]))
        .await;
    assert_eq!(none.unwrap().into_inner().resent, 0);
    let one = cluster
        .webhooks()
        .resend_dead_letters(resend(vec![3]))
        .await;
    assert_eq!(one.unwrap().into_inner().resent, 1);
    receiver.wait_for(12).await;
    assert_eq!(cluster.get_hook("deploy").await.dead_letters, 1);
    broken.store(false, Ordering::Relaxed);
    cluster
        .webhooks()
        .resend_dead_letters(resend(vec![]))
        .await
        .unwrap();
    wait_until("it to be taken", async || {
        (cluster.get_hook("deploy").await.dead_letters == 0).then_some(())
    })
    .await;
    cluster.describe("next").await;
    receiver.wait_for(14).await;
    assert_eq!(receiver.revisions()[11..], [3, 3, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_times_out_and_holds_up_no_other() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::start(|got| match got.path.as_str() {
        "/silent" => Reply::Silence,
        _ => Reply::Status(204),
    })
    .await;
    cluster
        .hook("silent", &receiver.url("silent"), EventSelector::default())
        .await;
    // Sees the creation of the other, too.
    cluster
        .hook("quick", &receiver.url("quick"), EventSelector::default())
        .await;
    wait_until("the silent one to be asked", async || {
        receiver
            .got()
            .iter()
            .find(|got| got.path == "/silent")
            .map(|_| ())
    })
    .await;
    cluster.describe_often(20).await;
    wait_until("the others", async || {
        let got = receiver.got();
        let quick = got.iter().filter(|got| got.path == "/quick").count();
        (quick == 20).then_some(())
    })
    .await;
    let first = wait_until("the time to be out", async || {
        cluster.deliveries("silent").await.pop()
    })
    .await;
    assert_eq!((first.status, first.revision), (None, 3));
    assert_eq!(first.error, "no answer within 2s");
    assert!(cluster.get_hook("silent").await.failing_since.is_some());
    assert!(
        cluster
            .deliveries("quick")
            .await
            .iter()
            .all(|one| one.error.is_empty())
    );
}

#[tokio::test]
async fn the_last_hundred_attempts_are_kept() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    cluster
        .hook("deploy", &receiver.url(""), EventSelector::default())
        .await;
    cluster.describe_often(120).await;
    let last = cluster.model().await.revision;
    let kept = wait_until("the last", async || {
        let kept = cluster.deliveries("deploy").await;
        (kept.first()?.revision == last).then_some(kept)
    })
    .await;
    let revisions: Vec<_> = kept.iter().map(|one| one.revision).collect();
    assert_eq!(revisions, (last - 99..=last).rev().collect::<Vec<_>>());
    assert!(
        kept.iter()
            .all(|one| one.status == Some(204) && one.attempt == 1)
    );
}

#[tokio::test]
async fn what_is_not_selected_moves_the_position_all_the_same() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    cluster.hook("deploy", &receiver.url(""), never()).await;
    cluster.describe_often(3).await;
    let last = cluster.model().await.revision;
    wait_until("the position to follow", async || {
        (cluster.get_hook("deploy").await.position == last).then_some(())
    })
    .await;
    assert!(receiver.got().is_empty());
}
