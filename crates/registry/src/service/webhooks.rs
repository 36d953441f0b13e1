//! Webhooks.

use chrono::Utc;
use herdbook_core::{PageToken, check_name};
use herdbook_proto::{
    InvalidRequest, Violations,
    fields::{self, Mask},
    registry::v1::{self as proto, EventSelector, webhook_service_server::WebhookService},
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    RegistryError,
    convert::{
        self,
        webhook::{to_dead_letter, to_delivery, to_webhook},
    },
    store::{
        Store,
        webhooks::{NewWebhook, WebhookChange},
    },
    watch::Selector,
    webhooks::{Format, Post, Secret, Target},
};

pub(crate) struct WebhookApi {
    store: Store,
    post: Post,
}

impl WebhookApi {
    pub(crate) fn new(store: Store, post: Post) -> Self {
        Self { store, post }
    }

    async fn create(
        &self,
        caller: &Caller,
        request: proto::CreateWebhookRequest,
    ) -> Result<proto::CreateWebhookResponse, RegistryError> {
        let mut violations = Violations::default();
        violations.check("name", check_name(&request.name));
        convert::check_words("description", &request.description, &mut violations);
        let format = Format::from_proto(request.format());
        let selector = check_selector("selector", request.selector, &mut violations);
        check_events("events", format, &request.events, &mut violations);
        let chosen = violations.check("secret", Secret::read(&request.secret));
        violations.finish()?;
        let made_up =
            (request.secret.is_empty() && format == Format::Standard).then(Secret::random);
        let shown = made_up.as_ref().map(Secret::show);
        let new = NewWebhook {
            target: self.target("url", &request.url).await?,
            name: request.name,
            selector,
            secret: made_up.or(chosen).unwrap_or_else(Secret::none),
            after: request.after_revision,
            description: request.description,
            format,
            events: request.events,
            enabled: !request.disabled,
        };
        let (workspace, principal) = (caller.workspace, &caller.name);
        let webhook = self
            .store
            .create_webhook(workspace, principal, &new)
            .await?;
        Ok(proto::CreateWebhookResponse {
            webhook: Some(to_webhook(webhook)),
            secret: shown.unwrap_or_default(),
        })
    }

    async fn update(
        &self,
        caller: &Caller,
        request: proto::UpdateWebhookRequest,
    ) -> Result<proto::UpdateWebhookResponse, RegistryError> {
        let mut violations = Violations::default();
        let new = violations.require("webhook", request.webhook);
        let new = new.unwrap_or_default();
        let fields = ["url", "selector", "enabled", "description", "events"];
        let mask = Mask::read(request.update_mask, &fields, &mut violations);
        let mut change = WebhookChange {
            enabled: mask.has("enabled").then_some(new.enabled),
            ..Default::default()
        };
        if mask.has("selector") {
            let selector = check_selector("webhook.selector", new.selector, &mut violations);
            change.selector = Some(selector);
        }
        if !request.new_name.is_empty() {
            violations.check("new_name", check_name(&request.new_name));
            change.name = Some(request.new_name);
        }
        if mask.has("description") {
            convert::check_words("webhook.description", &new.description, &mut violations);
            change.description = Some(new.description);
        }
        if !request.secret.is_empty() {
            change.secret = violations.check("secret", Secret::read(&request.secret));
        }
        violations.finish()?;
        if mask.has("events") {
            let format = self
                .store
                .webhook(caller.workspace, &new.name)
                .await?
                .format;
            let mut violations = Violations::default();
            check_events("webhook.events", format, &new.events, &mut violations);
            violations.finish()?;
            change.events = Some(new.events);
        }
        if mask.has("url") {
            change.target = Some(self.target("webhook.url", &new.url).await?);
        }
        let webhook = self
            .store
            .update_webhook(caller.workspace, &caller.name, &new.name, &change)
            .await?;
        Ok(proto::UpdateWebhookResponse {
            webhook: Some(to_webhook(webhook)),
        })
    }

    /// Where to; the field comes last, for a name in it is resolved.
    async fn target(&self, field: &str, url: &str) -> Result<Target, RegistryError> {
        let target = self.post.target(url).await;
        Ok(target.map_err(|error| InvalidRequest::field(field, error))?)
    }

