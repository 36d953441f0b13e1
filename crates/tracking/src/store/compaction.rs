//! What compaction reads and writes.

use std::collections::{BTreeMap, HashMap};

use herdbook_postgres::advisory::{self, Chore};
use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use super::{Store, generations::Closed};
use crate::{
    TrackingError,
    blocking::blocking,
    metrics::{
        Series, SeriesByKey, add_block, codec,
        compaction::{Chunk, SMALL_CHUNKS, Tail, chunks, merged},
    },
    run::RunKey,
};

/// Runs compacted in one transaction, and about how many bytes of blocks.
const RUNS: i64 = 2_000;
const BYTES: i64 = 4 << 20;

#[derive(FromRow)]
struct TailRow {
    run_key: i64,
    chunks_to: i64,
    tail_to: i64,
    tail: Option<Vec<u8>>,
}

#[derive(FromRow)]
struct BlockRow {
    run_key: i64,
    id: i64,
    data: Vec<u8>,
}

/// A chunk that may be merged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Place {
    run: RunKey,
    key: String,
    first_block: i64,
}

impl Store {
    /// Runs with blocks of `closed` that are not compacted.
    pub(crate) async fn uncompacted(&self, closed: Closed) -> Result<Vec<RunKey>, TrackingError> {
        let keys: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT DISTINCT b.run_key FROM tracking.metric_blocks_{} b \
             JOIN tracking.run_heads h ON h.run_key = b.run_key \
             LEFT JOIN tracking.metric_tails t ON t.run_key = b.run_key \
             WHERE b.id > coalesce(t.tail_to, 0) ORDER BY b.run_key LIMIT $1",
            closed.slot()
        )))
        .bind(RUNS)
        .fetch_all(&self.pool)
        .await?;
        Ok(keys.into_iter().map(RunKey).collect())
    }

    /// Compacts blocks of `runs` in `closed`, as many as one transaction should; how many that were.
    ///
    /// All of it is one transaction: killed at any instant, either the blocks are what counts or what
    /// they became. The runs' heads are locked against being purged, not against being added to.
    pub(crate) async fn compact(
        &self,
        closed: Closed,
        runs: &[RunKey],
    ) -> Result<usize, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        if !advisory::try_lock(&mut transaction, Chore::MetricCompaction).await? {
            return Ok(0);
        }
        let keys: Vec<i64> = sqlx::query_scalar(
            "SELECT run_key FROM tracking.run_heads WHERE run_key = ANY($1) \
             ORDER BY run_key FOR KEY SHARE",
        )
        .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
        .fetch_all(&mut *transaction)
        .await?;
        let tails: Vec<TailRow> = sqlx::query_as(
            "SELECT run_key, chunks_to, tail_to, tail FROM tracking.metric_tails WHERE run_key = ANY($1)",
        )
        .bind(&keys)
        .fetch_all(&mut *transaction)
        .await?;
        let blocks: Vec<BlockRow> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT run_key, id, data FROM ( \
                 SELECT b.run_key, b.id, b.data, \
                     sum(length(b.data)) OVER (ORDER BY b.run_key, b.id) - length(b.data) AS before \
                 FROM tracking.metric_blocks_{} b \
                 LEFT JOIN tracking.metric_tails t ON t.run_key = b.run_key \
                 WHERE b.run_key = ANY($1) AND b.id > coalesce(t.tail_to, 0)) s \
             WHERE before < $2 ORDER BY run_key, id",
            closed.slot()
        )))
        .bind(&keys)
        .bind(BYTES)
        .fetch_all(&mut *transaction)
        .await?;
        if blocks.is_empty() {
            transaction.rollback().await?;
            return Ok(0);
        }
        let count = blocks.len();
        let mut tails = blocking(move || grown(tails, blocks)).await?;
        let mut full = BTreeMap::new();
        for (run, tail) in &mut tails {
            if tail.is_worth_chunks() {
                full.extend(tail.take().into_iter().map(|(key, s)| ((*run, key), s)));
            }
        }
        if !full.is_empty() {
            write_chunks(&mut transaction, full).await?;
        }
        write_tails(&mut transaction, tails).await?;
        transaction.commit().await?;
        Ok(count)
    }
}

