//! The names of artifacts.

use herdbook_blobs::Blob;
use herdbook_core::{Digest, RunId, WorkspaceId};

use super::Store;
use crate::{TrackingError, run::RunKey};

/// A file of a run.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    pub(crate) path: String,
    pub(crate) blob: Blob,
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
        let put = sqlx::query(
            "INSERT INTO tracking.artifacts (run_key, path, size, digest) \
             SELECT run_key, $3, $4, $5 FROM tracking.runs \
             WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL \
             ON CONFLICT (run_key, path) \
                 DO UPDATE SET size = excluded.size, digest = excluded.digest, created_at = now()",
        )
        .bind(workspace.0)
        .bind(run.as_uuid())
        .bind(path)
        .bind(i64::try_from(blob.size).unwrap_or(i64::MAX))
        .bind(blob.digest.0.as_slice())
        .execute(&self.pool)
        .await?;
        if put.rows_affected() == 0 {
            Err(TrackingError::RunDeleted(run))
        } else {
            Ok(())
        }
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
        let artifact = |(path, size, digest): (String, i64, Vec<u8>)| {
            let digest = Digest::try_from(digest.as_slice()).ok()?;
            let size = u64::try_from(size).ok()?;
            Some(Artifact {
                path,
                blob: Blob { digest, size },
            })
        };
        Ok(rows.into_iter().filter_map(artifact).collect())
    }
}

/// Removes all entries of a run that is to be purged.
pub(crate) async fn purge(
    transaction: &mut sqlx::PgConnection,
    run: RunKey,
) -> Result<(), TrackingError> {
    sqlx::query("DELETE FROM tracking.artifacts WHERE run_key = $1")
        .bind(run.0)
        .execute(transaction)
        .await?;
    Ok(())
}
