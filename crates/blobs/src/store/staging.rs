//! Rows of blobs that no manifest names yet.

use herdbook_core::Digest;
use herdbook_postgres::DatabaseError;
use sqlx::{FromRow, PgExecutor};

use super::COLLECTION;
use crate::{Blob, BlobError};

/// A row that stays for the time of grace.
#[derive(Debug, Clone, Copy, FromRow)]
pub(crate) struct Staged {
    incarnation: i64,
    /// Whether the bytes are there.
    pub(crate) stored: bool,
}

/// Makes sure that `blob` has a row, before its bytes are put. Fails with [`BlobError::Collecting`]
/// if a collector is removing it.
pub(crate) async fn stage(executor: impl PgExecutor<'_>, blob: Blob) -> Result<Staged, BlobError> {
    let staged = sqlx::query_as(
        "INSERT INTO blobs.blobs AS b (digest, size) VALUES ($1, $2) \
         ON CONFLICT (digest) DO UPDATE SET collecting_at = NULL, \
             stored = b.stored AND b.collecting_at IS NULL, \
             incarnation = CASE WHEN b.collecting_at IS NULL THEN b.incarnation ELSE excluded.incarnation END, \
             unreferenced_at = CASE WHEN b.reference_count = 0 THEN clock_timestamp() END \
         WHERE b.collecting_at IS NULL OR b.collecting_at < clock_timestamp() - $3 \
         RETURNING incarnation, stored",
    )
    .bind(blob.digest.0.as_slice())
    .bind(size(&blob))
    .bind(COLLECTION)
    .fetch_optional(executor)
    .await
    .map_err(DatabaseError::from)?;
    staged.ok_or(BlobError::Collecting(blob.digest))
}

/// Notes that the bytes of `blob`, staged as `staged`, are there. Fails with [`BlobError::Gone`] if it
/// was collected meanwhile.
pub(crate) async fn confirm(
    executor: impl PgExecutor<'_>,
    blob: Blob,
    staged: Staged,
) -> Result<(), BlobError> {
    let confirmed = sqlx::query(
        "UPDATE blobs.blobs SET stored = true \
         WHERE digest = $1 AND incarnation = $2 AND collecting_at IS NULL",
    )
    .bind(blob.digest.0.as_slice())
    .bind(staged.incarnation)
    .execute(executor)
    .await
    .map_err(DatabaseError::from)?;
    match confirmed.rows_affected() {
        0 => Err(BlobError::Gone(blob.digest)),
        _ => Ok(()),
    }
}

/// Makes sure that `blobs`, whose bytes are there, have rows. Fails with [`BlobError::Collecting`] if a
/// collector is removing one.
pub(crate) async fn adopt(executor: impl PgExecutor<'_>, blobs: &[Blob]) -> Result<(), BlobError> {
    let mut adopted: Vec<Vec<u8>> = sqlx::query_scalar(
        "INSERT INTO blobs.blobs AS b (digest, size, stored) \
         SELECT DISTINCT ON (digest) digest, size, true \
         FROM unnest($1::bytea[], $2::bigint[]) AS s (digest, size) ORDER BY digest \
         ON CONFLICT (digest) DO UPDATE SET collecting_at = NULL, stored = true, \
             unreferenced_at = CASE WHEN b.reference_count = 0 THEN clock_timestamp() END \
         WHERE b.collecting_at IS NULL OR b.collecting_at < clock_timestamp() - $3 \
         RETURNING digest",
    )
    .bind(digests(blobs))
    .bind(blobs.iter().map(size).collect::<Vec<_>>())
    .bind(COLLECTION)
    .fetch_all(executor)
    .await
    .map_err(DatabaseError::from)?;
    adopted.sort_unstable();
    let is_adopted = |blob: &&Blob| adopted.binary_search(&blob.digest.0.to_vec()).is_ok();
    match blobs.iter().find(|blob| !is_adopted(blob)) {
        Some(blob) => Err(BlobError::Collecting(blob.digest)),
        None => Ok(()),
    }
}

/// Those of `digests` that have rows.
pub(crate) async fn known(
    executor: impl PgExecutor<'_>,
    blobs: &[Blob],
) -> Result<Vec<Digest>, DatabaseError> {
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT digest FROM blobs.blobs WHERE digest = ANY($1)")
            .bind(digests(blobs))
            .fetch_all(executor)
            .await?;
    let digest = |row: Vec<u8>| Digest::try_from(row.as_slice()).ok();
    Ok(rows.into_iter().filter_map(digest).collect())
}

fn digests(blobs: &[Blob]) -> Vec<&[u8]> {
    blobs.iter().map(|blob| blob.digest.0.as_slice()).collect()
}

fn size(blob: &Blob) -> i64 {
    i64::try_from(blob.size).unwrap_or(i64::MAX)
}