/// The tails of the runs of `blocks`, with these.
fn grown(
    tails: Vec<TailRow>,
    blocks: Vec<BlockRow>,
) -> Result<BTreeMap<RunKey, Tail>, TrackingError> {
    let mut rows: HashMap<i64, TailRow> = tails.into_iter().map(|t| (t.run_key, t)).collect();
    let mut tails: BTreeMap<RunKey, Tail> = BTreeMap::new();
    for block in blocks {
        let points = codec::block::decode(&block.data)?;
        let tail = match tails.entry(RunKey(block.run_key)) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(match rows.remove(&block.run_key) {
                    None => Tail::default(),
                    Some(row) => Tail {
                        chunks_to: row.chunks_to,
                        tail_to: row.tail_to,
                        series: match row.tail {
                            Some(tail) => codec::series::decode_tail(&tail)?,
                            None => SeriesByKey::new(),
                        },
                    },
                })
            }
        };
        tail.tail_to = block.id;
        add_block(&mut tail.series, block.id, &points);
    }
    Ok(tails)
}

async fn write_tails(
    transaction: &mut PgConnection,
    tails: BTreeMap<RunKey, Tail>,
) -> Result<(), TrackingError> {
    let encode =
        |tail: &Tail| (!tail.series.is_empty()).then(|| codec::series::encode_tail(&tail.series));
    sqlx::query(
        "INSERT INTO tracking.metric_tails (run_key, chunks_to, tail_to, tail) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) \
         ON CONFLICT (run_key) DO UPDATE SET chunks_to = excluded.chunks_to, \
             tail_to = excluded.tail_to, tail = excluded.tail",
    )
    .bind(tails.keys().map(|run| run.0).collect::<Vec<_>>())
    .bind(tails.values().map(|t| t.chunks_to).collect::<Vec<_>>())
    .bind(tails.values().map(|t| t.tail_to).collect::<Vec<_>>())
    .bind(tails.values().map(encode).collect::<Vec<_>>())
    .execute(transaction)
    .await?;
    Ok(())
}

/// Writes series as chunks, merged with the small ones before them.
async fn write_chunks(
    transaction: &mut PgConnection,
    mut full: BTreeMap<(RunKey, String), Series>,
) -> Result<(), TrackingError> {
    let small: Vec<(i64, String, i64, i32)> = sqlx::query_as(
        "SELECT n.run_key, n.key, c.first_block, c.points \
         FROM unnest($1::bigint[], $2::text[]) AS n (run_key, key) \
         CROSS JOIN LATERAL ( \
             SELECT first_block, points FROM tracking.metric_chunks c \
             WHERE c.run_key = n.run_key AND c.key = n.key \
             ORDER BY first_block DESC LIMIT $3) c \
         ORDER BY n.run_key, n.key, c.first_block DESC",
    )
    .bind(full.keys().map(|(run, _)| run.0).collect::<Vec<_>>())
    .bind(full.keys().map(|(_, key)| key.as_str()).collect::<Vec<_>>())
    .bind(SMALL_CHUNKS)
    .fetch_all(&mut *transaction)
    .await?;
    let mut before: BTreeMap<(RunKey, String), Vec<(i64, usize)>> = BTreeMap::new();
    for (run, key, first_block, points) in small {
        let points = usize::try_from(points).unwrap_or_default();
        before
            .entry((RunKey(run), key))
            .or_default()
            .push((first_block, points));
    }
    let mut places = Vec::new();
    for ((run, key), chunks) in &before {
        let sizes: Vec<usize> = chunks.iter().map(|(_, points)| *points).collect();
        let new = full.get(&(*run, key.clone())).map_or(0, Series::len);
        places.extend(
            chunks
                .iter()
                .take(merged(&sizes, new))
                .map(|(first, _)| Place {
                    run: *run,
                    key: key.clone(),
                    first_block: *first,
                }),
        );
    }
    places.sort_unstable();
    let taken = take_chunks(transaction, &places).await?;
    let encoded = blocking(move || {
        // The newest of the merged come last; each series goes before what follows it.
        for (place, data) in taken.into_iter().rev() {
            let mut merged = codec::series::decode_chunk(&data)?;
            if let Some(series) = full.get_mut(&(place.run, place.key)) {
                merged.append(series);
                *series = merged;
            }
        }
        let of_run = |((run, key), series): ((RunKey, String), Series)| {
            chunks(&key, series)
                .into_iter()
                .map(move |chunk| (run, chunk))
        };
        Ok::<_, TrackingError>(full.into_iter().flat_map(of_run).collect::<Vec<_>>())
    });
    insert_chunks(transaction, &encoded.await?).await
}

