//! The names of artifacts, each with a reference to its blob.

use herdbook_blobs::{Blob, References};
use herdbook_core::{Digest, RunId, WorkspaceId};
use sqlx::{FromRow, PgConnection};

use super::{Store, usage};
use crate::{TrackingError, pedigree, quota::Usage, run::RunKey};

/// Entries counted in one transaction.
const COUNTED_AT_ONCE: i64 = 500;

/// A file of a run.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    pub(crate) path: String,
    pub(crate) blob: Blob,
}

/// An entry whose reference is not that of its digest.
#[derive(FromRow)]
struct Uncounted {
    run_key: i64,
    path: String,
    size: i64,
    digest: Vec<u8>,
    held: Option<Vec<u8>>,
}

impl Store {
    /// Names `blob` in a run, in place of what had the path before.
    pub(crate) async fn put_artifact(
        &self,
        workspace: WorkspaceId,
        run: RunId,
        path: &str,
        blob: Blob,
    ) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let size = i64::try_from(blob.size).unwrap_or(i64::MAX);
        // What it held is what an entry that was there held, whoever wrote that in the meantime.
        let put: Option<(i64, Option<Vec<u8>>, i64)> = sqlx::query_as(
            "INSERT INTO tracking.artifacts (run_key, path, size, digest) \
             SELECT run_key, $3, $4, $5 FROM tracking.runs \
             WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL \
             ON CONFLICT (run_key, path) \
                 DO UPDATE SET size = excluded.size, digest = excluded.digest, created_at = now() \
             RETURNING run_key, held, counted",
        )
        .bind(workspace.0)
        .bind(run.as_uuid())
        .bind(path)
        .bind(size)
        .bind(blob.digest.0.as_slice())
        .fetch_optional(&mut *transaction)
        .await?;
        let (key, before, counted) = put.ok_or(TrackingError::RunDeleted(run))?;
        sqlx::query(
            "UPDATE tracking.artifacts SET held = digest, counted = size \
             WHERE run_key = $1 AND path = $2",
        )
        .bind(key)
        .bind(path)
        .execute(&mut *transaction)
        .await?;
        let mut references = References::default();
        references.take(blob.digest);
        release(&mut references, before.clone());
        references.apply(&mut transaction).await?;
        let added = Usage {
            bytes: size - counted,
            ..Usage::default()
        };
        usage::count(&mut transaction, workspace, added).await?;
        if before.as_deref() != Some(blob.digest.0.as_slice()) {
            let path = path.to_owned();
            let told = pedigree::of_artifact(run, &Artifact { path, blob }).encode();
            self.outbox.add(&mut transaction, workspace, &told).await?;
        }
        transaction.commit().await?;
        self.outbox.wake();
        Ok(())
    }

    /// Takes the references of at most [`COUNTED_AT_ONCE`] entries that a version wrote which did not
    /// count; whether there may be more.
    pub(crate) async fn count_artifacts(&self) -> Result<bool, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let rows: Vec<Uncounted> = sqlx::query_as(
            "SELECT run_key, path, size, digest, held FROM tracking.artifacts \
             WHERE held IS DISTINCT FROM digest ORDER BY run_key, path LIMIT $1 FOR UPDATE",
        )
        .bind(COUNTED_AT_ONCE)
        .fetch_all(&mut *transaction)
        .await?;
        let mut references = References::default();
        let (mut keys, mut paths) = (Vec::new(), Vec::new());
        for row in rows {
            if let Some(artifact) = read(row.path.clone(), row.size, &row.digest) {
                references.adopt(artifact.blob);
            }
            release(&mut references, row.held);
            keys.push(row.run_key);
            paths.push(row.path);
        }
        references.apply(&mut transaction).await?;
        sqlx::query(
            "UPDATE tracking.artifacts AS a SET held = a.digest \
             FROM unnest($1::bigint[], $2::text[]) AS c (run_key, path) \
             WHERE a.run_key = c.run_key AND a.path = c.path",
        )
        .bind(&keys)
        .bind(&paths)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(!keys.is_empty())
    }

    pub(crate) async fn artifact(
        &self,
        key: RunKey,
        path: &str,
    ) -> Result<Option<Artifact>, TrackingError> {
        Ok(self
            .artifacts(key, path, None, 1)
            .await?
            .pop()
            .filter(|artifact| artifact.path == path))
    }

    /// The file `path`, or the files below the folder `path` (all, if empty), by path.
    pub(crate) async fn artifacts(
        &self,
        key: RunKey,
        path: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Artifact>, TrackingError> {
        // A folder's files lie between `folder/` and `folder0`, for `0` comes right after `/`.
        let rows: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT path, size, digest FROM tracking.artifacts \
             WHERE run_key = $1 \
                 AND ($2 = '' OR path = $2 OR (path >= $2 || '/' AND path < $2 || '0')) \
                 AND path > $3 \
             ORDER BY path LIMIT $4",
        )
        .bind(key.0)
        .bind(path)
        .bind(after.unwrap_or_default())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        let artifact = |(path, size, digest): (String, i64, Vec<u8>)| read(path, size, &digest);
        Ok(rows.into_iter().filter_map(artifact).collect())
    }
}

/// Removes all entries of a run that is to be purged, and gives their references back; the bytes by which
/// they counted.
pub(crate) async fn purge(
    transaction: &mut PgConnection,
    run: RunKey,
) -> Result<i64, TrackingError> {
    let entries: Vec<(Option<Vec<u8>>, i64)> =
        sqlx::query_as("DELETE FROM tracking.artifacts WHERE run_key = $1 RETURNING held, counted")
            .bind(run.0)
            .fetch_all(&mut *transaction)
            .await?;
    let mut references = References::default();
    let mut bytes = 0;
    for (held, counted) in entries {
        release(&mut references, held);
        bytes += counted;
    }
    references.apply(transaction).await?;
    Ok(bytes)
}

/// Gives the reference back that an entry held, if it held one.
pub(super) fn release(references: &mut References, held: Option<Vec<u8>>) {
    let digest = held.and_then(|held| Digest::try_from(held.as_slice()).ok());
    digest
        .into_iter()
        .for_each(|digest| references.release(digest));
}

fn read(path: String, size: i64, digest: &[u8]) -> Option<Artifact> {
    let digest = Digest::try_from(digest).ok()?;
    let size = u64::try_from(size).ok()?;
    Some(Artifact {
        path,
        blob: Blob { digest, size },
    })
}

#[cfg(test)]
mod tests;
