//! What curves are made of.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};

use super::Store;
use crate::{
    TrackingError,
    metrics::curves::{ChunkMeta, Detail},
    run::RunKey,
};

/// Points of a run that are not in chunks.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Chunks count up to this block.
    pub(crate) chunks_to: i64,
    /// Least time of any of the run's points.
    pub(crate) first_time_us: Option<i64>,
    pub(crate) tail: Option<Vec<u8>>,
    /// Numbers and data of blocks, in the order of their commits.
    pub(crate) blocks: Vec<(i64, Vec<u8>)>,
}

#[derive(FromRow)]
struct RecentRow {
    run_key: i64,
    id: i64,
    chunks_to: i64,
    first_time_us: Option<i64>,
    data: Option<Vec<u8>>,
}

#[derive(FromRow)]
struct ChunkRow {
    run_key: i64,
    key: String,
    first_block: i64,
    last_block: i64,
    points: i32,
    min_step: i64,
    max_step: i64,
    min_time_us: i64,
    max_time_us: i64,
}

/// Which chunk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ChunkId {
    pub(crate) run: RunKey,
    pub(crate) key: String,
    pub(crate) first_block: i64,
}

impl Store {
    /// Points of `runs` that are not in chunks yet: all of their tails, and of their blocks those with
    /// points of `keys`.
    ///
    /// One statement, for a table of blocks may be truncated between two; it is so only once its points
    /// stand elsewhere, in the same snapshot.
    pub(crate) async fn recent_points(
        &self,
        runs: &[RunKey],
        keys: &[String],
    ) -> Result<HashMap<RunKey, Recent>, TrackingError> {
        let rows: Vec<RecentRow> = sqlx::query_as(
            "SELECT h.run_key, 0::bigint AS id, coalesce(t.chunks_to, 0) AS chunks_to, \
                 h.first_time_us, t.tail AS data \
             FROM tracking.run_heads h LEFT JOIN tracking.metric_tails t ON t.run_key = h.run_key \
             WHERE h.run_key = ANY($1) \
             UNION ALL \
             SELECT b.run_key, b.id, 0, NULL, b.data \
             FROM tracking.metric_blocks b LEFT JOIN tracking.metric_tails t ON t.run_key = b.run_key \
             WHERE b.run_key = ANY($1) AND b.keys && $2 AND b.id > coalesce(t.tail_to, 0) \
             ORDER BY 1, 2",
        )
        .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
        .bind(keys)
        .fetch_all(&self.pool)
        .await?;
        let mut recent: HashMap<RunKey, Recent> = HashMap::new();
        for row in rows {
            let of_run = recent.entry(RunKey(row.run_key)).or_default();
            if row.id == 0 {
                of_run.chunks_to = row.chunks_to;
                of_run.first_time_us = row.first_time_us;
                of_run.tail = row.data;
            } else if let Some(data) = row.data {
                of_run.blocks.push((row.id, data));
            }
        }
        Ok(recent)
    }

    /// A connection that sees the chunks as they are now, for as long as it is in use.
    pub(crate) async fn chunk_snapshot(
        &self,
    ) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, TrackingError> {
        Ok(herdbook_postgres::begin_snapshot(&self.pool).await?)
    }
}

/// What is known of the chunks of `runs` and `keys`, without their points; in the order of their commits.
pub(crate) async fn chunk_metas(
    snapshot: &mut PgConnection,
    runs: &[RunKey],
    keys: &[String],
) -> Result<HashMap<(RunKey, String), Vec<ChunkMeta>>, TrackingError> {
    let rows: Vec<ChunkRow> = sqlx::query_as(
        "SELECT run_key, key, first_block, last_block, points, min_step, max_step, min_time_us, \
             max_time_us \
         FROM tracking.metric_chunks WHERE run_key = ANY($1) AND key = ANY($2) \
         ORDER BY run_key, key, first_block",
    )
    .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
    .bind(keys)
    .fetch_all(snapshot)
    .await?;
    let mut metas: HashMap<_, Vec<ChunkMeta>> = HashMap::new();
    for row in rows {
        let meta = ChunkMeta {
            first_block: row.first_block,
            last_block: row.last_block,
            points: usize::try_from(row.points).unwrap_or_default(),
            steps: (row.min_step, row.max_step),
            times_us: (row.min_time_us, row.max_time_us),
        };
        let curve = (RunKey(row.run_key), row.key);
        metas.entry(curve).or_default().push(meta);
    }
    Ok(metas)
}

/// The buckets or points of chunks.
pub(crate) async fn chunk_details(
    snapshot: &mut PgConnection,
    wanted: &[(ChunkId, Detail)],
) -> Result<HashMap<(ChunkId, Detail), Vec<u8>>, TrackingError> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    const DETAILS: [Detail; 3] = [Detail::Coarse, Detail::Fine, Detail::Points];
    let rows: Vec<(i64, String, i64, i16, Vec<u8>)> = sqlx::query_as(
        "SELECT c.run_key, c.key, c.first_block, w.detail, \
             CASE w.detail WHEN 0 THEN c.coarse WHEN 1 THEN c.fine ELSE c.data END \
         FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::smallint[]) \
             AS w (run_key, key, first_block, detail) \
         JOIN tracking.metric_chunks c ON c.run_key = w.run_key AND c.key = w.key \
             AND c.first_block = w.first_block",
    )
    .bind(wanted.iter().map(|(id, _)| id.run.0).collect::<Vec<_>>())
    .bind(
        wanted
            .iter()
            .map(|(id, _)| id.key.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        wanted
            .iter()
            .map(|(id, _)| id.first_block)
            .collect::<Vec<_>>(),
    )
    .bind(
        wanted
            .iter()
            .map(|(_, detail)| *detail as i16)
            .collect::<Vec<_>>(),
    )
    .fetch_all(snapshot)
    .await?;
    let entry = |(run, key, first_block, detail, bytes)| {
        let detail: i16 = detail;
        let detail = DETAILS[usize::try_from(detail).unwrap_or_default() % DETAILS.len()];
        let run = RunKey(run);
        let id = ChunkId {
            run,
            key,
            first_block,
        };
        ((id, detail), bytes)
    };
    Ok(rows.into_iter().map(entry).collect())
}
