//! How far webhooks have come, written by those who send.
//!
//! What is stored: which process has each webhook, what every attempt came to, dead letters. Why durable:
//! the next process goes on where the last one stood. What must be fast: settling an attempt, one statement.
//! On failure: a process that does not renew its lease is deleted, and whatever it writes afterwards finds
//! no webhook of its own.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{
    Store,
    webhooks::{COLUMNS, WebhookRow, record_disabled},
};
use crate::{
    RegistryError,
    webhooks::{Answer, DELIVERIES_KEPT, Delivery, Next, Webhook},
};

/// Webhooks that a process takes in a round, so that others that start with it get some.
const TAKEN: i64 = 32;

/// Puts an attempt of the webhook `settled` into the log, with the parameters $2 to $7 of [`log`].
const LOG: &str = "logged AS ( \
    INSERT INTO registry.webhook_deliveries AS d \
        (webhook_key, slot, number, revision, attempt, at, status, error, latency_us) \
    SELECT webhook_key, deliveries % $7, deliveries, $2, $3, clock_timestamp(), $4, $5, $6 \
    FROM settled \
    ON CONFLICT (webhook_key, slot) DO UPDATE SET number = excluded.number, \
        revision = excluded.revision, attempt = excluded.attempt, at = excluded.at, \
        status = excluded.status, error = excluded.error, latency_us = excluded.latency_us \
    RETURNING d.at)";

/// How long nothing was acknowledged, in seconds.
const FAILING_FOR: &str =
    "coalesce(extract(epoch FROM clock_timestamp() - failing_since), 0)::float8 AS failing_for";

