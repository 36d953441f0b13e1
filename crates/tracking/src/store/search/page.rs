//! The runs of a page, whole or in part.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, PgConnection};

use super::{facts::Wanted, run_cache::RunCache};
use crate::{
    TrackingError,
    run::{Run, RunKey},
    store::{
        runs::{COLUMNS, RunRow},
        summaries::{CHOSEN_SUMMARIES, SummaryArrays, SummaryRow},
    },
};

/// The columns of a run of which some params, tags and perhaps inputs and source are wanted.
const WANTED: &str = "r.run_key, r.id, r.experiment_id, r.name, r.status, r.user_name, r.started_at, \
    r.ended_at, '' AS description, \
    coalesce((SELECT jsonb_object_agg(k, r.params -> k) FROM unnest($2::text[]) AS k \
        WHERE r.params ? k), '{}') AS params, \
    coalesce((SELECT jsonb_object_agg(k, r.tags -> k) FROM unnest($3::text[]) AS k \
        WHERE r.tags ? k), '{}') AS tags, \
    CASE WHEN $4 THEN r.inputs ELSE '[]' END AS inputs, CASE WHEN $5 THEN r.source END AS source, \
    CASE WHEN $5 THEN r.environment END AS environment, r.parent_id, '{}'::text[] AS based_on, r.revision, r.created_at, \
    r.updated_at, r.deleted_at IS NOT NULL AS deleted, NULL::bigint AS fork_step, \
    NULL::uuid AS forked_from, false AS stop_requested";

/// A run with the summaries of its metrics.
pub(crate) type Shown = (Run, Vec<SummaryRow>);

/// The runs `keys`, with what is `wanted` of them, or whole.
pub(super) async fn read(
    connection: &mut PgConnection,
    cache: &RunCache,
    keys: &[i64],
    wanted: Option<&Wanted>,
) -> Result<HashMap<i64, Shown>, TrackingError> {
    match wanted {
        Some(wanted) => read_rows(connection, keys, Some(wanted)).await,
        None => read_whole(connection, cache, keys).await,
    }
}

/// The runs `keys`, whole: from memory those that did not change since they were read last.
async fn read_whole(
    connection: &mut PgConnection,
    cache: &RunCache,
    keys: &[i64],
) -> Result<HashMap<i64, Shown>, TrackingError> {
    let heads: Vec<(i64, i64, bool)> = sqlx::query_as(
        "SELECT run_key, version, stop_requested FROM tracking.run_heads WHERE run_key = ANY($1)",
    )
    .bind(keys)
    .fetch_all(&mut *connection)
    .await?;
    let mut shown = HashMap::with_capacity(keys.len());
    let mut others = HashMap::new();
    for (key, version, stop_requested) in heads {
        match cache.get(key, version) {
            Some(kept) => {
                let (mut run, metrics) = (*kept).clone();
                run.stop_requested = stop_requested;
                shown.insert(key, (run, metrics));
            }
            None => {
                others.insert(key, version);
            }
        }
    }
    if !others.is_empty() {
        let keys: Vec<i64> = others.keys().copied().collect();
        for (key, read) in read_rows(connection, &keys, None).await? {
            if let Some(version) = others.get(&key) {
                cache.insert(key, *version, read.clone());
            }
            shown.insert(key, read);
        }
    }
    Ok(shown)
}

/// The runs `keys` from their rows, with what is `wanted` of them, or whole.
async fn read_rows(
    connection: &mut PgConnection,
    keys: &[i64],
    wanted: Option<&Wanted>,
) -> Result<HashMap<i64, Shown>, TrackingError> {
    let columns = if wanted.is_some() { WANTED } else { COLUMNS };
    let text = format!("SELECT {columns} FROM tracking.runs r WHERE r.run_key = ANY($1)");
    let mut query = sqlx::query_as(AssertSqlSafe(text)).bind(keys);
    if let Some(wanted) = wanted {
        query = query
            .bind(&wanted.params)
            .bind(&wanted.tags)
            .bind(wanted.inputs)
            .bind(wanted.source);
    }
    let rows: Vec<RunRow> = query.fetch_all(&mut *connection).await?;
    let runs = rows.into_iter().map(<(RunKey, Run)>::from);
    let mut shown: HashMap<i64, Shown> =
        runs.map(|(key, run)| (key.0, (run, Vec::new()))).collect();

    let arrays = SummaryRow::ARRAYS;
    let summaries: Vec<SummaryArrays> = match wanted.map(|wanted| &wanted.metrics) {
        Some(metrics) if metrics.is_empty() => Vec::new(),
        Some(metrics) => {
            let query = format!("SELECT {arrays} FROM {CHOSEN_SUMMARIES} GROUP BY s.run_key");
            let query = sqlx::query_as(AssertSqlSafe(query))
                .bind(keys)
                .bind(metrics);
            query.fetch_all(connection).await?
        }
        None => {
            let query = format!(
                "SELECT {arrays} FROM tracking.metric_summaries s WHERE s.run_key = ANY($1) \
                 GROUP BY s.run_key"
            );
            let query = sqlx::query_as(AssertSqlSafe(query)).bind(keys);
            query.fetch_all(connection).await?
        }
    };
    for arrays in summaries {
        if let Some((_, metrics)) = shown.get_mut(&arrays.0) {
            *metrics = SummaryRow::of_arrays(arrays);
        }
    }
    Ok(shown)
}
