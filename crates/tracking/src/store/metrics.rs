//! Reading points back.

use std::collections::HashMap;

use sqlx::FromRow;

use super::Store;
use crate::{
    TrackingError,
    metrics::{Points, codec},
    run::RunKey,
};

/// Blocks that are read at once: a page, for a run may have more than fits into memory.
const PAGE: i64 = 64;

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

    /// How many points `runs` have of `keys` (of all keys, if there are none).
    pub(crate) async fn count_points(
        &self,
        runs: &[RunKey],
        keys: &[String],
    ) -> Result<u64, TrackingError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(count), 0)::bigint FROM tracking.metric_summaries \
             WHERE run_key = ANY($1) AND ($2::text[] = '{}' OR key = ANY($2))",
        )
        .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
        .bind(keys)
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// A page of the batches of a run that have points of `keys` (of any, if there are none) with a step
    /// in the range, in the order of their commits, and the id after which the next page begins; `None`
    /// at the end.
    pub(crate) async fn points_page(
        &self,
        run: RunKey,
        keys: &[String],
        (min_step, max_step): (i64, i64),
        after: i64,
    ) -> Result<Option<(Vec<Points>, i64)>, TrackingError> {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT id, data FROM tracking.metric_blocks \
             WHERE run_key = $1 AND id > $2 AND max_step >= $3 AND min_step <= $4 \
                 AND ($5::text[] = '{}' OR keys && $5) \
             ORDER BY id LIMIT $6",
        )
        .bind(run.0)
        .bind(after)
        .bind(min_step)
        .bind(max_step)
        .bind(keys)
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await?;
        let Some((last, _)) = rows.last() else {
            return Ok(None);
        };
        let points = rows
            .iter()
            .map(|(_, data)| codec::block::decode(data))
            .collect::<Result<_, _>>()?;
        Ok(Some((points, *last)))
    }
}
