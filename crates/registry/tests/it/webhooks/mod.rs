//! Webhooks: the selected changes in order, whatever receivers and processes do.

mod addresses;
mod management;
mod mlflow;
mod receiver;
mod sending;
mod taking_over;

use herdbook_proto::registry::v1::{
    CreateWebhookRequest, EventSelector, GetWebhookRequest, ListWebhookDeliveriesRequest,
    UpdateWebhookRequest, Webhook, WebhookDelivery,
};
use prost_types::FieldMask;
use tonic::Status;

use crate::cluster::Cluster;

impl Cluster {
    /// A webhook for what is selected from now on; its secret.
    async fn hook(&self, name: &str, url: &str, selector: EventSelector) -> String {
        let request = CreateWebhookRequest {
            name: name.to_owned(),
            url: url.to_owned(),
            selector: Some(selector),
            ..Default::default()
        };
        let made = self.webhooks().create_webhook(request).await.unwrap();
        made.into_inner().secret
    }

    async fn get_hook(&self, name: &str) -> Webhook {
        let name = name.to_owned();
        let found = self
            .webhooks()
            .get_webhook(GetWebhookRequest { name })
            .await;
        found.unwrap().into_inner().webhook.unwrap()
    }

    async fn change_hook(&self, webhook: Webhook, path: &str) -> Result<Webhook, Status> {
        let request = UpdateWebhookRequest {
            webhook: Some(webhook),
            update_mask: Some(FieldMask {
                paths: vec![path.to_owned()],
            }),
            ..Default::default()
        };
        let answer = self.webhooks().update_webhook(request).await?;
        Ok(answer.into_inner().webhook.unwrap())
    }

    async fn enable_hook(&self, name: &str, enabled: bool) {
        let webhook = Webhook {
            name: name.to_owned(),
            enabled,
            ..Default::default()
        };
        self.change_hook(webhook, "enabled").await.unwrap();
    }

    /// Attempts, newest first.
    async fn deliveries(&self, name: &str) -> Vec<WebhookDelivery> {
        let name = name.to_owned();
        let request = ListWebhookDeliveriesRequest { name };
        let found = self.webhooks().list_webhook_deliveries(request).await;
        found.unwrap().into_inner().deliveries
    }

    /// Describes the model `count` times.
    async fn describe_often(&self, count: usize) {
        for change in 0..count {
            self.describe(&format!("change {change}")).await;
        }
    }
}
