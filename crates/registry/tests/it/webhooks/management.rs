//! What admins do with webhooks.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use herdbook_proto::registry::v1::{
    AuditAction, CreateWebhookRequest, DeleteWebhookRequest, EventSelector, GetWebhookRequest,
    ListWebhooksRequest, RotateWebhookSecretRequest, TestWebhookRequest,
};
use herdbook_testkit::{
    grpc::{elsewhere, fields, reason},
    wait_until,
};
use sha2::{Digest as _, Sha256};
use tonic::Code;

use super::receiver::{Received, Receiver, Reply};
use crate::cluster::{Cluster, by};

/// HMAC by its definition (RFC 2104), for a secret of 32 bytes.
fn hmac(secret: &str, message: &[u8]) -> String {
    let secret = secret.strip_prefix("whsec_").unwrap();
    let mut key = BASE64_STANDARD.decode(secret).unwrap();
    assert_eq!(key.len(), 32);
    key.resize(64, 0);
    let pad = |with: u8| key.iter().map(|byte| byte ^ with).collect::<Vec<_>>();
    let inner = Sha256::digest([pad(0x36), message.to_vec()].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    BASE64_STANDARD.encode(outer)
}

/// Whether a request is signed by `secret`.
fn signed(got: &Received, secret: &str) -> bool {
    let (id, timestamp) = (got.header("webhook-id"), got.header("webhook-timestamp"));
    let message = [format!("{id}.{timestamp}.").as_bytes(), &got.body].concat();
    let wanted = format!("v1,{}", hmac(secret, &message));
    got.header("webhook-signature")
        .split(' ')
        .any(|one| one == wanted)
}

#[tokio::test]
async fn requests_are_signed_and_for_a_day_by_the_secret_before_too() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    let secret = cluster
        .hook("deploy", &receiver.url("a?b=c"), EventSelector::default())
        .await;
    cluster.describe("first").await;
    let got = receiver.wait_for(1).await.remove(0);
    assert!(signed(&got, &secret));
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.event["type"], "registry.update_model");
    assert_eq!(got.event["data"]["model"], "fraud-detector");
    assert_eq!(got.event["data"]["principal"], "ana");

    let name = "deploy".to_owned();
    let mut webhooks = cluster.webhooks();
    let rotated = webhooks.rotate_webhook_secret(RotateWebhookSecretRequest { name });
    let rotated = rotated.await.unwrap().into_inner();
    assert!(rotated.webhook.unwrap().old_secret_until.is_some());
    assert_ne!(rotated.secret, secret);
    wait_until("both to sign", async || {
        cluster.describe("again").await;
        let got = receiver.got();
        let both = |got| signed(got, &rotated.secret) && signed(got, &secret);
        got.iter().any(both).then_some(())
    })
    .await;
    sqlx::query("UPDATE registry.webhooks SET old_secret_until = now(), changes = changes + 1")
        .execute(cluster.database.pool())
        .await
        .unwrap();
    wait_until("the new one alone to sign", async || {
        cluster.describe("again").await;
        let got = receiver.got();
        let new = |got| signed(got, &rotated.secret) && !signed(got, &secret);
        got.iter().any(new).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_webhook_which_can_be_enabled_again() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::start(|got| match got.event["data"]["details"].as_str() {
        Some(details) if details.contains("gone") => Reply::Status(204),
        _ if got.path == "/gone" => Reply::Status(410),
        _ => Reply::Status(204),
    })
    .await;
    cluster
        .hook("deploy", &receiver.url("gone"), EventSelector::default())
        .await;
    cluster.describe("first").await;
    let webhook = wait_until("it to be disabled", async || {
        Some(cluster.get_hook("deploy").await).filter(|webhook| !webhook.enabled)
    })
    .await;
    assert!(webhook.disabled_reason.contains("410"), "{webhook:?}");
    assert_eq!(webhook.position, 2);
    let record = cluster.audit().await.pop().unwrap();
    assert_eq!(record.action(), AuditAction::UpdateWebhook);
    assert_eq!(record.principal, "herdbook");
    assert!(record.details.contains("410"), "{}", record.details);

    cluster.describe("meanwhile").await;
    let mut webhook = cluster.get_hook("deploy").await;
    webhook.url = receiver.url("back");
    cluster.change_hook(webhook, "url").await.unwrap();
    assert_eq!(receiver.revisions(), [3]);
    cluster.enable_hook("deploy", true).await;
    wait_until("the rest", async || {
        receiver.revisions().ends_with(&[7]).then_some(())
    })
    .await;
    assert_eq!(receiver.revisions(), [3, 3, 4, 5, 6, 7]);
    let webhook = cluster.get_hook("deploy").await;
    assert_eq!(
        (webhook.enabled, webhook.disabled_reason.as_str()),
        (true, "")
    );
}

#[tokio::test]
async fn a_test_is_posted_once_and_logged() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::start(|got| match got.path.as_str() {
        "/good" => Reply::Status(200),
        _ => Reply::Status(503),
    })
    .await;
    for (name, error) in [("good", ""), ("bad", "the receiver answered 503")] {
        let secret = cluster
            .hook(name, &receiver.url(name), EventSelector::default())
            .await;
        cluster.enable_hook(name, false).await;
        let before = receiver.got().len();
        let request = TestWebhookRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        let tested = cluster.webhooks().test_webhook(request).await.unwrap();
        let tested = tested.into_inner().delivery.unwrap();
        assert_eq!((tested.revision, tested.error.as_str()), (0, error));
        let got = receiver.got().split_off(before);
        let [got] = got.as_slice() else {
            panic!("{got:?}")
        };
        assert_eq!(got.event["type"], "registry.test");
        assert!(signed(got, &secret));
        assert_eq!(cluster.deliveries(name).await.first(), Some(&tested));
    }
}

