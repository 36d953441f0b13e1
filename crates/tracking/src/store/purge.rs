//! Removing a run for good.

use herdbook_core::{RunId, WorkspaceId};
use herdbook_postgres::DatabaseError;
use sqlx::AssertSqlSafe;

use super::{Store, artifacts, values};
use crate::TrackingError;

/// What has rows of a run, beside its artifacts, its head and itself.
const TABLES: [&str; 6] = [
    "metric_summaries",
    "metric_writers",
    "metric_definitions",
    "metric_tails",
    "metric_chunks",
    "log_requests",
];

/// The constraint that keeps a run that others were forked from.
const FORKS: &str = "runs_forked_from_fkey";

impl Store {
    /// Removes a deleted run with all that it has. Its hot blocks stay until their table is truncated, as
    /// nobody's.
    pub(crate) async fn purge_run(
        &self,
        workspace: WorkspaceId,
        id: RunId,
    ) -> Result<(), TrackingError> {
        let key = self.run_key(workspace, id).await?;
        let mut transaction = self.pool.begin().await?;
        // Whoever adds points or compacts waits here, and finds no head afterwards.
        let head: Option<(bool, i64)> = sqlx::query_as(
            "DELETE FROM tracking.run_heads WHERE run_key = $1 RETURNING writable, points",
        )
        .bind(key.0)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((writable, points)) = head else {
            return Err(TrackingError::RunNotFound(id.to_string()));
        };
        if writable {
            return Err(TrackingError::RunNotDeleted(id));
        }
        artifacts::purge(&mut transaction, key).await?;
        values::purge(&mut transaction, key).await?;
        for table in TABLES {
            // Safe: the name is one of ours.
            let delete = format!("DELETE FROM tracking.{table} WHERE run_key = $1");
            sqlx::query(AssertSqlSafe(delete))
                .bind(key.0)
                .execute(&mut *transaction)
                .await?;
        }
        let deleted = sqlx::query("DELETE FROM tracking.runs WHERE run_key = $1")
            .bind(key.0)
            .execute(&mut *transaction)
            .await;
        match deleted {
            Err(sqlx::Error::Database(error)) if error.constraint() == Some(FORKS) => {
                return Err(TrackingError::RunHasForks(id));
            }
            // Somebody was still writing to it when it was deleted.
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                return Err(DatabaseError::Conflict(sqlx::Error::Database(error)).into());
            }
            deleted => deleted?,
        };
        sqlx::query(
            "INSERT INTO tracking.workspace_usage AS u (workspace_id, shard, runs, points) \
             VALUES ($1, 0, -1, -$2) \
             ON CONFLICT (workspace_id, shard) DO UPDATE SET \
                 runs = u.runs + excluded.runs, points = u.points + excluded.points",
        )
        .bind(workspace.0)
        .bind(points)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.keys.remove(&(workspace, id));
        Ok(())
    }

    /// Asks whoever trains a run to stop, or takes that back.
    pub(crate) async fn request_stop(
        &self,
        workspace: WorkspaceId,
        id: RunId,
        stop: bool,
    ) -> Result<(), TrackingError> {
        let key = self.run_key(workspace, id).await?;
        let asked = sqlx::query(
            "UPDATE tracking.run_heads SET stop_requested = $2 WHERE run_key = $1 AND writable",
        )
        .bind(key.0)
        .bind(stop)
        .execute(&self.pool)
        .await?;
        match asked.rows_affected() {
            0 => Err(TrackingError::RunDeleted(id)),
            _ => Ok(()),
        }
    }
}
