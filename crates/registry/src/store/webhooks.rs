//! Webhooks as admins see and change them.
//!
//! What is stored: where to, which changes, the secrets, and how far each has come. Whoever changes one
//! locks its row, and then the workspace's revision. `changes` is counted up so that the sender that has it
//! begins again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_postgres::DatabaseError;
use herdbook_proto::registry::v1::{AuditAction, AuditRecord, EventSelector};
use prost::Message as _;
use serde_json::{Map, Value};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Store, audit::append, models::record};
use crate::{
    RegistryError,
    webhooks::{Answer, DeadLetter, Delivery, Format, PER_WORKSPACE, Secret, Target, Webhook},
};

/// How long the secret before signs too (as Standard Webhooks recommends).
const OLD_SECRET: &str = "24 hours";

pub(super) const COLUMNS: &str = "webhook_key, workspace_id, name, url, selector, enabled, \
    disabled_reason, secret, \
    CASE WHEN old_secret_until > clock_timestamp() THEN old_secret END AS old_secret, \
    CASE WHEN old_secret_until > clock_timestamp() THEN old_secret_until END AS old_secret_until, \
    position, attempts, due_at, \
    greatest(extract(epoch FROM due_at - clock_timestamp()), 0)::float8 AS due_in, failing_since, \
    changes, created_by, created_at, id, description, format, events, updated_at, \
    (SELECT count(*) FROM registry.webhook_dead_letters AS d \
     WHERE d.webhook_key = w.webhook_key) AS dead_letters";

#[derive(Debug, FromRow)]
pub(super) struct WebhookRow {
    webhook_key: i64,
    workspace_id: i32,
    name: String,
    url: String,
    selector: Vec<u8>,
    enabled: bool,
    disabled_reason: String,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
    old_secret_until: Option<DateTime<Utc>>,
    position: i64,
    attempts: i32,
    due_at: DateTime<Utc>,
    due_in: f64,
    failing_since: Option<DateTime<Utc>>,
    changes: i64,
    created_by: String,
    created_at: DateTime<Utc>,
    id: Uuid,
    description: String,
    format: i16,
    events: Vec<String>,
    updated_at: DateTime<Utc>,
    dead_letters: i64,
}

impl TryFrom<WebhookRow> for Webhook {
    type Error = RegistryError;

    fn try_from(row: WebhookRow) -> Result<Self, RegistryError> {
        Ok(Self {
            key: row.webhook_key,
            workspace: WorkspaceId(row.workspace_id),
            name: row.name,
            url: row.url,
            selector: EventSelector::decode(&*row.selector).map_err(|_| RegistryError::Damaged)?,
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            secret: row.secret.into(),
            old_secret: row.old_secret.map(Secret::from),
            old_secret_until: row.old_secret_until,
            position: row.position,
            attempts: row.attempts.unsigned_abs(),
            due_at: row.due_at,
            due_in: Duration::try_from_secs_f64(row.due_in).unwrap_or_default(),
            failing_since: row.failing_since,
            dead_letters: row.dead_letters,
            changes: row.changes,
            created_by: row.created_by,
            created_at: row.created_at,
            id: row.id,
            description: row.description,
            format: Format::from_number(row.format).ok_or(RegistryError::Damaged)?,
            events: row.events,
            updated_at: row.updated_at,
        })
    }
}

#[derive(Debug, FromRow)]
struct DeliveryRow {
    revision: i64,
    attempt: i32,
    at: DateTime<Utc>,
    status: Option<i16>,
    error: String,
    latency_us: i64,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            revision: row.revision,
            attempt: row.attempt.unsigned_abs(),
            at: row.at,
            answer: Answer {
                status: row.status.map(i16::unsigned_abs),
                error: row.error,
                latency: Duration::from_micros(row.latency_us.unsigned_abs()),
            },
        }
    }
}

/// A webhook that is to be.
#[derive(Debug)]
pub(crate) struct NewWebhook {
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) selector: EventSelector,
    pub(crate) secret: Secret,
    pub(crate) description: String,
    pub(crate) format: Format,
    pub(crate) events: Vec<String>,
    pub(crate) enabled: bool,
    /// For what comes after this revision; from now on if `None`.
    pub(crate) after: Option<i64>,
}

/// What of a webhook changes.
#[derive(Debug, Default)]
pub(crate) struct WebhookChange {
    pub(crate) target: Option<Target>,
    pub(crate) selector: Option<EventSelector>,
    pub(crate) enabled: Option<bool>,
    pub(crate) secret: Option<Secret>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) events: Option<Vec<String>>,
}

