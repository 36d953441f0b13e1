//! Posting: one request, to an address that was checked, answered in time or not.

use std::{error::Error, sync::Arc, time::Duration};

use chrono::Utc;
use reqwest::{Client, header::CONTENT_TYPE, redirect::Policy};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{
    Addresses, Parcel, Target, Webhook, WebhookSettings, address::BadTarget, resolver::Resolver,
};

/// The longest an answer may take, whatever the settings say: a sender's lease must outlast it.
pub(super) const LONGEST: Duration = Duration::from_secs(10);
/// Requests at a time to receivers that acknowledged the last one, and as many to those that did not: whoever
/// keeps us waiting keeps none waiting that answer.
const SLOTS: usize = 32;
/// How long a connection is kept for the next change.
const IDLE: Duration = Duration::from_secs(30);
/// Characters of an error that are kept.
const ERROR_CHARS: usize = 500;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// HTTP status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// What went wrong; empty if it was acknowledged.
    pub(crate) error: String,
    /// To the microsecond.
    pub(crate) latency: Duration,
}

impl Answer {
    /// As if a receiver had taken it.
    pub(super) fn nothing_to_send() -> Self {
        Self {
            status: Some(204),
            error: String::new(),
            latency: Duration::ZERO,
        }
    }

    pub(crate) fn acknowledged(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

/// Posts to webhooks; cheap to clone.
#[derive(Clone)]
pub(crate) struct Post {
    /// Or why there is none.
    client: Result<Client, String>,
    addresses: Addresses,
    resolver: Resolver,
    timeout: Duration,
    healthy: Arc<Semaphore>,
    failing: Arc<Semaphore>,
}

impl Post {
    pub(crate) fn new(settings: &WebhookSettings) -> Self {
        let addresses = Addresses::new(settings.allow.clone());
        let resolver = Resolver::system(addresses.clone());
        let timeout = settings.timeout.min(LONGEST);
        Self {
            client: client(resolver.clone(), timeout).map_err(|error| words(&error)),
            addresses,
            resolver,
            timeout,
            healthy: Arc::new(Semaphore::new(SLOTS)),
            failing: Arc::new(Semaphore::new(SLOTS)),
        }
    }

    /// Reads the URL of a webhook that is created or changed: its host must have an address, and no other
    /// than may be posted to.
    pub(crate) async fn target(&self, url: &str) -> Result<Target, BadTarget> {
        let target = Target::read(url, &self.addresses)?;
        if target.address().is_none() {
            let host = target.host().to_owned();
            self.resolver.addresses(host).await?;
        }
        Ok(target)
    }

    /// Waits for a place among those that send at once.
    pub(super) async fn slot(&self, failing: bool) -> Option<OwnedSemaphorePermit> {
        let slots = match failing {
            true => &self.failing,
            false => &self.healthy,
        };
        // Nobody closes them.
        Arc::clone(slots).acquire_owned().await.ok()
    }

    /// Posts `parcel` once.
    pub(crate) async fn send(&self, webhook: &Webhook, parcel: &Parcel) -> Answer {
        let begun = Instant::now();
        let answered = self.try_send(webhook, parcel).await;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let latency = Duration::from_micros(micros);
        match answered {
            Ok(status @ 200..300) => Answer {
                status: Some(status),
                error: String::new(),
                latency,
            },
            Ok(status) => Answer {
                status: Some(status),
                error: match status {
                    300..400 => "the receiver redirects, which is not followed".to_owned(),
                    _ => format!("the receiver answered {status}"),
                },
                latency,
            },
            Err(error) => Answer {
                status: None,
                error: error.chars().take(ERROR_CHARS).collect(),
                latency,
            },
        }
    }

    /// The status. The body is left unread: it may be large, and none of our business.
    async fn try_send(&self, webhook: &Webhook, parcel: &Parcel) -> Result<u16, String> {
        // Read anew each time: what is allowed may be another since the webhook was created.
        let target =
            Target::read(&webhook.url, &self.addresses).map_err(|error| error.to_string())?;
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let now = Utc::now();
        let timestamp = now.timestamp();
        let secrets = webhook.format.secrets(webhook, now);
        let signatures: Vec<_> = secrets
            .map(|secret| secret.sign(&parcel.id, timestamp, &parcel.body))
            .collect();
        let [id, at, signature] = webhook.format.headers();
        let mut request = client
            .post(target.url().clone())
            .header(CONTENT_TYPE, "application/json")
            .header(id, &parcel.id)
            .header(at, timestamp)
            .body(parcel.body.clone());
        if !signatures.is_empty() {
            request = request.header(signature, signatures.join(" "));
        }
        match request.send().await {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) if error.is_timeout() => Err(format!("no answer within {:?}", self.timeout)),
            Err(error) => Err(words(&error)),
        }
    }
}

fn client(resolver: Resolver, timeout: Duration) -> Result<Client, reqwest::Error> {
    // A provider may be there already, from a bucket or another server of this process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("herdbook/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(resolver)
        // A proxy would resolve names for itself, and a redirect would lead past the check of the URL.
        .no_proxy()
        .redirect(Policy::none())
        .timeout(timeout)
        .pool_idle_timeout(IDLE)
        .build()
}

/// The innermost cause, without the URL, which may be a secret.
fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}