#[tokio::test]
async fn webhooks_are_made_listed_and_deleted_by_admins_with_a_record_of_it() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    let url = receiver.url("secret-path");
    let request = |name: &str, after: Option<i64>| CreateWebhookRequest {
        name: name.to_owned(),
        url: url.clone(),
        after_revision: after,
        ..Default::default()
    };
    let mut webhooks = cluster.webhooks();
    let refused = webhooks
        .create_webhook(by("cy=contributor", request("deploy", None)))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let refused = webhooks
        .create_webhook(request("", None))
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["name"]);
    let refused = webhooks
        .create_webhook(request("deploy", Some(9)))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::OutOfRange, "REVISION_AHEAD".into())
    );
    webhooks
        .create_webhook(request("deploy", None))
        .await
        .unwrap();
    let refused = webhooks
        .create_webhook(request("deploy", None))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "WEBHOOK_EXISTS".into())
    );

    let listed = webhooks
        .list_webhooks(ListWebhooksRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.webhooks.len(), 1);
    assert_eq!(listed.webhooks[0].position, 2);
    let other = webhooks
        .list_webhooks(elsewhere(ListWebhooksRequest {}))
        .await
        .unwrap();
    assert!(other.into_inner().webhooks.is_empty());

    let name = "deploy".to_owned();
    webhooks
        .delete_webhook(DeleteWebhookRequest { name: name.clone() })
        .await
        .unwrap();
    let gone = webhooks
        .get_webhook(GetWebhookRequest { name })
        .await
        .unwrap_err();
    assert_eq!(reason(&gone), (Code::NotFound, "WEBHOOK_NOT_FOUND".into()));
    let log = cluster.audit().await;
    let records: Vec<_> = log
        .iter()
        .map(|record| (record.action(), &*record.details))
        .collect();
    assert_eq!(
        records[1..],
        [
            (
                AuditAction::CreateWebhook,
                r#"{"host":"127.0.0.1","webhook":"deploy"}"#
            ),
            (AuditAction::DeleteWebhook, r#"{"webhook":"deploy"}"#),
        ]
    );
    // What everybody may read has no path in it.
    assert!(
        log.iter()
            .all(|record| !record.details.contains("secret-path"))
    );
}

#[tokio::test]
async fn a_workspace_has_a_hundred_webhooks_at_most() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    for hook in 0..100 {
        cluster
            .hook(
                &hook.to_string(),
                &receiver.url(""),
                EventSelector::default(),
            )
            .await;
    }
    let request = CreateWebhookRequest {
        name: "one more".to_owned(),
        url: receiver.url(""),
        ..Default::default()
    };
    let refused = cluster
        .webhooks()
        .create_webhook(request)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::ResourceExhausted, "TOO_MANY_WEBHOOKS".into())
    );
}

#[tokio::test]
async fn a_disabled_webhook_sends_nothing_and_goes_on_where_it_stood() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    let all = EventSelector::default;
    cluster.hook("deploy", &receiver.url("deploy"), all()).await;
    cluster.hook("beside", &receiver.url("beside"), all()).await;
    let revisions = |path: &str| -> Vec<i64> {
        let got = receiver.got();
        let got = got.iter().filter(|got| got.path == path);
        got.map(|got| got.revision).collect()
    };
    cluster.enable_hook("deploy", false).await;
    // Its sender hears of that within a second.
    wait_until("it to fall behind", async || {
        cluster.describe("more").await;
        let seen = |path| revisions(path).last().copied().unwrap_or_default();
        (seen("/beside") > seen("/deploy") + 3).then_some(())
    })
    .await;
    cluster.enable_hook("deploy", true).await;
    let last = cluster.audit().await.len() as i64;
    wait_until("the rest", async || {
        revisions("/deploy").ends_with(&[last]).then_some(())
    })
    .await;
    assert_eq!(revisions("/deploy"), (3..=last).collect::<Vec<_>>());
}
