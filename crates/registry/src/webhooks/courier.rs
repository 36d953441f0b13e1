//! Following the log for one webhook and posting what it selects.

use std::time::Duration;

use herdbook_proto::{Violations, registry::v1::AuditRecord};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Answer, Next, Pace, Parcel, Post, Webhook, pace::disables, post::LONGEST};
use crate::{
    RegistryError,
    store::Store,
    watch::{Event, Feeds, Selector, Watcher},
};

/// What a lease must last longer than an answer may take: for Postgres to be told.
const MARGIN: Duration = Duration::from_secs(5);
/// How long it rests after Postgres failed.
const REST: Duration = Duration::from_secs(1);

/// The lease by which this process may send; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    /// Whom Postgres knows it by.
    pub(super) sender: Uuid,
    /// When it ends at the earliest, by the clock of this process.
    pub(super) until: watch::Receiver<Instant>,
}

impl Lease {
    /// Waits until it outlasts one more request.
    async fn secure(&mut self) {
        let enough = |until: &Instant| *until > Instant::now() + LONGEST + MARGIN;
        if self.until.wait_for(enough).await.is_err() {
            // Nobody renews it any more; this task is about to be stopped.
            std::future::pending::<()>().await;
        }
    }
}

/// Why nothing more is sent for now.
enum Ended {
    /// It was told to stop, the webhook was disabled, or is another's.
    Stopped,
    Failed(RegistryError),
}

impl From<RegistryError> for Ended {
    fn from(error: RegistryError) -> Self {
        Self::Failed(error)
    }
}

/// Sends for one webhook.
pub(super) struct Courier {
    pub(super) store: Store,
    pub(super) feeds: Feeds,
    pub(super) post: Post,
    pub(super) pace: Pace,
    pub(super) lease: Lease,
    /// Whether the last attempt was not acknowledged.
    pub(super) failing: bool,
    /// Told between two attempts.
    pub(super) stop: CancellationToken,
}

impl Courier {
    /// Sends for the webhook `key` until it is stopped, disabled, or lost.
    pub(super) async fn run(mut self, key: i64) {
        if let Err(Ended::Failed(error)) = self.follow(key).await {
            tracing::warn!(webhook = key, %error, "a webhook could not be followed");
            tokio::time::sleep(REST).await;
        }
    }

    async fn follow(&mut self, key: i64) -> Result<(), Ended> {
        let found = self.store.webhook_of(self.lease.sender, key).await?;
        let mut webhook = found.ok_or(Ended::Stopped)?;
        let mut due = Instant::now() + webhook.due_in;
        self.failing = webhook.failing_since.is_some();
        self.resend(&webhook).await?;
        // It was checked when it was saved; what only a newer version knows is left out.
        let selector = Selector::read("", webhook.selector.clone(), &mut Violations::default());
        let (workspace, position) = (webhook.workspace, webhook.position);
        let mut watcher =
            Watcher::open(self.feeds.clone(), workspace, selector, Some(position)).await?;
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                event = watcher.next() => event?,
            };
            match event {
                Event::Record(record) => {
                    self.deliver(&mut webhook, &record, due).await?;
                    due = Instant::now();
                }
                Event::Quiet(revision) if revision > webhook.position => {
                    self.pass_over(&mut webhook, revision).await?;
                }
                Event::Quiet(_) => {}
            }
        }
    }

    /// Notes that there is nothing to send up to `revision`.
    async fn pass_over(&self, webhook: &mut Webhook, revision: i64) -> Result<(), Ended> {
        let sender = self.lease.sender;
        if !self.store.pass_over(sender, webhook.key, revision).await? {
            return Err(Ended::Stopped);
        }
        webhook.position = revision;
        Ok(())
    }

    /// Sends dead letters again that wait for it, each once.
    async fn resend(&mut self, webhook: &Webhook) -> Result<(), Ended> {
        while let Some(revision) = self.store.next_to_resend(webhook.key).await? {
            let record = self.store.audit_record(webhook.workspace, revision).await?;
            let parcels = webhook.format.parcels(webhook, &record)?;
            let answer = self.attempt(webhook, &parcels).await?;
            let sender = self.lease.sender;
            let settled = self
                .store
                .settle_dead_letter(sender, webhook, revision, &answer)
                .await?;
            self.go_on(webhook, &answer, settled).await?;
        }
        Ok(())
    }

    /// Sends a change from `due` on until it is acknowledged or given up.
    async fn deliver(
        &mut self,
        webhook: &mut Webhook,
        record: &AuditRecord,
        mut due: Instant,
    ) -> Result<(), Ended> {
        let parcels = webhook.format.parcels(webhook, record)?;
        if parcels.is_empty() {
            return self.pass_over(webhook, record.revision).await;
        }
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                () = tokio::time::sleep_until(due) => {}
            }
            let answer = self.attempt(webhook, &parcels).await?;
            let next = self.pace.next(&answer, webhook.attempts, rand::random());
            let (sender, revision) = (self.lease.sender, record.revision);
            let settled = self
                .store
                .settle_change(sender, webhook, revision, &answer, next)
                .await?;
            self.go_on(webhook, &answer, settled).await?;
            match next {
                Next::Retry(wait) => {
                    webhook.attempts += 1;
                    due = Instant::now() + wait;
                }
                Next::Acknowledged | Next::GiveUp => {
                    webhook.attempts = 0;
                    webhook.position = revision;
                    return Ok(());
                }
            }
        }
    }

    /// Posts the parcels of a change in turn, up to the first that is not acknowledged; its answer, or the last.
    async fn attempt(&mut self, webhook: &Webhook, parcels: &[Parcel]) -> Result<Answer, Ended> {
        let mut answer = Answer::nothing_to_send();
        for parcel in parcels {
            answer = self.post_one(webhook, parcel).await?;
            if !answer.acknowledged() {
                break;
            }
        }
        Ok(answer)
    }

    /// Posts `parcel` once there is a place, under a lease that outlasts it and as the webhook is by then.
    async fn post_one(&mut self, webhook: &Webhook, parcel: &Parcel) -> Result<Answer, Ended> {
        let ready = async {
            let slot = self.post.slot(self.failing).await;
            self.lease.secure().await;
            slot
        };
        let _slot = tokio::select! {
            () = self.stop.cancelled() => return Err(Ended::Stopped),
            slot = ready => slot,
        };
        // A change that was acknowledged holds from the next request on, not from the next round of the sender.
        if !self.store.is_current(self.lease.sender, webhook).await? {
            return Err(Ended::Stopped);
        }
        Ok(self.post.send(webhook, parcel).await)
    }

    /// Goes on after an attempt was written, unless it was not, or the webhook is to be disabled.
    async fn go_on(
        &mut self,
        webhook: &Webhook,
        answer: &Answer,
        failing_for: Option<Duration>,
    ) -> Result<(), Ended> {
        let failing_for = failing_for.ok_or(Ended::Stopped)?;
        self.failing = !answer.acknowledged();
        let Some(reason) = disables(answer, failing_for) else {
            return Ok(());
        };
        let sender = self.lease.sender;
        self.store.disable_webhook(sender, webhook, reason).await?;
        tracing::warn!(webhook = webhook.name, reason, "a webhook was disabled");
        Err(Ended::Stopped)
    }
}
