//! Experiments.

use chrono::{DateTime, Utc};
use herdbook_core::{ExperimentId, WorkspaceId};
use herdbook_postgres::DatabaseError;
use sqlx::{FromRow, PgConnection, types::Json};

use super::Store;
use crate::{TrackingError, run::Pairs};

/// An experiment.
#[derive(Debug, Clone)]
pub(crate) struct Experiment {
    pub(crate) id: ExperimentId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) tags: Pairs,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) deleted: bool,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    name: String,
    description: String,
    tags: Json<Pairs>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deleted: bool,
}

impl From<Row> for Experiment {
    fn from(row: Row) -> Self {
        Self {
            id: ExperimentId(row.id),
            name: row.name,
            description: row.description,
            tags: row.tags.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deleted: row.deleted,
        }
    }
}

/// Where a page of experiments ended: the time of change in microseconds, and the id.
pub(crate) type ExperimentCursor = (i64, i64);

impl Store {
    pub(crate) async fn create_experiment(
        &self,
        workspace: WorkspaceId,
        name: &str,
        description: &str,
        tags: &Pairs,
    ) -> Result<Experiment, TrackingError> {
        self.ensure_workspace(workspace).await?;
        let row: Result<Row, _> = sqlx::query_as(
            "WITH number AS ( \
                 UPDATE tracking.workspaces SET next_experiment = next_experiment + 1 \
                 WHERE workspace_id = $1 RETURNING next_experiment - 1 AS id) \
             INSERT INTO tracking.experiments (workspace_id, id, name, description, tags) \
             SELECT $1, id, $2, $3, $4 FROM number \
             RETURNING id, name, description, tags, created_at, updated_at, false AS deleted",
        )
        .bind(workspace.0)
        .bind(name)
        .bind(description)
        .bind(Json(tags))
        .fetch_one(&self.pool)
        .await;
        row.map(Into::into).map_err(|error| name_taken(name, error))
    }

    pub(crate) async fn experiment(
        &self,
        workspace: WorkspaceId,
        id: ExperimentId,
    ) -> Result<Experiment, TrackingError> {
        self.ensure_workspace(workspace).await?;
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, name, description, tags, created_at, updated_at, \
                 deleted_at IS NOT NULL AS deleted \
             FROM tracking.experiments WHERE workspace_id = $1 AND id = $2",
        )
        .bind(workspace.0)
        .bind(id.0)
        .fetch_optional(&self.pool)
        .await?;
        row.map(Into::into)
            .ok_or_else(|| TrackingError::ExperimentNotFound(id.to_string()))
    }

    pub(crate) async fn experiment_by_name(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<Experiment, TrackingError> {
        self.ensure_workspace(workspace).await?;
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, name, description, tags, created_at, updated_at, false AS deleted \
             FROM tracking.experiments \
             WHERE workspace_id = $1 AND name = $2 AND deleted_at IS NULL",
        )
        .bind(workspace.0)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        row.map(Into::into).ok_or_else(|| {
            TrackingError::ExperimentNotFound(format!(
                "{:?}",
                name.chars().take(64).collect::<String>()
            ))
        })
    }

    /// Experiments, last updated first; `deleted` as in [`crate::convert::view`].
    pub(crate) async fn experiments(
        &self,
        workspace: WorkspaceId,
        deleted: Option<bool>,
        after: Option<ExperimentCursor>,
        limit: usize,
    ) -> Result<Vec<Experiment>, TrackingError> {
        self.ensure_workspace(workspace).await?;
        let (time, id) = after.unwrap_or((i64::MAX, i64::MAX));
        let time = DateTime::from_timestamp_micros(time).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, name, description, tags, created_at, updated_at, \
                 deleted_at IS NOT NULL AS deleted \
             FROM tracking.experiments \
             WHERE workspace_id = $1 AND ($2::boolean IS NULL OR (deleted_at IS NOT NULL) = $2) \
                 AND ($5 OR (updated_at, id) < ($3, $4)) \
             ORDER BY updated_at DESC, id DESC LIMIT $6",
        )
        .bind(workspace.0)
        .bind(deleted)
        .bind(if after.is_some() {
            time
        } else {
            DateTime::UNIX_EPOCH
        })
        .bind(id)
        .bind(after.is_none())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Writes the fields of `experiment` that people may change.
    pub(crate) async fn update_experiment(
        &self,
        workspace: WorkspaceId,
        experiment: &Experiment,
    ) -> Result<Experiment, TrackingError> {
        let updated = sqlx::query(
            "UPDATE tracking.experiments \
             SET name = $3, description = $4, tags = $5, updated_at = clock_timestamp() \
             WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL",
        )
        .bind(workspace.0)
        .bind(experiment.id.0)
        .bind(&experiment.name)
        .bind(&experiment.description)
        .bind(Json(&experiment.tags))
        .execute(&self.pool)
        .await
        .map_err(|error| name_taken(&experiment.name, error))?;
        if updated.rows_affected() == 0 {
            return Err(TrackingError::ExperimentDeleted(experiment.id));
        }
        self.experiment(workspace, experiment.id).await
    }

    /// Deletes an experiment with the runs in it, or restores it with the runs deleted with it.
    pub(crate) async fn set_experiment_deleted(
        &self,
        workspace: WorkspaceId,
        id: ExperimentId,
        deleted: bool,
    ) -> Result<Experiment, TrackingError> {
        let experiment = self.experiment(workspace, id).await?;
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        if deleted {
            delete(&mut transaction, workspace, id).await?;
        } else {
            restore(&mut transaction, workspace, id)
                .await
                .map_err(|error| name_taken(&experiment.name, error))?;
        }
        transaction.commit().await?;
        let experiment = self.experiment(workspace, id).await?;
        if experiment.deleted && !deleted {
            return Err(TrackingError::ExperimentPurging(id));
        }
        Ok(experiment)
    }
}

