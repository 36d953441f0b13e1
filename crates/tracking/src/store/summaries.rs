//! What metrics came to.

use std::collections::HashMap;

use sqlx::FromRow;

use super::Store;
use crate::{TrackingError, run::RunKey};

/// Of the runs `$1` the metrics `$2`, as the table `s`. Each is found by itself, behind a fence: a run may have thousands,
/// and a plan that knows neither number would read all of them.
pub(super) const CHOSEN_SUMMARIES: &str = "unnest($1::bigint[]) AS r (run_key) \
    CROSS JOIN LATERAL (SELECT * FROM tracking.metric_summaries \
        WHERE run_key = r.run_key AND key = ANY($2::text[]) OFFSET 0) s";

/// What a metric came to, as it is shown.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct SummaryRow {
    run_key: i64,
    pub(crate) key: String,
    pub(crate) latest: f64,
    pub(crate) latest_step: i64,
    pub(crate) latest_time_us: i64,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) count: i64,
}

/// Summaries of a run, an array a column of [`SummaryRow`] after the run's key: a page of runs has tens of
/// thousands, and each row of an answer costs more than the numbers in it.
pub(super) type SummaryArrays = (
    i64,
    Vec<String>,
    Vec<f64>,
    Vec<i64>,
    Vec<i64>,
    Vec<Option<f64>>,
    Vec<Option<f64>>,
    Vec<i64>,
);

impl SummaryRow {
    /// The columns of [`SummaryArrays`], of the table `s`, grouped by `s.run_key`.
    pub(super) const ARRAYS: &str = "s.run_key, array_agg(s.key), array_agg(s.latest), \
        array_agg(s.latest_step), array_agg(s.latest_time_us), array_agg(s.min), array_agg(s.max), \
        array_agg(s.count)";

    /// The summaries of a run, by key.
    pub(super) fn of_arrays(arrays: SummaryArrays) -> Vec<Self> {
        let (run_key, keys, latest, steps, times, min, max, counts) = arrays;
        let numbers = latest.into_iter().zip(steps).zip(times);
        let extremes = min.into_iter().zip(max).zip(counts);
        let mut rows: Vec<Self> = keys
            .into_iter()
            .zip(numbers.zip(extremes))
            .map(
                |(key, (((latest, latest_step), latest_time_us), ((min, max), count)))| Self {
                    run_key,
                    key,
                    latest,
                    latest_step,
                    latest_time_us,
                    min,
                    max,
                    count,
                },
            )
            .collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows
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
