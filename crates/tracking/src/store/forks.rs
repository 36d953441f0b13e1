//! Which runs' points count as a run's own.

use std::collections::HashMap;

use super::Store;
use crate::{TrackingError, run::RunKey};

/// Forks of forks of forks: more are not followed.
const DEPTH: i32 = 100;

/// A run whose points count, and the largest step of those that do; no bound for the run itself.
pub(crate) type Source = (RunKey, Option<i64>);

impl Store {
    /// For each of `runs` the runs that it was forked from, oldest first, and at last itself.
    pub(crate) async fn sources(
        &self,
        runs: &[RunKey],
    ) -> Result<HashMap<RunKey, Vec<Source>>, TrackingError> {
        let rows: Vec<(i64, i64, Option<i64>)> = sqlx::query_as(
            "WITH RECURSIVE up AS ( \
                 SELECT run_key AS origin, run_key, forked_from, fork_step, NULL::bigint AS max_step, 0 AS depth \
                 FROM tracking.runs WHERE run_key = ANY($1) \
                 UNION ALL \
                 SELECT u.origin, r.run_key, r.forked_from, r.fork_step, least(u.max_step, u.fork_step), \
                     u.depth + 1 \
                 FROM up u JOIN tracking.runs r ON r.run_key = u.forked_from WHERE u.depth < $2) \
             SELECT origin, run_key, max_step FROM up ORDER BY origin, depth DESC",
        )
        .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
        .bind(DEPTH)
        .fetch_all(&self.pool)
        .await?;
        let mut sources: HashMap<RunKey, Vec<Source>> = HashMap::new();
        for (origin, run, max_step) in rows {
            sources
                .entry(RunKey(origin))
                .or_default()
                .push((RunKey(run), max_step));
        }
        Ok(sources)
    }
}
