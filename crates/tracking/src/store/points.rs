//! Points as they were logged, by position: the number of the block that they came in.

use sqlx::FromRow;

use super::Store;
use crate::{TrackingError, run::RunKey};

/// Chunks read at once, and about how many bytes of blocks.
const CHUNKS: i64 = 8;
const BLOCKS: i64 = 512;
const BYTES: i64 = 4 << 20;

/// How far a run is compacted.
#[derive(Debug, Default, FromRow)]
pub(crate) struct Compacted {
    pub(crate) chunks_to: i64,
    pub(crate) tail_to: i64,
    /// What stands in the tail, if it was asked for.
    pub(crate) tail: Option<Vec<u8>>,
}

/// A chunk as it is read.
#[derive(Debug, FromRow)]
pub(crate) struct ChunkData {
    pub(crate) key: String,
    pub(crate) last_block: i64,
    pub(crate) data: Vec<u8>,
}

impl Store {
    /// Numbers of the newest blocks of `runs`, in their order; 0 for those that have none.
    pub(crate) async fn positions(&self, runs: &[RunKey]) -> Result<Vec<i64>, TrackingError> {
        Ok(sqlx::query_scalar(
            "SELECT coalesce(h.blocks, 0) FROM unnest($1::bigint[]) WITH ORDINALITY AS r (run_key, n) \
             LEFT JOIN tracking.run_heads h ON h.run_key = r.run_key ORDER BY r.n",
        )
        .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?)
    }

    /// How far `run` is compacted, with its tail if that has blocks after `after`.
    pub(crate) async fn compacted(
        &self,
        run: RunKey,
        after: i64,
    ) -> Result<Compacted, TrackingError> {
        let found: Option<Compacted> = sqlx::query_as(
            "SELECT chunks_to, tail_to, CASE WHEN tail_to > $2 THEN tail END AS tail \
             FROM tracking.metric_tails WHERE run_key = $1",
        )
        .bind(run.0)
        .bind(after)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.unwrap_or_default())
    }

    /// The next chunks of `run` with points of `keys` (of any, if there are none) and of steps in the
    /// range: behind `key`, or of it and with blocks after `block`; and of the others with blocks after
    /// `from`.
    pub(crate) async fn chunk_page(
        &self,
        run: RunKey,
        keys: &[String],
        (min_step, max_step): (i64, i64),
        from: i64,
        (key, block): (&str, i64),
    ) -> Result<Vec<ChunkData>, TrackingError> {
        Ok(sqlx::query_as(
            "SELECT key, last_block, data FROM tracking.metric_chunks \
             WHERE run_key = $1 AND key >= $5 AND last_block > CASE WHEN key = $5 THEN $6 ELSE $7 END \
                 AND ($2::text[] = '{}' OR key = ANY($2)) AND max_step >= $3 AND min_step <= $4 \
             ORDER BY key, first_block LIMIT $8",
        )
        .bind(run.0)
        .bind(keys)
        .bind(min_step)
        .bind(max_step)
        .bind(key)
        .bind(block)
        .bind(from)
        .bind(CHUNKS)
        .fetch_all(&self.pool)
        .await?)
    }

    /// The next hot blocks of `run` after `after` and up to `to` that have points of `keys` (of any, if
    /// there are none) with a step in the range.
    pub(crate) async fn block_page(
        &self,
        run: RunKey,
        keys: &[String],
        (min_step, max_step): (i64, i64),
        (after, to): (i64, i64),
    ) -> Result<Vec<(i64, Vec<u8>)>, TrackingError> {
        Ok(sqlx::query_as(
            "SELECT id, data FROM ( \
                 SELECT id, data, sum(length(data)) OVER (ORDER BY id) - length(data) AS before FROM ( \
                     SELECT id, data FROM tracking.metric_blocks \
                     WHERE run_key = $1 AND id > $2 AND id <= $3 AND max_step >= $4 AND min_step <= $5 \
                         AND ($6::text[] = '{}' OR keys && $6) \
                     ORDER BY id LIMIT $7) b) s \
             WHERE before < $8 ORDER BY id",
        )
        .bind(run.0)
        .bind(after)
        .bind(to)
        .bind(min_step)
        .bind(max_step)
        .bind(keys)
        .bind(BLOCKS)
        .bind(BYTES)
        .fetch_all(&self.pool)
        .await?)
    }
}
