//! What metrics came to.

use std::collections::HashMap;

use sqlx::FromRow;

use super::Store;
use crate::{TrackingError, run::RunKey};

/// What a metric came to, as it is shown.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct SummaryRow {
    pub(super) run_key: i64,
    pub(crate) key: String,
    pub(crate) latest: f64,
    pub(crate) latest_step: i64,
    pub(crate) latest_time_us: i64,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) count: i64,
}

/// The columns of [`SummaryRow`], in their order: by position, for a page of runs has tens of thousands.
pub(super) type SummaryTuple = (i64, String, f64, i64, i64, Option<f64>, Option<f64>, i64);

impl From<SummaryTuple> for SummaryRow {
    fn from(row: SummaryTuple) -> Self {
        let (run_key, key, latest, latest_step, latest_time_us, min, max, count) = row;
        Self {
            run_key,
            key,
            latest,
            latest_step,
            latest_time_us,
            min,
            max,
            count,
        }
    }
}

impl Store {
    /// Summaries of all metrics of `runs`, by key.
    pub(crate) async fn summaries(
        &self,
        runs: &[RunKey],
    ) -> Result<HashMap<RunKey, Vec<SummaryRow>>, TrackingError> {
        let rows: Vec<SummaryRow> = sqlx::query_as(
            "SELECT run_key, key, latest, latest_step, latest_time_us, min, max, count \
             FROM tracking.metric_summaries WHERE run_key = ANY($1) ORDER BY run_key, key",
        )
        .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        let mut summaries: HashMap<RunKey, Vec<SummaryRow>> = HashMap::new();
        for row in rows {
            summaries.entry(RunKey(row.run_key)).or_default().push(row);
        }
        Ok(summaries)
    }
}
