//! Where webhooks may lead.

use herdbook_proto::registry::v1::{CreateWebhookRequest, EventSelector, Webhook};
use herdbook_testkit::{grpc::fields, wait_until};

use super::receiver::{Receiver, Reply};
use crate::cluster::Cluster;

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_where_they_are_given() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    cluster
        .hook("deploy", &receiver.url(""), EventSelector::default())
        .await;
    for url in [
        "http://127.0.0.2/",
        "http://2130706434/",
        "http://[::1]:5757/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "https://[::ffff:192.168.0.1]/",
        "https://ana:secret@example.com/",
        "ftp://example.com/",
        "https://no-such-name.invalid/",
        "",
    ] {
        let request = CreateWebhookRequest {
            name: "other".to_owned(),
            url: url.to_owned(),
            ..Default::default()
        };
        let refused = cluster
            .webhooks()
            .create_webhook(request)
            .await
            .unwrap_err();
        assert_eq!(fields(&refused), ["url"], "{url}: {refused}");
        let webhook = Webhook {
            name: "deploy".to_owned(),
            url: url.to_owned(),
            ..Default::default()
        };
        let refused = cluster.change_hook(webhook, "url").await.unwrap_err();
        assert_eq!(fields(&refused), ["webhook.url"], "{url}: {refused}");
    }
    assert_eq!(cluster.get_hook("deploy").await.url, receiver.url(""));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_any_more_is_not_posted_to() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    cluster
        .hook("deploy", &receiver.url(""), EventSelector::default())
        .await;
    let url = receiver.url("").replace("127.0.0.1", "127.0.0.2");
    sqlx::query("UPDATE registry.webhooks SET url = $1, changes = changes + 1")
        .bind(url)
        .execute(cluster.database.pool())
        .await
        .unwrap();
    cluster.describe("first").await;
    let first = wait_until("an attempt", async || {
        cluster.deliveries("deploy").await.pop()
    })
    .await;
    assert_eq!(first.status, None);
    assert!(first.error.contains("loopback"), "{}", first.error);
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let cluster = Cluster::start().await;
    let hidden = Receiver::content().await;
    let url = hidden.url("admin");
    let receiver = Receiver::start(move |_| Reply::Redirect(url.clone())).await;
    cluster
        .hook("deploy", &receiver.url(""), EventSelector::default())
        .await;
    cluster.describe("first").await;
    let first = wait_until("an attempt", async || {
        cluster.deliveries("deploy").await.pop()
    })
    .await;
    assert_eq!(first.status, Some(302));
    assert!(first.error.contains("not followed"), "{}", first.error);
    receiver.wait_for(2).await;
    assert!(hidden.got().is_empty());
}
