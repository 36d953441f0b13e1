//! Webhooks as answers have them.

use herdbook_proto::registry::v1::Webhook;
use serde::{Deserialize, Serialize};

use crate::mlflow::wire::millis;

#[derive(Serialize)]
pub(super) struct One {
    pub(super) webhook: Shown,
}

#[derive(Serialize)]
pub(super) struct Page {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) webhooks: Vec<Shown>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) next_page_token: String,
}

/// An event, such as `MODEL_VERSION` and `CREATED`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    entity: String,
    action: String,
}

impl Event {
    /// As the registry names it, such as `model_version.created`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.entity, self.action).to_lowercase()
    }

    fn of(name: &str) -> Self {
        let (entity, action) = name.split_once('.').unwrap_or((name, ""));
        Self {
            entity: entity.to_uppercase(),
            action: action.to_uppercase(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Shown {
    webhook_id: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    url: String,
    events: Vec<Event>,
    status: &'static str,
    creation_timestamp: Option<i64>,
    last_updated_timestamp: Option<i64>,
}

impl From<Webhook> for Shown {
    fn from(webhook: Webhook) -> Self {
        Self {
            webhook_id: webhook.id,
            name: webhook.name,
            description: webhook.description,
            url: webhook.url,
            events: webhook.events.iter().map(|name| Event::of(name)).collect(),
            status: if webhook.enabled {
                "ACTIVE"
            } else {
                "DISABLED"
            },
            creation_timestamp: millis(webhook.created_at.as_ref()),
            last_updated_timestamp: millis(webhook.updated_at.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_named_both_ways() {
        let event = Event::of("model_version_tag.set");
        assert_eq!(
            (event.entity.as_str(), event.action.as_str()),
            ("MODEL_VERSION_TAG", "SET")
        );
        assert_eq!(event.name(), "model_version_tag.set");
    }
}
