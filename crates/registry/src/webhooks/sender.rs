//! Which process sends for which webhook.
//!
//! A process adds itself as a sender under a new id, renews its lease, takes webhooks that nobody has and
//! runs a [`Courier`] for each. Whatever those write names the id: once another process has found this one
//! dead and removed it, none of its webhooks are its own any more, and it begins again under another id.

use std::{collections::HashMap, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Courier, Pace, Post, WebhookSettings, courier::Lease};
use crate::{RegistryError, store::Store, watch::Feeds};

/// How long a process may be silent before others take what it has.
const LEASE: Duration = Duration::from_secs(30);
/// How often it says that it lives.
const RENEWAL: Duration = Duration::from_secs(5);
/// How often it looks for webhooks to take and for changes of those it has.
const ROUND: Duration = Duration::from_millis(500);

/// Sends for the webhooks that this process has.
pub(crate) struct Sender {
    store: Store,
    feeds: Feeds,
    post: Post,
    pace: Pace,
}

/// A webhook that is sent for.
struct Running {
    /// The changes that its courier knows.
    changes: i64,
    stop: CancellationToken,
}

impl Sender {
    pub(crate) fn new(store: Store, feeds: Feeds, post: Post, settings: &WebhookSettings) -> Self {
        let pace = Pace::new(settings);
        Self {
            store,
            feeds,
            post,
            pace,
        }
    }

    /// Sends until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let sender = Uuid::now_v7();
            let mut couriers = JoinSet::new();
            tokio::select! {
                () = shutdown.cancelled() => {}
                ended = self.live(sender, &mut couriers) => {
                    if let Err(error) = ended {
                        tracing::warn!(%error, "webhooks are not sent for");
                    }
                }
            }
            // What is under way ends before anybody else may begin.
            couriers.shutdown().await;
            if let Err(error) = self.store.remove_sender(sender).await {
                tracing::warn!(%error, "webhooks stay taken until the lease ends");
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = sleep(ROUND) => {}
                }
            }
        }
    }

    /// Sends under the id `sender` until it is found dead.
    async fn live(&self, sender: Uuid, couriers: &mut JoinSet<i64>) -> Result<(), RegistryError> {
        let mut renewed = Instant::now();
        self.store.add_sender(sender, LEASE).await?;
        let until = watch::Sender::new(renewed + LEASE);
        let mut running: HashMap<i64, Running> = HashMap::new();
        loop {
            // Asked for before Postgres counts: it ends here no later than there.
            let now = Instant::now();
            if now - renewed >= RENEWAL {
                match self.store.renew_sender(sender, LEASE).await {
                    Ok(true) => {
                        renewed = now;
                        until.send_replace(now + LEASE);
                    }
                    Ok(false) => return Ok(()),
                    Err(error) => tracing::warn!(%error, "the lease was not renewed"),
                }
            }
            match self.held(sender).await {
                Ok(held) => self.begin(sender, &until, &held, &mut running, couriers),
                Err(error) => tracing::warn!(%error, "webhooks could not be taken"),
            }
            tokio::select! {
                Some(ended) = couriers.join_next() => match ended {
                    Ok(webhook) => drop(running.remove(&webhook)),
                    Err(error) => {
                        // It is not known which: all begin again.
                        tracing::error!(%error, "sending for a webhook failed");
                        return Ok(());
                    }
                },
                () = sleep(ROUND) => {}
            }
        }
    }

    /// Webhooks that `sender` has, with their changes.
    async fn held(&self, sender: Uuid) -> Result<HashMap<i64, i64>, RegistryError> {
        self.store.remove_dead_senders().await?;
        let held = self.store.take_webhooks(sender).await?;
        Ok(held.into_iter().collect())
    }

    /// Begins to send for those of `held` that are new, and stops what is not held any more or was changed:
    /// once it has stopped it begins again.
    fn begin(
        &self,
        sender: Uuid,
        until: &watch::Sender<Instant>,
        held: &HashMap<i64, i64>,
        running: &mut HashMap<i64, Running>,
        couriers: &mut JoinSet<i64>,
    ) {
        for (webhook, running) in &*running {
            if held.get(webhook) != Some(&running.changes) {
                running.stop.cancel();
            }
        }
        for (&webhook, &changes) in held {
            running.entry(webhook).or_insert_with(|| {
                let stop = CancellationToken::new();
                let courier = Courier {
                    store: self.store.clone(),
                    feeds: self.feeds.clone(),
                    post: self.post.clone(),
                    pace: self.pace,
                    lease: Lease {
                        sender,
                        until: until.subscribe(),
                    },
                    failing: false,
                    stop: stop.clone(),
                };
                couriers.spawn(async move {
                    courier.run(webhook).await;
                    webhook
                });
                Running { changes, stop }
            });
        }
    }
}
