//! Creating runs, many in one statement.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use herdbook_core::{RunId, WorkspaceId};
use herdbook_postgres::DatabaseError;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Store, lane::Lane};
use crate::{
    TrackingError, pedigree,
    run::{Run, RunKey},
};

/// A run to be created.
#[derive(Debug)]
pub(crate) struct NewRun {
    pub(crate) workspace: WorkspaceId,
    pub(crate) run: Run,
    pub(crate) request_id: Option<String>,
    /// Whether the caller chose the id, so that it may be taken.
    pub(crate) id_is_chosen: bool,
}

impl NewRun {
    /// By which a repeat is known.
    pub(crate) fn request(&self) -> Option<(WorkspaceId, &str)> {
        Some((self.workspace, self.request_id.as_deref()?))
    }
}

impl Store {
    /// Creates runs, with their entries in the outbox; when those were created that could be.
    pub(crate) async fn insert_runs(
        &self,
        lane: &mut Lane,
        runs: &[&NewRun],
    ) -> Result<HashMap<Uuid, DateTime<Utc>>, DatabaseError> {
        fn column<T>(runs: &[&NewRun], of: impl Fn(&Run) -> T) -> Vec<T> {
            runs.iter().map(|new| of(&new.run)).collect()
        }
        let told = column(runs, |run| pedigree::of_run(run).encode());
        let insert = sqlx::query_as(include_str!("insert_runs.sql"))
            .bind(column(runs, |run| run.id.as_uuid()))
            .bind(runs.iter().map(|new| new.workspace.0).collect::<Vec<_>>())
            .bind(column(runs, |run| run.experiment.0))
            .bind(column(runs, |run| run.name.clone()))
            .bind(column(runs, |run| run.status.number()))
            .bind(column(runs, |run| run.user.clone()))
            .bind(column(runs, |run| run.started_at))
            .bind(column(runs, |run| run.ended_at))
            .bind(column(runs, |run| run.description.clone()))
            .bind(column(runs, |run| Json(run.params.clone())))
            .bind(column(runs, |run| Json(run.tags.clone())))
            .bind(column(runs, |run| Json(run.inputs.clone())))
            .bind(column(runs, |run| run.source.clone().map(Json)))
            .bind(column(runs, |run| run.environment.clone().map(Json)))
            .bind(column(runs, |run| run.parent.map(RunId::as_uuid)))
            .bind(column(runs, |run| Json(run.based_on.clone())))
            .bind(
                runs.iter()
                    .map(|new| new.request_id.as_deref())
                    .collect::<Vec<_>>(),
            )
            .bind(column(runs, |run| {
                run.forked_from.map(|fork| fork.run.as_uuid())
            }))
            .bind(column(runs, |run| run.forked_from.map(|fork| fork.step)))
            .bind(told)
            .bind(lane.shard);
        let rows: Vec<(Uuid, i64, DateTime<Utc>)> = lane
            .connection
            .run(async |connection| {
                insert
                    .fetch_all(connection)
                    .await
                    .map_err(DatabaseError::from)
            })
            .await?;
        if !rows.is_empty() {
            self.outbox.wake();
        }
        let asked: HashMap<Uuid, &NewRun> = runs
            .iter()
            .map(|new| (new.run.id.as_uuid(), *new))
            .collect();
        for (id, key, created_at) in &rows {
            if let Some(new) = asked.get(id) {
                let mut run = new.run.clone();
                (run.created_at, run.updated_at) = (*created_at, *created_at);
                self.keys.insert((new.workspace, run.id), RunKey(*key));
                self.remember_run(RunKey(*key), run);
            }
        }
        Ok(rows
            .into_iter()
            .map(|(id, _, created_at)| (id, created_at))
            .collect())
    }

    /// The run that the request of `new` made before.
    pub(crate) async fn run_of_request(&self, new: &NewRun) -> Result<Option<Run>, TrackingError> {
        let Some((workspace, request_id)) = new.request() else {
            return Ok(None);
        };
        let made: Option<Uuid> = sqlx::query_scalar(
            "SELECT id FROM tracking.runs WHERE workspace_id = $1 AND request_id = $2",
        )
        .bind(workspace.0)
        .bind(request_id)
        .fetch_optional(&self.pool)
        .await?;
        match made {
            Some(id) => Ok(Some(self.run(workspace, id.into()).await?.1)),
            None => Ok(None),
        }
    }

    /// The run that a request made before, or why a run could not be created.
    pub(crate) async fn why_not_created(&self, new: &NewRun) -> Result<Run, TrackingError> {
        let workspace = new.workspace;
        if let Some(run) = self.run_of_request(new).await? {
            return Ok(run);
        }
        let experiment = self.experiment(workspace, new.run.experiment).await?;
        if experiment.deleted {
            return Err(TrackingError::ExperimentDeleted(experiment.id));
        }
        for other in new
            .run
            .parent
            .into_iter()
            .chain(new.run.forked_from.map(|fork| fork.run))
        {
            self.run(workspace, other).await?;
        }
        // What was in the way is gone by now.
        Err(DatabaseError::conflict("what the run refers to changed meanwhile").into())
    }
}
