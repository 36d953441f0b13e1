//! Webhooks, which are those of the registry in MLflow's format. A secret is never shown again.

mod shown;

use axum::response::Response;
use herdbook_proto::registry::v1::{
    CreateWebhookRequest, DeleteWebhookRequest, ListWebhooksRequest, TestWebhookRequest,
    UpdateWebhookRequest, Webhook, WebhookFormat, webhook_service_client::WebhookServiceClient,
};
use herdbook_rpc::CallerChannel;
use http::Method;
use prost_types::FieldMask;
use serde::Deserialize;
use serde_json::json;

use self::shown::{Event, One, Page, Shown};
use super::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    wire,
};

/// Characters of a name.
const NAME_CHARS: usize = 63;
/// Webhooks of a page, if nobody says how many, and at most.
const PAGE: i64 = 100;
const PAGE_MOST: i64 = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("webhooks", create),
        Endpoint::get("webhooks", list),
        Endpoint::get("webhooks/{webhook_id}", get),
        Endpoint::new(Method::PATCH, "webhooks/{webhook_id}", update),
        Endpoint::new(Method::DELETE, "webhooks/{webhook_id}", delete),
        Endpoint::post("webhooks/{webhook_id}/test", test),
    ]
}

/// The fields of all these calls.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    name: Option<String>,
    description: Option<String>,
    url: Option<String>,
    events: Vec<Event>,
    secret: Option<String>,
    status: Option<String>,
    event: Option<Event>,
    #[serde(deserialize_with = "wire::int")]
    max_results: Option<i64>,
    page_token: Option<String>,
}

fn webhooks(call: &Call) -> WebhookServiceClient<CallerChannel> {
    WebhookServiceClient::new(call.registry())
}

/// All in MLflow's format, the newest first: there are a hundred at most.
async fn all(call: &Call) -> Answer<Vec<Webhook>> {
    let found = webhooks(call).list_webhooks(ListWebhooksRequest {}).await?;
    let mut found = found.into_inner().webhooks;
    found.retain(|webhook| webhook.format() == WebhookFormat::Mlflow);
    let created = |webhook: &Webhook| wire::millis(webhook.created_at.as_ref());
    found.sort_by_key(|webhook| std::cmp::Reverse(created(webhook)));
    Ok(found)
}

/// The one that a path names.
async fn named(call: &Call) -> Answer<Webhook> {
    let id = call.captured("webhook_id");
    let all = all(call).await?;
    let found = all.into_iter().find(|webhook| webhook.id == id);
    found.ok_or_else(|| Error::not_found(format!("Webhook with ID {id} not found.")))
}

fn answer(webhook: Option<Webhook>) -> Answer<Response> {
    wire::json(&One {
        webhook: Shown::from(webhook.unwrap_or_default()),
    })
}

async fn create(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = checked_name(wire::required_text("name", fields.name)?)?;
    let url = wire::required_text("url", fields.url)?;
    if fields.events.is_empty() {
        return Err(Error::invalid(
            "Webhook events must be a non-empty list of WebhookEvent objects: [].",
        ));
    }
    let request = CreateWebhookRequest {
        name,
        url,
        description: fields.description.unwrap_or_default(),
        format: WebhookFormat::Mlflow.into(),
        events: fields.events.iter().map(Event::name).collect(),
        secret: fields.secret.unwrap_or_default(),
        disabled: !active(fields.status.as_deref())?.unwrap_or(true),
        ..Default::default()
    };
    let made = webhooks(&call).create_webhook(request).await?;
    answer(made.into_inner().webhook)
}

