//! Points of one call, and reading points back.

use std::collections::HashMap;

use herdbook_core::WorkspaceId;
use sqlx::{FromRow, PgConnection};

use super::{Store, writers::BlockRow};
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
    run_key: i64,
    pub(crate) key: String,
    pub(crate) latest: f64,
    pub(crate) latest_step: i64,
    pub(crate) latest_time_us: i64,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) count: i64,
}

/// Adds points to a run in the caller's transaction, which has locked the run's row.
pub(crate) async fn append_points(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    run: RunKey,
    points: &Points,
) -> Result<(), TrackingError> {
    if points.count() == 0 {
        return Ok(());
    }
    let block = BlockRow::encode(points);
    sqlx::query(
        "INSERT INTO tracking.metric_blocks (run_key, keys, min_step, max_step, points, data) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(run.0)
    .bind(block.keys)
    .bind(block.min_step)
    .bind(block.max_step)
    .bind(block.points)
    .bind(block.data)
    .execute(&mut *transaction)
    .await?;

    let summaries = points.summaries();
    sqlx::query(include_str!("add_summaries.sql"))
        .bind(run.0)
        .bind(workspace.0)
        .bind(summaries.keys().map(String::as_str).collect::<Vec<_>>())
        .bind(summaries.values().map(|s| s.latest).collect::<Vec<_>>())
        .bind(
            summaries
                .values()
                .map(|s| s.latest_step)
                .collect::<Vec<_>>(),
        )
        .bind(
            summaries
                .values()
                .map(|s| s.latest_time_us)
                .collect::<Vec<_>>(),
        )
        .bind(summaries.values().map(|s| s.min).collect::<Vec<_>>())
        .bind(summaries.values().map(|s| s.max).collect::<Vec<_>>())
        .bind(summaries.values().map(|s| s.count).collect::<Vec<_>>())
        .execute(transaction)
        .await?;
    Ok(())
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
            .map(|(_, data)| codec::decode(data))
            .collect::<Result<_, _>>()?;
        Ok(Some((points, *last)))
    }
}
