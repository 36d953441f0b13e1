//! Removing runs and experiments for good.

use std::time::Duration;

use chrono::{DateTime, Utc};
use herdbook_core::{ExperimentId, RunId, WorkspaceId};
use herdbook_postgres::DatabaseError;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::{
    Store,
    artifacts::{self, HolderKey},
    usage, values,
};
use crate::{TrackingError, quota::Usage, run::RunKey};

/// What has rows of a run, beside its artifacts, its head and itself.
const TABLES: [&str; 7] = [
    "metric_summaries",
    "metric_writers",
    "metric_definitions",
    "metric_tails",
    "metric_chunks",
    "log_requests",
    "run_models",
];

/// Runs that are removed between two looks at what is left.
const AT_ONCE: i64 = 100;

/// Whether no run elsewhere was forked from a run of the experiment `e`.
const FREE: &str = "NOT EXISTS (SELECT FROM tracking.runs r \
    JOIN tracking.runs f ON f.forked_from = r.run_key \
    WHERE r.workspace_id = e.workspace_id AND r.experiment_id = e.id AND f.experiment_id <> e.id)";

/// A run that was deleted.
#[derive(Debug, Clone, Copy, Default, FromRow)]
pub(crate) struct DeletedRun {
    deleted_at: DateTime<Utc>,
    run_key: i64,
    workspace_id: i32,
    id: Uuid,
}

impl DeletedRun {
    pub(crate) fn workspace(&self) -> WorkspaceId {
        WorkspaceId(self.workspace_id)
    }

    pub(crate) fn id(&self) -> RunId {
        self.id.into()
    }
}

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
        self.remove_run(workspace, id, key).await
    }

    /// Lets the runs of a deleted experiment be removed, from now on until it is gone too.
    pub(crate) async fn start_purge(
        &self,
        workspace: WorkspaceId,
        id: ExperimentId,
    ) -> Result<(), TrackingError> {
        let started = sqlx::query(AssertSqlSafe(format!(
            "UPDATE tracking.experiments e SET purging = true \
             WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NOT NULL AND {FREE}"
        )))
        .bind(workspace.0)
        .bind(id.0)
        .execute(&self.pool)
        .await?;
        if started.rows_affected() == 0 {
            let experiment = self.experiment(workspace, id).await?;
            return Err(match experiment.deleted {
                true => TrackingError::ExperimentHasForks(id),
                false => TrackingError::ExperimentNotDeleted(id),
            });
        }
        Ok(())
    }

    /// Removes some runs of an experiment whose purge was started, then its logged models, and itself when none
    /// is left; whether there are more.
    pub(crate) async fn purge_some(
        &self,
        workspace: WorkspaceId,
        id: ExperimentId,
    ) -> Result<bool, TrackingError> {
        // The newest first: a fork goes before the run that it was forked from.
        let runs: Vec<(Uuid, i64)> = sqlx::query_as(
            "SELECT id, run_key FROM tracking.runs WHERE workspace_id = $1 AND experiment_id = $2 \
             ORDER BY run_key DESC LIMIT $3",
        )
        .bind(workspace.0)
        .bind(id.0)
        .bind(AT_ONCE)
        .fetch_all(&self.pool)
        .await?;
        if runs.is_empty() {
            if self.purge_models_of(workspace, id).await? {
                return Ok(true);
            }
            sqlx::query(
                "DELETE FROM tracking.experiments WHERE workspace_id = $1 AND id = $2 AND purging",
            )
            .bind(workspace.0)
            .bind(id.0)
            .execute(&self.pool)
            .await?;
            return Ok(false);
        }
        // One that was created in the very moment in which the experiment was deleted is still in use.
        sqlx::query(
            "UPDATE tracking.run_heads SET writable = false WHERE run_key = ANY($1) AND writable",
        )
        .bind(runs.iter().map(|(_, key)| *key).collect::<Vec<_>>())
        .execute(&self.pool)
        .await?;
        for (run, key) in runs {
            match self.remove_run(workspace, run.into(), RunKey(key)).await {
                // Another process does the same.
                Ok(()) | Err(TrackingError::RunNotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Experiments whose purge was started.
    pub(crate) async fn purging(&self) -> Result<Vec<(WorkspaceId, ExperimentId)>, TrackingError> {
        let found: Vec<(i32, i64)> =
            sqlx::query_as("SELECT workspace_id, id FROM tracking.experiments WHERE purging")
                .fetch_all(&self.pool)
                .await?;
        Ok(found
            .into_iter()
            .map(|(workspace, id)| (WorkspaceId(workspace), ExperimentId(id)))
            .collect())
    }

    /// Starts the purge of all experiments that were deleted at least `age` ago.
    pub(crate) async fn start_old_purges(&self, age: Duration) -> Result<(), TrackingError> {
        sqlx::query(AssertSqlSafe(format!(
            "UPDATE tracking.experiments e SET purging = true \
             WHERE deleted_at <= now() - make_interval(secs => $1) AND NOT purging AND {FREE}"
        )))
        .bind(age.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Runs that were deleted at least `age` ago and that no other run was forked from, after the one
    /// called `after`.
    pub(crate) async fn deleted_runs(
        &self,
        age: Duration,
        after: Option<DeletedRun>,
    ) -> Result<Vec<DeletedRun>, TrackingError> {
        let after = after.unwrap_or_default();
        Ok(sqlx::query_as(
            "SELECT r.deleted_at, r.run_key, r.workspace_id, r.id FROM tracking.runs r \
             WHERE r.deleted_at <= now() - make_interval(secs => $1) \
                 AND (r.deleted_at, r.run_key) > ($2, $3) \
                 AND NOT EXISTS (SELECT FROM tracking.runs f WHERE f.forked_from = r.run_key) \
             ORDER BY r.deleted_at, r.run_key LIMIT $4",
        )
        .bind(age.as_secs_f64())
        .bind(after.deleted_at)
        .bind(after.run_key)
        .bind(AT_ONCE)
        .fetch_all(&self.pool)
        .await?)
    }

    async fn remove_run(
        &self,
        workspace: WorkspaceId,
        id: RunId,
        key: RunKey,
    ) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        // Whoever adds points or compacts waits here, and finds no head afterwards.
        let head: Option<(bool, i64, i64)> = sqlx::query_as(
            "DELETE FROM tracking.run_heads WHERE run_key = $1 RETURNING writable, points, bytes",
        )
        .bind(key.0)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((writable, points, bytes)) = head else {
            return Err(TrackingError::RunNotFound(id.to_string()));
        };
        if writable {
            return Err(TrackingError::RunNotDeleted(id));
        }
        let files = artifacts::purge(&mut transaction, HolderKey::Run(key)).await?;
        let values = values::purge(&mut transaction, key).await?;
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
        let gone = Usage {
            runs: -1,
            points: -points,
            bytes: -(bytes + files + values),
        };
        usage::count(&mut transaction, workspace, gone).await?;
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
