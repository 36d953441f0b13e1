//! Webhooks: changes of a workspace posted to an address, each at least once and in order.
//!
//! A webhook is a watcher that posts. One process at a time has it ([`Sender`] shares them out), follows the
//! log for it and writes how far it came ([`Courier`]); what is said and how it is signed is in [`Parcel`] and
//! [`Secret`]; where to it may go in [`Addresses`]; when it is tried again in [`Pace`].

mod address;
mod courier;
mod format;
mod mlflow;
mod pace;
mod parcel;
mod post;
mod resolver;
mod secret;
mod sender;

use std::time::Duration;

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_proto::registry::v1::EventSelector;
use ipnet::IpNet;
use uuid::Uuid;

pub(crate) use address::{Addresses, Target};
pub(crate) use format::Format;
pub(crate) use pace::Next;
pub(crate) use parcel::Parcel;
pub(crate) use post::{Answer, Post};
pub(crate) use secret::Secret;
pub(crate) use sender::Sender;

use courier::Courier;
use pace::Pace;

/// Webhooks that a workspace may have.
pub(crate) const PER_WORKSPACE: i64 = 100;
/// Attempts of a webhook that are kept.
pub(crate) const DELIVERIES_KEPT: i64 = 100;

/// What is decided for the webhooks of an installation.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Addresses that may be posted to though they are not on the public internet.
    pub allow: Vec<IpNet>,
    /// How long an answer may take; 10 seconds at most, so that it fits into the sender's lease.
    pub timeout: Duration,
    /// When a change is tried again that failed once; twice as long after each failure more.
    pub first_retry: Duration,
    /// The longest it waits.
    pub longest_retry: Duration,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            timeout: Duration::from_secs(10),
            first_retry: Duration::from_secs(5),
            longest_retry: Duration::from_secs(600),
        }
    }
}

/// A webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) key: i64,
    /// What it is known by whatever its name.
    pub(crate) id: Uuid,
    pub(crate) description: String,
    pub(crate) format: Format,
    /// Events of the format; all if empty.
    pub(crate) events: Vec<String>,
    pub(crate) workspace: WorkspaceId,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) selector: EventSelector,
    pub(crate) enabled: bool,
    pub(crate) disabled_reason: String,
    pub(crate) secret: Secret,
    /// The secret before, while it signs too.
    pub(crate) old_secret: Option<Secret>,
    pub(crate) old_secret_until: Option<DateTime<Utc>>,
    /// Revision up to which nothing is left to send.
    pub(crate) position: i64,
    /// Failed attempts at what is next.
    pub(crate) attempts: u32,
    /// When that is tried again.
    pub(crate) due_at: DateTime<Utc>,
    /// How long until then, by Postgres's clock.
    pub(crate) due_in: Duration,
    pub(crate) failing_since: Option<DateTime<Utc>>,
    /// Changes that were not taken.
    pub(crate) dead_letters: i64,
    /// Counts the changes for which whoever sends begins again.
    pub(crate) changes: i64,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// An attempt at sending a change.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Revision of the change; 0 for a test.
    pub(crate) revision: i64,
    /// Which attempt at it, from 1.
    pub(crate) attempt: u32,
    pub(crate) at: DateTime<Utc>,
    pub(crate) answer: Answer,
}

/// A change that was not taken.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetter {
    pub(crate) revision: i64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) error: String,
    pub(crate) resend: bool,
}
