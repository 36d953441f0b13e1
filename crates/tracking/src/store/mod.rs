//! The schema `tracking`.
//!
//! What is stored: experiments, runs with all that is known of them, metric points in blocks, typed
//! values, logged models, and the names of artifacts. Why durable: it is the record that nobody can make again. What must be fast:
//! appending points (one statement a group of batches) and a page of runs (one row a run). On failure:
//! each call is one transaction; what was not acknowledged may be sent again.

pub(crate) mod append;
pub(crate) mod artifacts;
pub(crate) mod changes;
pub(crate) mod compaction;
pub(crate) mod curves;
pub(crate) mod definitions;
pub(crate) mod experiment_search;
pub(crate) mod experiments;
pub(crate) mod folders;
pub(crate) mod forks;
pub(crate) mod generations;
pub(crate) mod lane;
pub(crate) mod logged_models;
pub(crate) mod new_runs;
mod parts;
#[cfg(test)]
mod place;
pub(crate) mod points;
pub(crate) mod purge;
pub(crate) mod requests;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod summaries;
pub(crate) mod uploads;
pub(crate) mod usage;
pub(crate) mod values;
pub(crate) mod writers;

use std::sync::{Arc, Mutex, PoisonError};

use herdbook_core::{RunId, WorkspaceId};
use herdbook_postgres::{Database, Outbox};
use sqlx::PgPool;

use crate::{TrackingError, run::RunKey};

/// Connections of the committer.
const WRITERS: u32 = 4;
/// Connections of search.
const READERS: u32 = 6;
/// Keys of runs that are remembered.
const KEYS: usize = 65_536;

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
    /// Connections of the committer: never behind a question of somebody else.
    writers: PgPool,
    /// Connections of search: its tables grow too fast for plans that go by their size.
    readers: PgPool,
    columns: search::ColumnCache,
    shown: search::RunCache,
    generation: append::OpenGeneration,
    outbox: Outbox,
    /// What never changes and is asked with each call.
    keys: Arc<quick_cache::sync::Cache<(WorkspaceId, RunId), RunKey>>,
    /// Runs as they were last, to decide changes on.
    known: changes::KnownRuns,
    /// Workspaces known to have their first experiment.
    seen: Arc<Mutex<Vec<WorkspaceId>>>,
}

impl Store {
    pub(crate) fn new(database: &Database, outbox: Outbox) -> Self {
        Self {
            pool: database.pool().clone(),
            writers: database.keyed(WRITERS),
            readers: database.keyed(READERS),
            columns: search::ColumnCache::default(),
            shown: search::RunCache::default(),
            generation: append::OpenGeneration::default(),
            outbox,
            keys: Arc::new(quick_cache::sync::Cache::new(KEYS)),
            known: changes::known_runs(),
            seen: Arc::default(),
        }
    }

    /// A lane for somebody who commits all the time.
    pub(crate) fn lane(&self) -> lane::Lane {
        lane::Lane::new(&self.writers)
    }

    /// Makes the experiment `Default` of a workspace when it is first met.
    pub(crate) async fn ensure_workspace(
        &self,
        workspace: WorkspaceId,
    ) -> Result<(), TrackingError> {
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen().contains(&workspace) {
            return Ok(());
        }
        sqlx::query(
            "WITH made AS ( \
                 INSERT INTO tracking.workspaces (workspace_id, next_experiment) VALUES ($1, 1) \
                 ON CONFLICT DO NOTHING RETURNING workspace_id) \
             INSERT INTO tracking.experiments (workspace_id, id, name) \
             SELECT workspace_id, 0, 'Default' FROM made",
        )
        .bind(workspace.0)
        .execute(&self.pool)
        .await?;
        seen().push(workspace);
        Ok(())
    }
}
