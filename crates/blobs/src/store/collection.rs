//! What a collector reads and writes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use herdbook_core::Digest;
use herdbook_postgres::DatabaseError;
use sqlx::PgPool;

use super::COLLECTION;

/// A blob whose bytes a collector is to remove.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marked {
    pub(crate) digest: Digest,
    /// When it was marked: another collector's mark is another.
    at: DateTime<Utc>,
}

/// Marks at most `limit` blobs that nothing has named for `grace`, and those that a collector marked
/// and then left.
pub(crate) async fn mark(
    pool: &PgPool,
    grace: Duration,
    limit: usize,
) -> Result<Vec<Marked>, DatabaseError> {
    let rows: Vec<(Vec<u8>, DateTime<Utc>)> = sqlx::query_as(
        "UPDATE blobs.blobs SET collecting_at = clock_timestamp() \
         WHERE digest IN (SELECT digest FROM blobs.blobs \
             WHERE unreferenced_at <= clock_timestamp() - $1 \
                 AND (collecting_at IS NULL OR collecting_at < clock_timestamp() - $2) \
             ORDER BY unreferenced_at LIMIT $3 FOR UPDATE SKIP LOCKED) \
         RETURNING digest, collecting_at",
    )
    .bind(grace)
    .bind(COLLECTION)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    let marked = |(digest, at): (Vec<u8>, _)| {
        let digest = Digest::try_from(digest.as_slice()).ok()?;
        Some(Marked { digest, at })
    };
    Ok(rows.into_iter().filter_map(marked).collect())
}

/// Removes the rows of blobs whose bytes are gone.
pub(crate) async fn remove(pool: &PgPool, gone: &[Marked]) -> Result<u64, DatabaseError> {
    let removed = sqlx::query(
        "DELETE FROM blobs.blobs AS b \
         USING unnest($1::bytea[], $2::timestamptz[]) AS g (digest, at) \
         WHERE b.digest = g.digest AND b.collecting_at = g.at",
    )
    .bind(
        gone.iter()
            .map(|m| m.digest.0.as_slice())
            .collect::<Vec<_>>(),
    )
    .bind(gone.iter().map(|m| m.at).collect::<Vec<_>>())
    .execute(pool)
    .await?;
    Ok(removed.rows_affected())
}

/// Notes that all manifests of `owner` are counted.
pub(crate) async fn note_counted(pool: &PgPool, owner: &str) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO blobs.owners (owner) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(owner)
        .execute(pool)
        .await?;
    Ok(())
}

/// Those of `owners` whose manifests are all counted.
pub(crate) async fn counted(pool: &PgPool, owners: &[&str]) -> Result<i64, DatabaseError> {
    Ok(
        sqlx::query_scalar("SELECT count(*) FROM blobs.owners WHERE owner = ANY($1)")
            .bind(owners)
            .fetch_one(pool)
            .await?,
    )
}

/// The time `grace` ago, by the database's clock.
pub(crate) async fn ago(pool: &PgPool, grace: Duration) -> Result<DateTime<Utc>, DatabaseError> {
    Ok(sqlx::query_scalar("SELECT clock_timestamp() - $1")
        .bind(grace)
        .fetch_one(pool)
        .await?)
}