/// Deletes chunks and gives their data, in the order of their places.
async fn take_chunks(
    transaction: &mut PgConnection,
    places: &[Place],
) -> Result<Vec<(Place, Vec<u8>)>, TrackingError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, String, i64, Vec<u8>)> = sqlx::query_as(
        "DELETE FROM tracking.metric_chunks c \
         USING unnest($1::bigint[], $2::text[], $3::bigint[]) AS p (run_key, key, first_block) \
         WHERE c.run_key = p.run_key AND c.key = p.key AND c.first_block = p.first_block \
         RETURNING c.run_key, c.key, c.first_block, c.data",
    )
    .bind(places.iter().map(|p| p.run.0).collect::<Vec<_>>())
    .bind(places.iter().map(|p| p.key.as_str()).collect::<Vec<_>>())
    .bind(places.iter().map(|p| p.first_block).collect::<Vec<_>>())
    .fetch_all(transaction)
    .await?;
    let mut taken: Vec<_> = rows
        .into_iter()
        .map(|(run, key, first_block, data)| {
            let run = RunKey(run);
            let place = Place {
                run,
                key,
                first_block,
            };
            (place, data)
        })
        .collect();
    taken.sort_unstable();
    Ok(taken)
}

async fn insert_chunks(
    transaction: &mut PgConnection,
    chunks: &[(RunKey, Chunk)],
) -> Result<(), TrackingError> {
    let integers = |of: fn(&Chunk) -> i64| chunks.iter().map(|(_, c)| of(c)).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO tracking.metric_chunks (run_key, key, first_block, last_block, points, min_step, \
             max_step, min_time_us, max_time_us, min, max, sum, last, coarse, fine, data) \
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::int[], \
             $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::float8[], $11::float8[], \
             $12::float8[], $13::float8[], $14::bytea[], $15::bytea[], $16::bytea[])",
    )
    .bind(chunks.iter().map(|(run, _)| run.0).collect::<Vec<_>>())
    .bind(chunks.iter().map(|(_, c)| c.key.as_str()).collect::<Vec<_>>())
    .bind(integers(|c| c.first_block))
    .bind(integers(|c| c.last_block))
    .bind(chunks.iter().map(|(_, c)| c.points).collect::<Vec<_>>())
    .bind(integers(|c| c.steps.0))
    .bind(integers(|c| c.steps.1))
    .bind(integers(|c| c.times_us.0))
    .bind(integers(|c| c.times_us.1))
    .bind(chunks.iter().map(|(_, c)| c.min).collect::<Vec<_>>())
    .bind(chunks.iter().map(|(_, c)| c.max).collect::<Vec<_>>())
    .bind(chunks.iter().map(|(_, c)| c.sum).collect::<Vec<_>>())
    .bind(chunks.iter().map(|(_, c)| c.last).collect::<Vec<_>>())
    .bind(chunks.iter().map(|(_, c)| c.coarse.as_deref()).collect::<Vec<_>>())
    .bind(chunks.iter().map(|(_, c)| c.fine.as_deref()).collect::<Vec<_>>())
    .bind(chunks.iter().map(|(_, c)| c.data.as_slice()).collect::<Vec<_>>())
    .execute(transaction)
    .await?;
    Ok(())
}
