//! Changes of runs' rows, which go in with a group's points.

use std::{collections::HashMap, sync::Arc};

use herdbook_core::WorkspaceId;
use herdbook_postgres::DatabaseError;
use quick_cache::{Weighter, sync::Cache};
use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments, query::QueryAs, types::Json};

use super::{
    Store,
    lane::Lane,
    runs::{COLUMNS, RunRow},
};
use crate::{
    committer::Decided,
    pedigree,
    run::{Run, RunKey, Told},
};

/// Bytes of runs that are kept.
const BYTES: u64 = 16 * 1024 * 1024;
/// Runs that fit, about: what the cache is laid out for.
const RUNS: usize = 8_192;

/// Runs as this process last wrote or read them. Another may have changed one since, so that what is written goes by
/// the revision that is known here.
pub(crate) type KnownRuns = Arc<Cache<RunKey, Arc<Run>, ByWeight>>;

#[derive(Debug, Clone)]
pub(crate) struct ByWeight;

impl Weighter<RunKey, Arc<Run>> for ByWeight {
    fn weight(&self, _: &RunKey, run: &Arc<Run>) -> u64 {
        run.weight() as u64
    }
}

pub(super) fn known_runs() -> KnownRuns {
    Arc::new(Cache::with_weighter(RUNS, BYTES, ByWeight))
}

/// Rows to be written, and entries for lineage.
#[derive(Debug, Default)]
pub(super) struct Changes<'a> {
    runs: Vec<(RunKey, &'a Run)>,
    told: Vec<(WorkspaceId, Vec<u8>)>,
}

impl<'a> Changes<'a> {
    pub(super) fn add(&mut self, workspace: WorkspaceId, run: RunKey, decided: &'a Decided) {
        let record = match decided.told {
            Told::Unchanged => return,
            Told::Everything => Some(pedigree::of_run(&decided.run)),
            Told::Itself => Some(pedigree::of_change(&decided.run)),
            Told::Nothing => None,
        };
        self.runs.push((run, &decided.run));
        self.told
            .extend(record.map(|record| (workspace, record.encode())));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(super) fn tells(&self) -> bool {
        !self.told.is_empty()
    }

    fn column<'q, T>(&'q self, of: impl Fn(&'q Run) -> T) -> Vec<T> {
        self.runs.iter().map(|(_, run)| of(run)).collect()
    }

    /// Binds them to the statement of a group, as its last arguments.
    pub(super) fn bind<'q, O>(
        &'q self,
        statement: QueryAs<'q, Postgres, O, PgArguments>,
    ) -> QueryAs<'q, Postgres, O, PgArguments> {
        let workspaces = self.told.iter().map(|(workspace, _)| workspace.0);
        let records = self.told.iter().map(|(_, record)| record.as_slice());
        statement
            .bind(self.runs.iter().map(|(run, _)| run.0).collect::<Vec<_>>())
            .bind(self.column(|run| run.revision))
            .bind(self.column(|run| run.name.as_str()))
            .bind(self.column(|run| run.status.number()))
            .bind(self.column(|run| run.started_at))
            .bind(self.column(|run| run.ended_at))
            .bind(self.column(|run| run.description.as_str()))
            .bind(self.column(|run| Json(&run.params)))
            .bind(self.column(|run| Json(&run.tags)))
            .bind(self.column(|run| Json(&run.inputs)))
            .bind(self.column(|run| run.source.as_ref().map(Json)))
            .bind(self.column(|run| run.environment.as_ref().map(Json)))
            .bind(self.column(|run| Json(&run.based_on)))
            .bind(workspaces.collect::<Vec<_>>())
            .bind(records.collect::<Vec<_>>())
    }
}

impl Store {
    /// A run as it was known here last.
    pub(crate) fn known_run(&self, run: RunKey) -> Option<Arc<Run>> {
        self.known.get(&run)
    }

    /// Has a run read again before it is changed.
    pub(crate) fn forget_run(&self, run: RunKey) {
        self.known.remove(&run);
    }

    /// Keeps a run as it was just written.
    pub(crate) fn remember_run(&self, key: RunKey, run: Run) {
        self.known.insert(key, Arc::new(run));
    }

    /// Those of the runs that there are, as they are now.
    pub(crate) async fn read_runs(
        &self,
        lane: &mut Lane,
        keys: &[RunKey],
    ) -> Result<HashMap<RunKey, Run>, DatabaseError> {
        let query = format!("SELECT {COLUMNS} FROM tracking.runs r WHERE r.run_key = ANY($1)");
        let keys: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let read = async |connection: &mut sqlx::PgConnection| {
            let rows: Vec<RunRow> = sqlx::query_as(AssertSqlSafe(query))
                .bind(keys)
                .fetch_all(connection)
                .await?;
            Ok::<_, DatabaseError>(rows)
        };
        let rows = lane.connection.run(read).await?;
        Ok(rows.into_iter().map(<(RunKey, Run)>::from).collect())
    }
}