async fn list(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let size = fields.max_results.filter(|size| *size != 0).unwrap_or(PAGE);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=PAGE_MOST).contains(&i64::try_from(*size).unwrap_or(i64::MAX)));
    let size = size.ok_or_else(|| Error::invalid("max_results must be between 1 and 1000."))?;
    let all = all(&call).await?;
    // The page begins behind the one that the last ended with.
    let start = match fields.page_token.as_deref() {
        None | Some("") => 0,
        Some(last) => {
            let place = all.iter().position(|webhook| webhook.id == last);
            place.ok_or_else(|| Error::invalid("Invalid page token"))? + 1
        }
    };
    let page = all.iter().skip(start).take(size).cloned();
    let page: Vec<Webhook> = page.collect();
    let more = start + page.len() < all.len();
    let last = page.last().filter(|_| more);
    let next_page_token = last.map(|last| last.id.clone()).unwrap_or_default();
    wire::json(&Page {
        webhooks: page.into_iter().map(Shown::from).collect(),
        next_page_token,
    })
}

async fn get(call: Call) -> Answer<Response> {
    let webhook = named(&call).await?;
    answer(Some(webhook))
}

async fn update(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let mut webhook = named(&call).await?;
    let mut paths = Vec::new();
    let mut changes = |path: &str| paths.push(path.to_owned());
    if let Some(description) = fields.description {
        webhook.description = description;
        changes("description");
    }
    if let Some(url) = fields.url.filter(|url| !url.is_empty()) {
        webhook.url = url;
        changes("url");
    }
    if !fields.events.is_empty() {
        webhook.events = fields.events.iter().map(Event::name).collect();
        changes("events");
    }
    if let Some(enabled) = active(fields.status.as_deref())? {
        webhook.enabled = enabled;
        changes("enabled");
    }
    let new_name = match fields.name.filter(|name| !name.is_empty()) {
        Some(name) => checked_name(name)?,
        None => String::new(),
    };
    let secret = fields.secret.unwrap_or_default();
    if paths.is_empty() {
        // What stays is named too where nothing else is, for a mask must name something.
        paths.push("description".to_owned());
    }
    let request = UpdateWebhookRequest {
        webhook: Some(webhook),
        update_mask: Some(FieldMask { paths }),
        new_name,
        secret,
    };
    let updated = webhooks(&call).update_webhook(request).await?;
    answer(updated.into_inner().webhook)
}

async fn delete(call: Call) -> Answer<Response> {
    let name = named(&call).await?.name;
    webhooks(&call)
        .delete_webhook(DeleteWebhookRequest { name })
        .await?;
    wire::empty()
}

async fn test(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let request = TestWebhookRequest {
        name: named(&call).await?.name,
        event: fields.event.as_ref().map(Event::name).unwrap_or_default(),
    };
    let tested = webhooks(&call).test_webhook(request).await?.into_inner();
    let delivery = tested.delivery.unwrap_or_default();
    // As there, an answer below 400 is a success; of its body nothing is read here.
    let success = delivery.status.is_some_and(|status| status < 400);
    let mut result = json!({ "success": success });
    if let Some(status) = delivery.status {
        result["response_status"] = status.into();
    }
    if !success {
        result["error_message"] = delivery.error.into();
    }
    wire::json(&json!({ "result": result }))
}

/// Whether a status says that posts are made.
fn active(status: Option<&str>) -> Answer<Option<bool>> {
    match status {
        None | Some("") => Ok(None),
        Some("ACTIVE") => Ok(Some(true)),
        Some("DISABLED") => Ok(Some(false)),
        Some(other) => Err(Error::invalid(format!(
            "Invalid webhook status '{other}'; it is ACTIVE or DISABLED"
        ))),
    }
}

/// A name as MLflow's webhooks have it.
fn checked_name(name: String) -> Answer<String> {
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let within = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = name.len() <= NAME_CHARS
        && name.chars().all(within)
        && end(name.chars().next())
        && end(name.chars().next_back());
    match fits {
        true => Ok(name),
        false => Err(Error::invalid(format!(
            "Webhook name '{name}' is invalid. It must start and end with a letter or digit, be less than 63 \
             characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
        ))),
    }
}
