//! What posts look like, by the format of a webhook.

use chrono::{DateTime, Utc};
use herdbook_proto::registry::v1::{AuditRecord, WebhookFormat};
use reqwest::header::HeaderName;

use super::{Parcel, Secret, Webhook, mlflow};
use crate::RegistryError;

/// How a webhook posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Records of the audit log, signed as Standard Webhooks has it.
    Standard,
    /// As an MLflow server posts.
    Mlflow,
}

/// An event that a format does not have.
#[derive(Debug, thiserror::Error)]
#[error("{event:?} is no event of this format, which has: {known}")]
pub(crate) struct UnknownEvent {
    event: String,
    known: String,
}

impl Format {
    pub(crate) fn from_proto(format: WebhookFormat) -> Self {
        match format {
            WebhookFormat::Unspecified | WebhookFormat::Standard => Self::Standard,
            WebhookFormat::Mlflow => Self::Mlflow,
        }
    }

    pub(crate) fn to_proto(self) -> WebhookFormat {
        match self {
            Self::Standard => WebhookFormat::Standard,
            Self::Mlflow => WebhookFormat::Mlflow,
        }
    }

    /// As it is stored.
    pub(crate) fn number(self) -> i16 {
        match self {
            Self::Standard => 1,
            Self::Mlflow => 2,
        }
    }

    pub(crate) fn from_number(number: i16) -> Option<Self> {
        [Self::Standard, Self::Mlflow]
            .into_iter()
            .find(|format| format.number() == number)
    }

    /// Whether it has an event of this name.
    pub(crate) fn check_event(self, event: &str) -> Result<(), UnknownEvent> {
        let known: &[&str] = match self {
            Self::Standard => &[],
            Self::Mlflow => &mlflow::EVENTS,
        };
        match known.contains(&event) {
            true => Ok(()),
            false => Err(UnknownEvent {
                event: event.chars().take(100).collect(),
                known: match known.is_empty() {
                    true => "none, for its selector says which changes".to_owned(),
                    false => known.join(", "),
                },
            }),
        }
    }

    /// What is posted of a change; nothing if the format does not know it.
    pub(super) fn parcels(
        self,
        webhook: &Webhook,
        record: &AuditRecord,
    ) -> Result<Vec<Parcel>, RegistryError> {
        match self {
            Self::Standard => Ok(vec![Parcel::of(webhook.key, record)?]),
            Self::Mlflow => mlflow::parcels(webhook, record),
        }
    }

    /// What is posted to see whether it arrives.
    pub(crate) fn test(
        self,
        webhook: &Webhook,
        event: &str,
        now: DateTime<Utc>,
    ) -> Result<Parcel, UnknownEvent> {
        let first = webhook
            .events
            .first()
            .map_or(mlflow::EVENTS[0], |event| event);
        match (self, event) {
            (Self::Standard, "") => Ok(Parcel::test(now)),
            (Self::Mlflow, "") => Ok(mlflow::example(first, now)),
            (format, event) => {
                format.check_event(event)?;
                Ok(mlflow::example(event, now))
            }
        }
    }

    /// The names of the headers for the id of a message, its time in seconds since 1970, and its signature.
    pub(super) fn headers(self) -> [HeaderName; 3] {
        let names = match self {
            Self::Standard => ["webhook-id", "webhook-timestamp", "webhook-signature"],
            Self::Mlflow => [
                "x-mlflow-delivery-id",
                "x-mlflow-timestamp",
                "x-mlflow-signature",
            ],
        };
        names.map(HeaderName::from_static)
    }

    /// The secrets that sign what is posted `now`.
    pub(super) fn secrets(
        self,
        webhook: &Webhook,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = &Secret> {
        let old = webhook.old_secret.as_ref();
        let still = webhook.old_secret_until.is_some_and(|until| until > now);
        // MLflow's receivers know of one signature.
        let old = old.filter(|_| still && self == Self::Standard);
        let secrets = std::iter::once(&webhook.secret).chain(old);
        secrets.filter(|secret| secret.signs())
    }
}
