//! Uploads in parts: what has come of a file that is not there yet. Each part holds a reference to its blob.

use chrono::{DateTime, Utc};
use herdbook_blobs::{Blob, References};
use herdbook_core::{Digest, RunId, UploadId, WorkspaceId};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    Store,
    artifacts::{Artifact, Freed, read, release},
    usage,
};
use crate::{TrackingError, holder::Holder, quota::Usage};

/// Hours for which an upload is kept that nobody touches.
const KEPT_HOURS: i32 = 24;
/// Uploads that are forgotten in one transaction.
const BATCH: i64 = 10;

/// An upload.
#[derive(Debug)]
pub(crate) struct PartedUpload {
    pub(crate) holder: Holder,
    pub(crate) path: String,
    /// What it came to, once it is complete.
    pub(crate) done: Option<Artifact>,
    /// By their numbers; none once it is complete.
    pub(crate) parts: Vec<Part>,
}

/// A part that is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) blob: Blob,
}

#[derive(FromRow)]
struct Row {
    upload_key: i64,
    run_id: Option<Uuid>,
    model_id: Option<Uuid>,
    path: String,
    digest: Option<Vec<u8>>,
    size: Option<i64>,
}

impl Row {
    /// One of both is there, as the table has it.
    fn holder(&self) -> Holder {
        match self.model_id {
            Some(model) => Holder::Model(model.into()),
            None => Holder::Run(RunId::from(self.run_id.unwrap_or_default())),
        }
    }

    fn check_open(&self, id: UploadId) -> Result<(), TrackingError> {
        match self.digest {
            Some(_) => Err(TrackingError::UploadComplete(id)),
            None => Ok(()),
        }
    }

    fn done(&self) -> Option<Artifact> {
        read(self.path.clone(), self.size?, self.digest.as_deref()?)
    }
}

const COLUMNS: &str = "upload_key, run_id, model_id, path, digest, size";

impl Store {
    /// Begins an upload: its id, and when it is forgotten if nobody touches it.
    pub(crate) async fn create_upload(
        &self,
        workspace: WorkspaceId,
        holder: Holder,
        path: &str,
    ) -> Result<(UploadId, DateTime<Utc>), TrackingError> {
        let id = UploadId::generate();
        let (run, model) = match holder {
            Holder::Run(run) => (Some(run.as_uuid()), None),
            Holder::Model(model) => (None, Some(model.as_uuid())),
        };
        let expires_at = sqlx::query_scalar(
            "INSERT INTO tracking.uploads (id, workspace_id, run_id, model_id, path) \
             VALUES ($1, $2, $3, $4, $5) RETURNING touched_at + make_interval(hours => $6)",
        )
        .bind(id.as_uuid())
        .bind(workspace.0)
        .bind(run)
        .bind(model)
        .bind(path)
        .bind(KEPT_HOURS)
        .fetch_one(&self.pool)
        .await?;
        Ok((id, expires_at))
    }

