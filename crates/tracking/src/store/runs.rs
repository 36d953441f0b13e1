//! Runs: one row each with all that a page shows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use herdbook_core::{ExperimentId, RunId, WorkspaceId};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::Store;
use crate::{
    TrackingError,
    run::{Environment, Fork, Input, Pairs, Run, RunKey, RunStatus, Source},
};

/// The columns of a run, as [`RunRow`] reads them.
pub(crate) const COLUMNS: &str = "r.run_key, r.id, r.experiment_id, r.name, r.status, r.user_name, \
    r.started_at, r.ended_at, r.description, r.params, r.tags, r.inputs, r.source, r.environment, \
    r.parent_id, r.based_on, r.revision, r.created_at, r.updated_at, r.deleted_at IS NOT NULL AS deleted, r.fork_step, \
    (SELECT f.id FROM tracking.runs f WHERE f.run_key = r.forked_from) AS forked_from, \
    (SELECT h.stop_requested FROM tracking.run_heads h WHERE h.run_key = r.run_key) AS stop_requested";

#[derive(FromRow)]
pub(crate) struct RunRow {
    run_key: i64,
    id: Uuid,
    experiment_id: i64,
    name: String,
    status: i16,
    user_name: String,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    description: String,
    params: Json<Pairs>,
    tags: Json<Pairs>,
    inputs: Json<Vec<Input>>,
    source: Option<Json<Source>>,
    environment: Option<Json<Environment>>,
    parent_id: Option<Uuid>,
    based_on: Vec<String>,
    revision: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deleted: bool,
    fork_step: Option<i64>,
    forked_from: Option<Uuid>,
    stop_requested: bool,
}

impl From<RunRow> for (RunKey, Run) {
    fn from(row: RunRow) -> Self {
        let run = Run {
            id: RunId::from(row.id),
            experiment: ExperimentId(row.experiment_id),
            name: row.name,
            status: RunStatus::from_number(row.status.into()).unwrap_or(RunStatus::Running),
            user: row.user_name,
            started_at: row.started_at,
            ended_at: row.ended_at,
            description: row.description,
            params: row.params.0,
            tags: row.tags.0,
            inputs: row.inputs.0,
            source: row.source.map(|source| source.0),
            environment: row.environment.map(|environment| environment.0),
            parent: row.parent_id.map(RunId::from),
            based_on: row.based_on,
            revision: row.revision,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deleted: row.deleted,
            forked_from: row.forked_from.zip(row.fork_step).map(|(run, step)| Fork {
                run: run.into(),
                step,
            }),
            stop_requested: row.stop_requested,
        };
        (RunKey(row.run_key), run)
    }
}

impl Store {
    /// The run `id`, deleted or not.
    pub(crate) async fn run(
        &self,
        workspace: WorkspaceId,
        id: RunId,
    ) -> Result<(RunKey, Run), TrackingError> {
        let mut runs = self.runs(workspace, &[id]).await?;
        runs.remove(&id)
            .ok_or_else(|| TrackingError::RunNotFound(id.to_string()))
    }

    /// Those of `ids` that there are.
    pub(crate) async fn runs(
        &self,
        workspace: WorkspaceId,
        ids: &[RunId],
    ) -> Result<HashMap<RunId, (RunKey, Run)>, TrackingError> {
        let rows: Vec<RunRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM tracking.runs r WHERE r.workspace_id = $1 AND r.id = ANY($2)"
        )))
        .bind(workspace.0)
        .bind(ids.iter().map(|id| id.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        let runs = rows.into_iter().map(<(RunKey, Run)>::from);
        Ok(runs.map(|(key, run)| (run.id, (key, run))).collect())
    }

    /// The key of a run, deleted or not.
    pub(crate) async fn run_key(
        &self,
        workspace: WorkspaceId,
        id: RunId,
    ) -> Result<RunKey, TrackingError> {
        if let Some(key) = self.keys.get(&(workspace, id)) {
            return Ok(key);
        }
        let key: Option<i64> = sqlx::query_scalar(
            "SELECT run_key FROM tracking.runs WHERE workspace_id = $1 AND id = $2",
        )
        .bind(workspace.0)
        .bind(id.as_uuid())
        .fetch_optional(&self.pool)
        .await?;
        let key = RunKey(key.ok_or_else(|| TrackingError::RunNotFound(id.to_string()))?);
        self.keys.insert((workspace, id), key);
        Ok(key)
    }

    /// The keys of runs, in their order.
    pub(crate) async fn run_keys(
        &self,
        workspace: WorkspaceId,
        ids: &[RunId],
    ) -> Result<Vec<RunKey>, TrackingError> {
        let rows: Vec<(Uuid, i64)> = sqlx::query_as(
            "SELECT id, run_key FROM tracking.runs WHERE workspace_id = $1 AND id = ANY($2)",
        )
        .bind(workspace.0)
        .bind(ids.iter().map(|id| id.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        let found: HashMap<Uuid, i64> = rows.into_iter().collect();
        let key = |id: &RunId| match found.get(&id.as_uuid()) {
            Some(key) => Ok(RunKey(*key)),
            None => Err(TrackingError::RunNotFound(id.to_string())),
        };
        ids.iter().map(key).collect()
    }

    /// The key of a run that may be written to.
    pub(crate) async fn active_run(
        &self,
        workspace: WorkspaceId,
        id: RunId,
    ) -> Result<RunKey, TrackingError> {
        let key = self.run_key(workspace, id).await?;
        match self.writable(&[key]).await?.contains(&key) {
            true => Ok(key),
            false => Err(TrackingError::RunDeleted(id)),
        }
    }

    /// Deletes or restores a run.
    pub(crate) async fn set_run_deleted(
        &self,
        workspace: WorkspaceId,
        id: RunId,
        deleted: bool,
    ) -> Result<(), TrackingError> {
        let (key, run) = self.run(workspace, id).await?;
        let experiment = self.experiment(workspace, run.experiment).await?;
        if !deleted && experiment.deleted {
            return Err(TrackingError::ExperimentDeleted(experiment.id));
        }
        sqlx::query(
            "WITH head AS ( \
                 UPDATE tracking.run_heads SET writable = NOT $2, version = version + 1, \
                     settled = false, changed_at = now() \
                 WHERE run_key = $1 RETURNING run_key) \
             UPDATE tracking.runs r SET updated_at = now(), \
                 deleted_at = CASE WHEN $2 THEN coalesce(deleted_at, now()) END \
             FROM head WHERE r.run_key = head.run_key",
        )
        .bind(key.0)
        .bind(deleted)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