async fn delete(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    id: ExperimentId,
) -> Result<(), TrackingError> {
    sqlx::query(
        "WITH gone AS ( \
             UPDATE tracking.experiments SET deleted_at = now(), updated_at = now() \
             WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING id), \
         heads AS ( \
             SELECT h.run_key FROM gone \
             JOIN tracking.runs r ON r.workspace_id = $1 AND r.experiment_id = gone.id \
             JOIN tracking.run_heads h ON h.run_key = r.run_key \
             WHERE r.deleted_at IS NULL ORDER BY h.run_key FOR NO KEY UPDATE OF h), \
         closed AS ( \
             UPDATE tracking.run_heads h SET writable = false, version = version + 1, \
                 settled = false, changed_at = now() \
             FROM heads WHERE h.run_key = heads.run_key RETURNING h.run_key) \
         UPDATE tracking.runs r SET deleted_at = now(), updated_at = now() \
         FROM closed WHERE r.run_key = closed.run_key",
    )
    .bind(workspace.0)
    .bind(id.0)
    .execute(transaction)
    .await?;
    Ok(())
}

async fn restore(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    id: ExperimentId,
) -> Result<(), sqlx::Error> {
    // Runs deleted with the experiment have its very time; those deleted before stay deleted.
    sqlx::query(
        "WITH old AS ( \
             SELECT id, deleted_at FROM tracking.experiments \
             WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NOT NULL AND NOT purging \
             FOR UPDATE), \
         back AS ( \
             UPDATE tracking.experiments e SET deleted_at = NULL, updated_at = now() \
             FROM old WHERE e.workspace_id = $1 AND e.id = old.id RETURNING e.id, old.deleted_at AS at), \
         heads AS ( \
             SELECT h.run_key FROM back \
             JOIN tracking.runs r ON r.workspace_id = $1 AND r.experiment_id = back.id \
                 AND r.deleted_at = back.at \
             JOIN tracking.run_heads h ON h.run_key = r.run_key \
             ORDER BY h.run_key FOR NO KEY UPDATE OF h), \
         opened AS ( \
             UPDATE tracking.run_heads h SET writable = true, version = version + 1, \
                 settled = false, changed_at = now() \
             FROM heads WHERE h.run_key = heads.run_key RETURNING h.run_key) \
         UPDATE tracking.runs r SET deleted_at = NULL, updated_at = now() \
         FROM opened WHERE r.run_key = opened.run_key",
    )
    .bind(workspace.0)
    .bind(id.0)
    .execute(transaction)
    .await?;
    Ok(())
}

fn name_taken(name: &str, error: sqlx::Error) -> TrackingError {
    let error = DatabaseError::from(error);
    match error.unique_violation() {
        Some("experiments_name") => TrackingError::ExperimentNameTaken(name.to_owned()),
        _ => error.into(),
    }
}