impl Store {
    pub(crate) async fn create_webhook(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        new: &NewWebhook,
    ) -> Result<Webhook, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let key: Result<i64, _> = sqlx::query_scalar(
            "INSERT INTO registry.webhooks \
                 (workspace_id, name, url, selector, secret, position, created_by, description, format, \
                  events, enabled) \
             VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10) RETURNING webhook_key",
        )
        .bind(workspace.0)
        .bind(&new.name)
        .bind(new.target.url().as_str())
        .bind(new.selector.encode_to_vec())
        .bind(new.secret.bytes())
        .bind(principal)
        .bind(&new.description)
        .bind(new.format.number())
        .bind(&new.events)
        .bind(new.enabled)
        .fetch_one(&mut *transaction)
        .await;
        let key = key.map_err(|error| named(error, &new.name))?;
        let (action, target) = (AuditAction::CreateWebhook, Some(&new.target));
        let record = about(action, principal, &new.name, target, []);
        let revision = append(&mut transaction, workspace, None, record)
            .await?
            .revision;
        if let Some(asked) = new.after.filter(|asked| *asked > revision) {
            let now = revision - 1;
            return Err(RegistryError::RevisionAhead { asked, now });
        }
        // Counted under the workspace's row: nobody adds another meanwhile.
        let count: i64 = sqlx::query_scalar(
            "WITH placed AS (UPDATE registry.webhooks SET position = $3 WHERE webhook_key = $2) \
             SELECT count(*) FROM registry.webhooks WHERE workspace_id = $1",
        )
        .bind(workspace.0)
        .bind(key)
        .bind(new.after.unwrap_or(revision).max(0))
        .fetch_one(&mut *transaction)
        .await?;
        if count > PER_WORKSPACE {
            return Err(RegistryError::TooManyWebhooks);
        }
        transaction.commit().await?;
        self.committed();
        self.webhook(workspace, &new.name).await
    }

    pub(crate) async fn webhook(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<Webhook, RegistryError> {
        let row: Option<WebhookRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM registry.webhooks AS w WHERE workspace_id = $1 AND name = $2"
        )))
        .bind(workspace.0)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        row.ok_or_else(|| not_found(name))?.try_into()
    }

    /// All webhooks of `workspace` by name.
    pub(crate) async fn webhooks(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<Webhook>, RegistryError> {
        let rows: Vec<WebhookRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM registry.webhooks AS w WHERE workspace_id = $1 ORDER BY name"
        )))
        .bind(workspace.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Changes a webhook. What is next is tried at once; enabled again, it has failed nothing yet.
    pub(crate) async fn update_webhook(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
        change: &WebhookChange,
    ) -> Result<Webhook, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let updated = sqlx::query(
            "UPDATE registry.webhooks SET url = coalesce($3, url), \
                 selector = coalesce($4, selector), \
                 disabled_reason = CASE WHEN $5 IS NULL THEN disabled_reason ELSE '' END, \
                 failing_since = CASE WHEN $5 AND NOT enabled THEN NULL ELSE failing_since END, \
                 enabled = coalesce($5, enabled), \
                 old_secret = CASE WHEN $6 IS NULL THEN old_secret ELSE secret END, \
                 old_secret_until = CASE WHEN $6 IS NULL THEN old_secret_until \
                     ELSE clock_timestamp() + $7::interval END, \
                 secret = coalesce($6, secret), name = coalesce($8, name), \
                 description = coalesce($9, description), events = coalesce($10, events), \
                 updated_at = clock_timestamp(), \
                 due_at = clock_timestamp(), attempts = 0, changes = changes + 1 \
             WHERE workspace_id = $1 AND name = $2",
        )
        .bind(workspace.0)
        .bind(name)
        .bind(change.target.as_ref().map(|target| target.url().as_str()))
        .bind(change.selector.as_ref().map(EventSelector::encode_to_vec))
        .bind(change.enabled)
        .bind(change.secret.as_ref().map(Secret::bytes))
        .bind(OLD_SECRET)
        .bind(&change.name)
        .bind(&change.description)
        .bind(&change.events)
        .execute(&mut *transaction)
        .await;
        let name_now = change.name.as_deref().unwrap_or(name);
        let updated = updated.map_err(|error| named(error, name_now))?;
        if updated.rows_affected() == 0 {
            return Err(not_found(name));
        }
        let changes = [
            change.enabled.map(|enabled| ("enabled", enabled.into())),
            (change.selector.as_ref()).map(|_| ("selector", "changed".into())),
            (change.secret.as_ref()).map(|_| ("secret", "rotated".into())),
            (change.events.as_ref()).map(|_| ("events", "changed".into())),
            (change.name.as_ref()).map(|new| ("new_name", new.as_str().into())),
        ];
        let (action, target) = (AuditAction::UpdateWebhook, change.target.as_ref());
        let record = about(
            action,
            principal,
            name,
            target,
            changes.into_iter().flatten(),
        );
        append(&mut transaction, workspace, None, record).await?;
        transaction.commit().await?;
        self.committed();
        self.webhook(workspace, name_now).await
    }

    pub(crate) async fn delete_webhook(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
    ) -> Result<(), RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let deleted =
            sqlx::query("DELETE FROM registry.webhooks WHERE workspace_id = $1 AND name = $2")
                .bind(workspace.0)
                .bind(name)
                .execute(&mut *transaction)
                .await?;
        if deleted.rows_affected() == 0 {
            return Err(not_found(name));
        }
        let record = about(AuditAction::DeleteWebhook, principal, name, None, []);
        append(&mut transaction, workspace, None, record).await?;
        transaction.commit().await?;
        self.committed();
        Ok(())
    }

    /// The attempts that are kept, newest first.
    pub(crate) async fn deliveries(&self, webhook: i64) -> Result<Vec<Delivery>, RegistryError> {
        let rows: Vec<DeliveryRow> = sqlx::query_as(
            "SELECT revision, attempt, at, status, error, latency_us \
             FROM registry.webhook_deliveries WHERE webhook_key = $1 ORDER BY number DESC",
        )
        .bind(webhook)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Dead letters after the revision `after`, oldest first.
    pub(crate) async fn dead_letters(
        &self,
        webhook: i64,
        after: i64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, RegistryError> {
        let rows: Vec<(i64, DateTime<Utc>, String, bool)> = sqlx::query_as(
            "SELECT revision, at, error, resend FROM registry.webhook_dead_letters \
             WHERE webhook_key = $1 AND revision > $2 ORDER BY revision LIMIT $3",
        )
        .bind(webhook)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        let letter = |(revision, at, error, resend)| DeadLetter {
            revision,
            at,
            error,
            resend,
        };
        Ok(rows.into_iter().map(letter).collect())
    }

    /// Has dead letters sent again, all of them if `revisions` is empty; how many there are of them.
    pub(crate) async fn resend(
        &self,
        webhook: i64,
        revisions: &[i64],
    ) -> Result<i64, RegistryError> {
        Ok(sqlx::query_scalar(
            "WITH marked AS ( \
                 UPDATE registry.webhook_dead_letters SET resend = true \
                 WHERE webhook_key = $1 AND (cardinality($2) = 0 OR revision = ANY($2)) \
                 RETURNING revision \
             ), begun AS ( \
                 UPDATE registry.webhooks SET changes = changes + 1 WHERE webhook_key = $1 \
             ) SELECT count(*) FROM marked",
        )
        .bind(webhook)
        .bind(revisions)
        .fetch_one(&self.pool)
        .await?)
    }
}

/// Disables a webhook in the transaction at hand, which has locked it, and says so in the audit log.
pub(super) async fn record_disabled(
    transaction: &mut PgConnection,
    webhook: &Webhook,
    reason: &str,
) -> Result<(), RegistryError> {
    let changes = [("enabled", false.into()), ("reason", reason.into())];
    let action = AuditAction::UpdateWebhook;
    let record = about(action, "herdbook", &webhook.name, None, changes);
    append(transaction, webhook.workspace, None, record).await?;
    Ok(())
}

/// The error of a statement that gives a webhook a name.
fn named(error: sqlx::Error, name: &str) -> RegistryError {
    let error = DatabaseError::from(error);
    match error.unique_violation() {
        Some("webhooks_name") => RegistryError::WebhookExists(name.to_owned()),
        _ => error.into(),
    }
}

fn not_found(name: &str) -> RegistryError {
    RegistryError::WebhookNotFound(name.chars().take(255).collect())
}

/// A record about a webhook, with what everybody may read of it: of its address the host alone.
fn about(
    action: AuditAction,
    principal: &str,
    name: &str,
    target: Option<&Target>,
    changes: impl IntoIterator<Item = (&'static str, Value)>,
) -> AuditRecord {
    let host = target.map(|target| ("host", target.host().into()));
    let facts = [("webhook", name.into())].into_iter().chain(host);
    let details: Map<_, _> = facts
        .chain(changes)
        .map(|(fact, value)| (fact.to_owned(), value))
        .collect();
    AuditRecord {
        details: Value::Object(details).to_string(),
        ..record(action, principal, "")
    }
}