    /// Refuses to go on if there is no such upload, or if it is complete.
    pub(crate) async fn check_open(
        &self,
        workspace: WorkspaceId,
        id: UploadId,
    ) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let row = touch(&mut transaction, workspace, id).await?;
        transaction.commit().await?;
        row.check_open(id)
    }

    /// An upload with its parts.
    pub(crate) async fn upload(
        &self,
        workspace: WorkspaceId,
        id: UploadId,
    ) -> Result<PartedUpload, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let row = touch(&mut transaction, workspace, id).await?;
        let parts: Vec<(i32, Vec<u8>, i64)> = sqlx::query_as(
            "SELECT number, digest, size FROM tracking.upload_parts WHERE upload_key = $1 ORDER BY number",
        )
        .bind(row.upload_key)
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let part = |(number, digest, size): (i32, Vec<u8>, i64)| {
            let number = u32::try_from(number).ok()?;
            let digest = Digest::try_from(digest.as_slice()).ok()?;
            let size = u64::try_from(size).ok()?;
            let blob = Blob { digest, size };
            Some(Part { number, blob })
        };
        Ok(PartedUpload {
            holder: row.holder(),
            done: row.done(),
            path: row.path,
            parts: parts.into_iter().filter_map(part).collect(),
        })
    }

    /// Keeps a part, in place of what had its number before.
    pub(crate) async fn put_part(
        &self,
        workspace: WorkspaceId,
        id: UploadId,
        part: Part,
    ) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let row = touch(&mut transaction, workspace, id).await?;
        row.check_open(id)?;
        let size = i64::try_from(part.blob.size).unwrap_or(i64::MAX);
        let number = i32::try_from(part.number).unwrap_or(i32::MAX);
        // Whoever replaces a part holds the row of its upload.
        let before: Option<(Vec<u8>, i64)> = sqlx::query_as(
            "SELECT digest, size FROM tracking.upload_parts WHERE upload_key = $1 AND number = $2",
        )
        .bind(row.upload_key)
        .bind(number)
        .fetch_optional(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO tracking.upload_parts (upload_key, number, digest, size) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (upload_key, number) DO UPDATE SET digest = excluded.digest, size = excluded.size",
        )
        .bind(row.upload_key)
        .bind(number)
        .bind(part.blob.digest.0.as_slice())
        .bind(size)
        .execute(&mut *transaction)
        .await?;
        let (held, counted) = before.unzip();
        let mut references = References::default();
        references.take(part.blob.digest);
        release(&mut references, held);
        references.apply(&mut transaction).await?;
        let added = size - counted.unwrap_or_default();
        count(&mut transaction, workspace, added).await?;
        Ok(transaction.commit().await?)
    }

    /// Names what an upload came to, in place of its parts.
    pub(crate) async fn complete_upload(
        &self,
        workspace: WorkspaceId,
        id: UploadId,
        holder: Holder,
        file: &Artifact,
    ) -> Result<(), TrackingError> {
        let key = self.holder_key(workspace, holder).await?;
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let row = touch(&mut transaction, workspace, id).await?;
        if row.digest.is_some() {
            // Somebody else was at it too, and was first.
            return Ok(transaction.commit().await?);
        }
        let freed = free(&mut transaction, row.upload_key).await?;
        self.name_artifact(&mut transaction, workspace, (holder, key), file, freed)
            .await?;
        sqlx::query("UPDATE tracking.uploads SET digest = $2, size = $3 WHERE upload_key = $1")
            .bind(row.upload_key)
            .bind(file.blob.digest.0.as_slice())
            .bind(i64::try_from(file.blob.size).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.outbox.wake();
        Ok(())
    }

    /// Ends an upload that is not complete, if it is there.
    pub(crate) async fn abort_upload(
        &self,
        workspace: WorkspaceId,
        id: UploadId,
    ) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        match touch(&mut transaction, workspace, id).await {
            Ok(row) if row.digest.is_none() => {
                remove(&mut transaction, row.upload_key, workspace).await?;
            }
            Ok(_) | Err(TrackingError::UploadNotFound(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(transaction.commit().await?)
    }

    /// Forgets some uploads that nobody touched for long; whether there may be more.
    pub(crate) async fn forget_uploads(&self) -> Result<bool, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let old: Vec<(i64, i32)> = sqlx::query_as(
            "SELECT upload_key, workspace_id FROM tracking.uploads \
             WHERE touched_at < now() - make_interval(hours => $1) \
             ORDER BY touched_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        )
        .bind(KEPT_HOURS)
        .bind(BATCH)
        .fetch_all(&mut *transaction)
        .await?;
        for (upload, workspace) in &old {
            remove(&mut transaction, *upload, WorkspaceId(*workspace)).await?;
        }
        transaction.commit().await?;
        Ok(old.len() as i64 == BATCH)
    }
}

/// The row of an upload, locked until the transaction ends, and young again.
async fn touch(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    id: UploadId,
) -> Result<Row, TrackingError> {
    // Safe: the columns are ours.
    let row = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "UPDATE tracking.uploads SET touched_at = now() WHERE id = $1 AND workspace_id = $2 RETURNING {COLUMNS}"
    )))
    .bind(id.as_uuid())
    .bind(workspace.0)
    .fetch_optional(transaction)
    .await?;
    row.ok_or_else(|| TrackingError::UploadNotFound(id.to_string()))
}

/// Removes an upload with its parts.
async fn remove(
    transaction: &mut PgConnection,
    upload: i64,
    workspace: WorkspaceId,
) -> Result<(), TrackingError> {
    let freed = free(transaction, upload).await?;
    sqlx::query("DELETE FROM tracking.uploads WHERE upload_key = $1")
        .bind(upload)
        .execute(&mut *transaction)
        .await?;
    freed.references.apply(&mut *transaction).await?;
    count(transaction, workspace, -freed.bytes).await
}

/// Removes the parts of an upload.
async fn free(transaction: &mut PgConnection, upload: i64) -> Result<Freed, TrackingError> {
    let parts: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "DELETE FROM tracking.upload_parts WHERE upload_key = $1 RETURNING digest, size",
    )
    .bind(upload)
    .fetch_all(transaction)
    .await?;
    let mut freed = Freed::default();
    for (digest, size) in parts {
        release(&mut freed.references, Some(digest));
        freed.bytes += size;
    }
    Ok(freed)
}

async fn count(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    bytes: i64,
) -> Result<(), TrackingError> {
    let added = Usage {
        bytes,
        ..Usage::default()
    };
    usage::count(transaction, workspace, added).await
}

#[cfg(test)]
mod tests;
