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
pub(super) struct Row {
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

/// An experiment to be created.
#[derive(Debug)]
pub(crate) struct NewExperiment {
    /// The next number, if that is `None`.
    pub(crate) id: Option<ExperimentId>,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) tags: Pairs,
    /// Now, if that is `None`.
    pub(crate) created_at: Option<DateTime<Utc>>,
}

/// Where a page of experiments ended: the time of change in microseconds, and the id.
pub(crate) type ExperimentCursor = (i64, i64);

impl Store {
    pub(crate) async fn create_experiment(
        &self,
        workspace: WorkspaceId,
        new: &NewExperiment,
    ) -> Result<Experiment, TrackingError> {
        self.ensure_workspace(workspace).await?;
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        // Nobody else of the workspace takes a number meanwhile.
        let next: i64 = sqlx::query_scalar(
            "SELECT next_experiment FROM tracking.workspaces WHERE workspace_id = $1 FOR NO KEY UPDATE",
        )
        .bind(workspace.0)
        .fetch_one(&mut *transaction)
        .await?;
        let id = match new.id {
            Some(id) => id.0,
            None => free_number(&mut transaction, workspace, next).await?,
        };
        let row: Result<Row, _> = sqlx::query_as(
            "INSERT INTO tracking.experiments (workspace_id, id, name, description, tags, created_at) \
             VALUES ($1, $2, $3, $4, $5, coalesce($6, now())) \
             RETURNING id, name, description, tags, created_at, updated_at, false AS deleted",
        )
        .bind(workspace.0)
        .bind(id)
        .bind(&new.name)
        .bind(&new.description)
        .bind(Json(&new.tags))
        .bind(new.created_at)
        .fetch_one(&mut *transaction)
        .await;
        let row = row.map_err(|error| taken(&new.name, ExperimentId(id), error))?;
        if new.id.is_none() {
            sqlx::query(
                "UPDATE tracking.workspaces SET next_experiment = $2 WHERE workspace_id = $1",
            )
            .bind(workspace.0)
            .bind(id + 1)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(row.into())
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

    /// Writes what `change` makes of the fields of an experiment that people may change, its row locked.
    pub(crate) async fn change_experiment(
        &self,
        workspace: WorkspaceId,
        id: ExperimentId,
        change: impl FnOnce(&mut Experiment),
    ) -> Result<Experiment, TrackingError> {
        // For the experiment 0 of a workspace that is met for the first time, and for one that there is not.
        self.experiment(workspace, id).await?;
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, name, description, tags, created_at, updated_at, false AS deleted \
             FROM tracking.experiments \
             WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE",
        )
        .bind(workspace.0)
        .bind(id.0)
        .fetch_optional(&mut *transaction)
        .await?;
        let row = row.ok_or(TrackingError::ExperimentDeleted(id))?;
        let mut experiment = Experiment::from(row);
        change(&mut experiment);
        let updated_at = sqlx::query_scalar(
            "UPDATE tracking.experiments \
             SET name = $3, description = $4, tags = $5, updated_at = clock_timestamp() \
             WHERE workspace_id = $1 AND id = $2 RETURNING updated_at",
        )
        .bind(workspace.0)
        .bind(id.0)
        .bind(&experiment.name)
        .bind(&experiment.description)
        .bind(Json(&experiment.tags))
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| name_taken(&experiment.name, error))?;
        transaction.commit().await?;
        experiment.updated_at = updated_at;
        Ok(experiment)
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

/// The first number from `next` on that no experiment was created with.
async fn free_number(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    next: i64,
) -> Result<i64, TrackingError> {
    Ok(sqlx::query_scalar(
        "SELECT CASE WHEN NOT EXISTS (SELECT FROM tracking.experiments WHERE workspace_id = $1 AND id = $2) \
             THEN $2 \
             ELSE (SELECT min(e.id) + 1 FROM tracking.experiments e \
                 WHERE e.workspace_id = $1 AND e.id >= $2 AND NOT EXISTS ( \
                     SELECT FROM tracking.experiments n WHERE n.workspace_id = $1 AND n.id = e.id + 1)) END",
    )
    .bind(workspace.0)
    .bind(next)
    .fetch_one(transaction)
    .await?)
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

/// What is in the way of a new experiment.
fn taken(name: &str, id: ExperimentId, error: sqlx::Error) -> TrackingError {
    match name_taken(name, error) {
        TrackingError::Database(error) if error.unique_violation() == Some("experiments_pkey") => {
            TrackingError::ExperimentIdTaken(id)
        }
        error => error,
    }
}