    async fn rotate(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<proto::RotateWebhookSecretResponse, RegistryError> {
        let secret = Secret::random();
        let change = WebhookChange {
            secret: Some(secret.clone()),
            ..Default::default()
        };
        let webhook = self
            .store
            .update_webhook(caller.workspace, &caller.name, name, &change)
            .await?;
        Ok(proto::RotateWebhookSecretResponse {
            webhook: Some(to_webhook(webhook)),
            secret: secret.show(),
        })
    }

    async fn test(
        &self,
        caller: &Caller,
        request: &proto::TestWebhookRequest,
    ) -> Result<proto::TestWebhookResponse, RegistryError> {
        let webhook = self.store.webhook(caller.workspace, &request.name).await?;
        let test = webhook.format.test(&webhook, &request.event, Utc::now());
        let parcel = test.map_err(|error| InvalidRequest::field("event", error))?;
        let answer = self.post.send(&webhook, &parcel).await;
        let delivery = self.store.log_test(&webhook, answer).await?;
        Ok(proto::TestWebhookResponse {
            delivery: Some(to_delivery(delivery)),
        })
    }

    async fn deliveries(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<proto::ListWebhookDeliveriesResponse, RegistryError> {
        let webhook = self.store.webhook(caller.workspace, name).await?;
        let found = self.store.deliveries(webhook.key).await?;
        Ok(proto::ListWebhookDeliveriesResponse {
            deliveries: found.into_iter().map(to_delivery).collect(),
        })
    }

    async fn dead_letters(
        &self,
        caller: &Caller,
        request: proto::ListDeadLettersRequest,
    ) -> Result<proto::ListDeadLettersResponse, RegistryError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!("dead letters {}", request.name);
        let after = PageToken::<i64>::decode(&request.page_token, &query)?.unwrap_or_default();
        let webhook = self.store.webhook(caller.workspace, &request.name).await?;
        let mut found = self
            .store
            .dead_letters(webhook.key, after, size + 1)
            .await?;
        let more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| more).map(|last| last.revision);
        Ok(proto::ListDeadLettersResponse {
            dead_letters: found.into_iter().map(to_dead_letter).collect(),
            next_page_token: next
                .map(|n| PageToken::new(n, &query).encode())
                .unwrap_or_default(),
        })
    }

    async fn resend(
        &self,
        caller: &Caller,
        request: proto::ResendDeadLettersRequest,
    ) -> Result<proto::ResendDeadLettersResponse, RegistryError> {
        let mut violations = Violations::default();
        fields::entries("revisions", request.revisions.len(), &mut violations);
        violations.finish()?;
        let webhook = self.store.webhook(caller.workspace, &request.name).await?;
        let resent = self.store.resend(webhook.key, &request.revisions).await?;
        Ok(proto::ResendDeadLettersResponse { resent })
    }
}

/// Checks events of a format.
fn check_events(field: &str, format: Format, events: &[String], violations: &mut Violations) {
    fields::entries(field, events.len(), violations);
    for (index, event) in events.iter().enumerate() {
        violations.check(format!("{field}[{index}]"), format.check_event(event));
    }
}

/// Checks a selector; one that is absent selects all.
fn check_selector(
    field: &str,
    given: Option<EventSelector>,
    violations: &mut Violations,
) -> EventSelector {
    let given = given.unwrap_or_default();
    Selector::read(field, given.clone(), violations);
    given
}

#[tonic::async_trait]
impl WebhookService for WebhookApi {
    async fn create_webhook(
        &self,
        request: Request<proto::CreateWebhookRequest>,
    ) -> Result<Response<proto::CreateWebhookResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.create(&caller, request.into_inner()).await)
    }

    async fn get_webhook(
        &self,
        request: Request<proto::GetWebhookRequest>,
    ) -> Result<Response<proto::GetWebhookResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let found = self.store.webhook(workspace, &request.get_ref().name).await;
        answer(found.map(|webhook| proto::GetWebhookResponse {
            webhook: Some(to_webhook(webhook)),
        }))
    }

    async fn list_webhooks(
        &self,
        request: Request<proto::ListWebhooksRequest>,
    ) -> Result<Response<proto::ListWebhooksResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let found = self.store.webhooks(workspace).await;
        answer(found.map(|webhooks| proto::ListWebhooksResponse {
            webhooks: webhooks.into_iter().map(to_webhook).collect(),
        }))
    }

    async fn update_webhook(
        &self,
        request: Request<proto::UpdateWebhookRequest>,
    ) -> Result<Response<proto::UpdateWebhookResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.update(&caller, request.into_inner()).await)
    }

    async fn delete_webhook(
        &self,
        request: Request<proto::DeleteWebhookRequest>,
    ) -> Result<Response<proto::DeleteWebhookResponse>, Status> {
        let caller = Caller::of(&request)?;
        let (workspace, principal) = (caller.workspace, &caller.name);
        let name = &request.get_ref().name;
        let deleted = self.store.delete_webhook(workspace, principal, name).await;
        answer(deleted.map(|()| proto::DeleteWebhookResponse {}))
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<proto::RotateWebhookSecretRequest>,
    ) -> Result<Response<proto::RotateWebhookSecretResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.rotate(&caller, &request.get_ref().name).await)
    }

    async fn test_webhook(
        &self,
        request: Request<proto::TestWebhookRequest>,
    ) -> Result<Response<proto::TestWebhookResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.test(&caller, request.get_ref()).await)
    }

    async fn list_webhook_deliveries(
        &self,
        request: Request<proto::ListWebhookDeliveriesRequest>,
    ) -> Result<Response<proto::ListWebhookDeliveriesResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.deliveries(&caller, &request.get_ref().name).await)
    }

    async fn list_dead_letters(
        &self,
        request: Request<proto::ListDeadLettersRequest>,
    ) -> Result<Response<proto::ListDeadLettersResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.dead_letters(&caller, request.into_inner()).await)
    }

    async fn resend_dead_letters(
        &self,
        request: Request<proto::ResendDeadLettersRequest>,
    ) -> Result<Response<proto::ResendDeadLettersResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.resend(&caller, request.into_inner()).await)
    }
}
