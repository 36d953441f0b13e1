//! Checkpoints of the audit log, and the key that signs them unless another was given.

use chrono::{DateTime, Utc};
use herdbook_core::{Digest, WorkspaceId};
use herdbook_postgres::advisory::{self, Chore};
use sqlx::{FromRow, PgConnection};

use super::Store;
use crate::{
    RegistryError,
    checkpoint::{AuditKey, Checkpoint},
};

/// A workspace is due after so many records, or with any after so long.
const RECORDS: i64 = 1_000;
const LONGEST: &str = "15 minutes";

#[derive(Debug, FromRow)]
struct CheckpointRow {
    workspace_id: i32,
    revision: i64,
    hash: Vec<u8>,
    at: DateTime<Utc>,
    public_key: Vec<u8>,
    signature: Vec<u8>,
}

impl TryFrom<CheckpointRow> for Checkpoint {
    type Error = RegistryError;

    fn try_from(row: CheckpointRow) -> Result<Self, RegistryError> {
        let damaged = |_| RegistryError::Damaged;
        Ok(Self {
            workspace: WorkspaceId(row.workspace_id),
            revision: row.revision,
            hash: Digest::try_from(&*row.hash).map_err(|_| RegistryError::Damaged)?,
            at: row.at,
            public_key: row.public_key.try_into().map_err(damaged)?,
            signature: row.signature.try_into().map_err(damaged)?,
        })
    }
}

impl Store {
    /// Checkpoints of `workspace` before the revision `before`, newest first.
    pub(crate) async fn checkpoints(
        &self,
        workspace: WorkspaceId,
        before: i64,
        limit: usize,
    ) -> Result<Vec<Checkpoint>, RegistryError> {
        let rows: Vec<CheckpointRow> = sqlx::query_as(
            "SELECT * FROM registry.checkpoints WHERE workspace_id = $1 AND revision < $2 \
             ORDER BY revision DESC LIMIT $3",
        )
        .bind(workspace.0)
        .bind(before)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Checkpoints of the revisions from `first` to `last`.
    pub(super) async fn checkpoints_among(
        &self,
        workspace: WorkspaceId,
        first: i64,
        last: i64,
    ) -> Result<Vec<Checkpoint>, RegistryError> {
        let rows: Vec<CheckpointRow> = sqlx::query_as(
            "SELECT * FROM registry.checkpoints \
             WHERE workspace_id = $1 AND revision BETWEEN $2 AND $3",
        )
        .bind(workspace.0)
        .bind(first)
        .bind(last)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// The newest checkpoint of `workspace`.
    pub(crate) async fn last_checkpoint(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Option<Checkpoint>, RegistryError> {
        Ok(self.checkpoints(workspace, i64::MAX, 1).await?.pop())
    }

    /// Signs that `workspace` is at `revision` with `hash`. One that another made already stays.
    pub(crate) async fn add_checkpoint(
        &self,
        workspace: WorkspaceId,
        revision: i64,
        hash: Digest,
    ) -> Result<Checkpoint, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        advisory::lock(&mut transaction, Chore::AuditCheckpoints).await?;
        let key = match &self.audit_key {
            Some(key) => key.clone(),
            None => AuditKey::from_seed(&signing_seed(&mut transaction).await?),
        };
        let now: DateTime<Utc> = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&mut *transaction)
            .await?;
        let made = Checkpoint::sign(workspace, revision, hash, now, &key);
        sqlx::query(
            "INSERT INTO registry.checkpoints \
                 (workspace_id, revision, hash, at, public_key, signature) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(workspace.0)
        .bind(revision)
        .bind(made.hash.0.as_slice())
        .bind(made.at)
        .bind(made.public_key.as_slice())
        .bind(made.signature.as_slice())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(made)
    }

    /// Workspaces whose log has come far enough for another checkpoint.
    pub(crate) async fn due_for_checkpoint(&self) -> Result<Vec<WorkspaceId>, RegistryError> {
        let due: Vec<i32> = sqlx::query_scalar(
            "SELECT w.workspace_id FROM registry.workspaces w \
             LEFT JOIN LATERAL (SELECT revision, at FROM registry.checkpoints c \
                 WHERE c.workspace_id = w.workspace_id ORDER BY revision DESC LIMIT 1) last ON true \
             WHERE w.revision > coalesce(last.revision, 0) \
                 AND (w.revision >= coalesce(last.revision, 0) + $1 \
                     OR last.at IS NULL OR last.at < now() - $2::interval) \
             ORDER BY w.workspace_id",
        )
        .bind(RECORDS)
        .bind(LONGEST)
        .fetch_all(&self.pool)
        .await?;
        Ok(due.into_iter().map(WorkspaceId).collect())
    }
}

/// The seed of the key that the database keeps, made by whoever comes first. The caller holds the lock.
async fn signing_seed(transaction: &mut PgConnection) -> Result<[u8; 32], RegistryError> {
    let newest: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT seed FROM registry.audit_keys ORDER BY id DESC LIMIT 1")
            .fetch_optional(&mut *transaction)
            .await?;
    if let Some(seed) = newest {
        return seed.try_into().map_err(|_| RegistryError::Damaged);
    }
    let seed: [u8; 32] = rand::random();
    sqlx::query("INSERT INTO registry.audit_keys (seed) VALUES ($1)")
        .bind(seed.as_slice())
        .execute(transaction)
        .await?;
    Ok(seed)
}