impl Store {
    /// Lets `sender` live for `lease` more; `false` if it was found dead.
    pub(crate) async fn renew_sender(
        &self,
        sender: Uuid,
        lease: Duration,
    ) -> Result<bool, RegistryError> {
        let renewed = sqlx::query(
            "UPDATE registry.webhook_senders SET alive_until = clock_timestamp() + $2 \
             WHERE sender = $1",
        )
        .bind(sender)
        .bind(lease)
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Adds a sender.
    pub(crate) async fn add_sender(
        &self,
        sender: Uuid,
        lease: Duration,
    ) -> Result<(), RegistryError> {
        sqlx::query("INSERT INTO registry.webhook_senders VALUES ($1, clock_timestamp() + $2)")
            .bind(sender)
            .bind(lease)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Removes a sender, so that others take what it had.
    pub(crate) async fn remove_sender(&self, sender: Uuid) -> Result<(), RegistryError> {
        sqlx::query("DELETE FROM registry.webhook_senders WHERE sender = $1")
            .bind(sender)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Removes senders that did not renew their lease.
    pub(crate) async fn remove_dead_senders(&self) -> Result<(), RegistryError> {
        sqlx::query(
            "DELETE FROM registry.webhook_senders WHERE sender IN \
                 (SELECT sender FROM registry.webhook_senders \
                  WHERE alive_until < clock_timestamp() FOR UPDATE SKIP LOCKED)",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes webhooks that nobody has for `sender`; keys and changes of all that it has now.
    pub(crate) async fn take_webhooks(
        &self,
        sender: Uuid,
    ) -> Result<Vec<(i64, i64)>, RegistryError> {
        Ok(sqlx::query_as(
            "WITH taken AS ( \
                 UPDATE registry.webhooks SET sender = $1 WHERE webhook_key IN \
                     (SELECT webhook_key FROM registry.webhooks \
                      WHERE sender IS NULL AND enabled \
                      ORDER BY webhook_key LIMIT $2 FOR UPDATE SKIP LOCKED) \
                 RETURNING webhook_key, changes \
             ) SELECT webhook_key, changes FROM taken UNION ALL \
             SELECT webhook_key, changes FROM registry.webhooks WHERE sender = $1 AND enabled",
        )
        .bind(sender)
        .bind(TAKEN)
        .fetch_all(&self.pool)
        .await?)
    }

    /// A webhook that `sender` has; `None` if it does not, or if it is disabled.
    pub(crate) async fn webhook_of(
        &self,
        sender: Uuid,
        key: i64,
    ) -> Result<Option<Webhook>, RegistryError> {
        let row: Option<WebhookRow> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM registry.webhooks AS w \
             WHERE webhook_key = $1 AND sender = $2 AND enabled"
        )))
        .bind(key)
        .bind(sender)
        .fetch_optional(&self.pool)
        .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Whether `webhook` still is `sender`'s, enabled, and as it was read: it is posted by no other settings.
    pub(crate) async fn is_current(
        &self,
        sender: Uuid,
        webhook: &Webhook,
    ) -> Result<bool, RegistryError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM registry.webhooks \
             WHERE webhook_key = $1 AND sender = $2 AND changes = $3 AND enabled)",
        )
        .bind(webhook.key)
        .bind(sender)
        .bind(webhook.changes)
        .fetch_one(&self.pool)
        .await?)
    }

    /// Notes that nothing was selected up to `revision`; `false` if `sender` has lost the webhook.
    pub(crate) async fn pass_over(
        &self,
        sender: Uuid,
        key: i64,
        revision: i64,
    ) -> Result<bool, RegistryError> {
        let passed = sqlx::query(
            "UPDATE registry.webhooks SET position = $3 WHERE webhook_key = $1 AND sender = $2",
        )
        .bind(key)
        .bind(sender)
        .bind(revision)
        .execute(&self.pool)
        .await?;
        Ok(passed.rows_affected() == 1)
    }

    /// Writes what an attempt at the change `revision` came to, and what follows; how long nothing was
    /// acknowledged. `None` if `sender` has lost the webhook, or if it failed and the webhook was changed.
    pub(crate) async fn settle_change(
        &self,
        sender: Uuid,
        webhook: &Webhook,
        revision: i64,
        answer: &Answer,
        next: Next,
    ) -> Result<Option<Duration>, RegistryError> {
        let wait = match next {
            // Postgres counts in microseconds.
            Next::Retry(wait) => Some(Duration::from_micros(micros(wait).unsigned_abs())),
            Next::Acknowledged | Next::GiveUp => None,
        };
        let statement = format!(
            "WITH settled AS ( \
                 UPDATE registry.webhooks SET deliveries = deliveries + 1, \
                     position = CASE WHEN $11::interval IS NULL THEN $2 ELSE position END, \
                     attempts = CASE WHEN $11 IS NULL THEN 0 ELSE $3 END, \
                     due_at = clock_timestamp() + coalesce($11, '0'), \
                     failing_since = CASE WHEN $10 THEN NULL \
                         ELSE coalesce(failing_since, clock_timestamp()) END \
                 WHERE webhook_key = $1 AND sender = $8 AND ($10 OR changes = $9) \
                 RETURNING webhook_key, deliveries, failing_since \
             ), {LOG}, given_up AS ( \
                 INSERT INTO registry.webhook_dead_letters (webhook_key, revision, at, error) \
                 SELECT webhook_key, $2, clock_timestamp(), $5 FROM settled \
                 WHERE NOT $10 AND $11 IS NULL ON CONFLICT DO NOTHING \
             ) SELECT {FAILING_FOR} FROM settled"
        );
        let attempt = webhook.attempts + 1;
        let settled = log(AssertSqlSafe(statement), webhook, revision, attempt, answer)
            .bind(sender)
            .bind(webhook.changes)
            .bind(answer.acknowledged())
            .bind(wait)
            .fetch_optional(&self.pool)
            .await?;
        failing_for(settled)
    }

    /// Writes what sending a dead letter again came to: it is gone, or stays, and with it all others that
    /// wait if there was no answer. `None` if `sender` has lost the webhook.
    pub(crate) async fn settle_dead_letter(
        &self,
        sender: Uuid,
        webhook: &Webhook,
        revision: i64,
        answer: &Answer,
    ) -> Result<Option<Duration>, RegistryError> {
        let statement = format!(
            "WITH settled AS ( \
                 UPDATE registry.webhooks SET deliveries = deliveries + 1, \
                     failing_since = CASE WHEN $9 THEN NULL \
                         ELSE coalesce(failing_since, clock_timestamp()) END \
                 WHERE webhook_key = $1 AND sender = $8 \
                 RETURNING webhook_key, deliveries, failing_since \
             ), {LOG}, taken AS ( \
                 DELETE FROM registry.webhook_dead_letters \
                 WHERE $9 AND revision = $2 AND webhook_key IN (SELECT webhook_key FROM settled) \
             ), kept AS ( \
                 UPDATE registry.webhook_dead_letters SET resend = false, \
                     error = CASE WHEN revision = $2 THEN $5 ELSE error END \
                 WHERE NOT $9 AND webhook_key IN (SELECT webhook_key FROM settled) \
                     AND resend AND (revision = $2 OR $4 IS NULL) \
             ) SELECT {FAILING_FOR} FROM settled"
        );
        let settled = log(AssertSqlSafe(statement), webhook, revision, 1, answer)
            .bind(sender)
            .bind(answer.acknowledged())
            .fetch_optional(&self.pool)
            .await?;
        failing_for(settled)
    }

    /// Puts a test into the log, as it stands there.
    pub(crate) async fn log_test(
        &self,
        webhook: &Webhook,
        answer: Answer,
    ) -> Result<Delivery, RegistryError> {
        let statement = format!(
            "WITH settled AS ( \
                 UPDATE registry.webhooks SET deliveries = deliveries + 1 \
                 WHERE webhook_key = $1 RETURNING webhook_key, deliveries \
             ), {LOG} SELECT at FROM logged"
        );
        let logged = log(AssertSqlSafe(statement), webhook, 0, 1, &answer)
            .fetch_optional(&self.pool)
            .await?;
        let logged = logged.ok_or_else(|| RegistryError::WebhookNotFound(webhook.name.clone()))?;
        Ok(Delivery {
            revision: 0,
            attempt: 1,
            at: logged.try_get("at")?,
            answer,
        })
    }

    /// The oldest dead letter that waits to be sent again.
    pub(crate) async fn next_to_resend(&self, webhook: i64) -> Result<Option<i64>, RegistryError> {
        Ok(sqlx::query_scalar(
            "SELECT revision FROM registry.webhook_dead_letters \
             WHERE webhook_key = $1 AND resend ORDER BY revision LIMIT 1",
        )
        .bind(webhook)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Disables a webhook that `sender` has and nobody changed meanwhile, for a reason that admins see.
    pub(crate) async fn disable_webhook(
        &self,
        sender: Uuid,
        webhook: &Webhook,
        reason: &str,
    ) -> Result<(), RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let disabled = sqlx::query(
            "UPDATE registry.webhooks \
             SET enabled = false, disabled_reason = $4, attempts = 0, changes = changes + 1 \
             WHERE webhook_key = $1 AND sender = $2 AND changes = $3 AND enabled",
        )
        .bind(webhook.key)
        .bind(sender)
        .bind(webhook.changes)
        .bind(reason)
        .execute(&mut *transaction)
        .await?;
        if disabled.rows_affected() == 1 {
            record_disabled(&mut transaction, webhook, reason).await?;
            transaction.commit().await?;
            self.committed();
        }
        Ok(())
    }
}

/// A statement with [`LOG`] in it: $1 the webhook, $2 the revision, $3 which attempt, $4 to $6 the answer,
/// $7 how many attempts are kept.
fn log(
    statement: AssertSqlSafe<String>,
    webhook: &Webhook,
    revision: i64,
    attempt: u32,
    answer: &Answer,
) -> Query<'static, Postgres, PgArguments> {
    let status = answer.status.and_then(|status| i16::try_from(status).ok());
    sqlx::query(statement)
        .bind(webhook.key)
        .bind(revision)
        .bind(i32::try_from(attempt).unwrap_or(i32::MAX))
        .bind(status)
        .bind(answer.error.clone())
        .bind(micros(answer.latency))
        .bind(DELIVERIES_KEPT)
}

fn failing_for(settled: Option<PgRow>) -> Result<Option<Duration>, RegistryError> {
    let Some(row) = settled else {
        return Ok(None);
    };
    let seconds: f64 = row.try_get("failing_for")?;
    Ok(Some(
        Duration::try_from_secs_f64(seconds).unwrap_or_default(),
    ))
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
