//! Webhooks that post as an MLflow server does.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use herdbook_proto::registry::v1::{
    CreateModelRequest, CreateWebhookRequest, SetAliasRequest, TestWebhookRequest,
    UpdateVersionRequest, Version, WebhookFormat,
};
use herdbook_testkit::{grpc::fields, wait_until};
use hmac::{Hmac, KeyInit as _, Mac as _};
use prost_types::FieldMask;
use serde_json::{Value, json};
use sha2::Sha256;

use super::receiver::{Received, Receiver};
use crate::cluster::{Cluster, MODEL};

fn hook(url: String, events: &[&str], secret: &str) -> CreateWebhookRequest {
    CreateWebhookRequest {
        name: "hook".to_owned(),
        url,
        format: WebhookFormat::Mlflow.into(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        secret: secret.to_owned(),
        ..Default::default()
    }
}

/// What was posted, without the time.
fn told(received: &[Received]) -> Vec<(String, Value)> {
    let one = |got: &Received| {
        let entity = got.event["entity"].as_str().unwrap();
        let action = got.event["action"].as_str().unwrap();
        (format!("{entity}.{action}"), got.event["data"].clone())
    };
    received.iter().map(one).collect()
}

#[tokio::test]
async fn changes_are_posted_in_mlflows_words_and_signed_by_the_receivers_secret() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    let made = cluster
        .webhooks()
        .create_webhook(hook(receiver.url(""), &[], "my-secret"))
        .await
        .unwrap()
        .into_inner();
    // What the receiver chose is not shown again.
    assert_eq!(made.secret, "");
    assert!(!format!("{made:?}").contains("my-secret"));
    let model = CreateModelRequest {
        name: "other".to_owned(),
        description: "new".to_owned(),
        ..Default::default()
    };
    cluster.models().create_model(model).await.unwrap();
    cluster.register(0.9).await;
    cluster.promote(1, "Staging").await.unwrap();
    let version = Version {
        model: MODEL.to_owned(),
        number: 1,
        tags: [
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "2".to_owned()),
        ]
        .into(),
        ..Default::default()
    };
    let update = UpdateVersionRequest {
        version: Some(version),
        update_mask: Some(FieldMask {
            paths: vec!["tags".to_owned()],
        }),
    };
    cluster.versions().update_version(update).await.unwrap();
    let alias = SetAliasRequest {
        model: MODEL.to_owned(),
        alias: "champion".to_owned(),
        version: 1,
    };
    cluster.models().set_alias(alias).await.unwrap();

    let got = receiver.wait_for(5).await;
    let told = told(&got);
    let events: Vec<&str> = told.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(
        events,
        [
            "registered_model.created",
            "model_version.created",
            "model_version_tag.set",
            "model_version_tag.set",
            "model_version_alias.created"
        ]
    );
    assert_eq!(
        told[0].1,
        json!({"name": "other", "tags": {}, "description": "new"})
    );
    assert_eq!(
        told[3].1,
        json!({"name": MODEL, "version": "1", "key": "b", "value": "2"})
    );
    for got in &got {
        let (id, at) = (
            got.header("x-mlflow-delivery-id"),
            got.header("x-mlflow-timestamp"),
        );
        let mut key = [0; 64];
        key[..9].copy_from_slice(b"my-secret");
        let mut mac = Hmac::<Sha256>::new(&key.into());
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(&got.body);
        let expected = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        assert_eq!(got.header("x-mlflow-signature"), format!("v1,{expected}"));
    }
}

#[tokio::test]
async fn only_events_that_are_asked_for_are_posted_and_unsigned_without_a_secret() {
    let cluster = Cluster::start().await;
    let receiver = Receiver::content().await;
    let request = hook(receiver.url(""), &["model_version.created"], "");
    let created = cluster.webhooks().create_webhook(request).await.unwrap();
    let webhook = created.into_inner().webhook.unwrap();
    assert_eq!(webhook.events, ["model_version.created"]);
    cluster.describe_often(3).await;
    cluster.register(0.9).await;
    let got = receiver.wait_for(1).await;
    assert_eq!(got[0].event["data"]["version"], "1");
    assert!(!got[0].headers.contains_key("x-mlflow-signature"));
    let now = cluster.model().await.revision;
    wait_until("it has come as far as the log", async || {
        (cluster.get_hook("hook").await.position >= now).then_some(())
    })
    .await;
    assert_eq!(receiver.got().len(), 1);

    let test = TestWebhookRequest {
        name: "hook".to_owned(),
        event: "model_version_tag.set".to_owned(),
    };
    cluster.webhooks().test_webhook(test).await.unwrap();
    assert_eq!(receiver.got()[1].event["data"]["key"], "example_key");
    let wrong = hook(receiver.url(""), &["model_version.updated"], "");
    let refused = cluster.webhooks().create_webhook(wrong).await.unwrap_err();
    assert_eq!(fields(&refused), ["events[0]"]);
}
