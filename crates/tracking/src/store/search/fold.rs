//! Folding quiet runs into the columns.
//!
//! A run is settled in the transaction that writes the columns of its segment, and only if it did not
//! change since it was read: whatever changes a run counts up its version in the same transaction.

use std::collections::BTreeMap;

use herdbook_core::WorkspaceId;
use herdbook_postgres::advisory::{Chore, try_lock};
use sqlx::PgConnection;

use super::facts::Cells;
use crate::{
    TrackingError,
    blocking::blocking,
    search::{
        Mask, codec,
        column::{Cell, Column, Kind, SEGMENT_ROWS},
        place,
    },
    store::Store,
};

/// Runs that are read to see how large they are.
const RUNS_AT_FIRST: usize = 16;
/// Runs that are read at a time.
const RUNS_AT_ONCE: usize = 1_024;
/// Bytes of cells, and of columns, that are in memory at a time.
const BYTES_AT_ONCE: usize = 64 * 1024 * 1024;

/// A segment with runs to fold.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(crate) struct Due {
    workspace_id: i32,
    segment: i64,
}

/// A column as it is written.
struct Written {
    name: String,
    weight: i64,
    data: Vec<u8>,
}

impl Store {
    /// Segments worth folding: with many quiet runs, or with one that has been quiet for long.
    pub(crate) async fn segments_to_fold(&self) -> Result<Vec<Due>, TrackingError> {
        let due = sqlx::query_as(
            "SELECT workspace_id, run_key / $1 AS segment FROM tracking.run_heads \
             WHERE NOT settled AND changed_at < now() - interval '2 seconds' \
             GROUP BY 1, 2 HAVING count(*) >= 1000 OR min(changed_at) < now() - interval '15 seconds' \
             UNION SELECT workspace_id, run_key / $1 FROM tracking.search_forgotten \
             ORDER BY 1, 2",
        )
        .bind(SEGMENT_ROWS as i64)
        .fetch_all(&self.readers)
        .await?;
        Ok(due)
    }

    /// Folds quiet runs of a segment, as many as fit into memory; `true` if there are more. Does nothing
    /// while another process folds.
    pub(crate) async fn fold(&self, due: Due) -> Result<bool, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.readers).await?;
        if !try_lock(&mut transaction, Chore::SearchColumns).await? {
            return Ok(false);
        }
        let workspace = WorkspaceId(due.workspace_id);
        let (first, end) = (
            due.segment * SEGMENT_ROWS as i64,
            (due.segment + 1) * SEGMENT_ROWS as i64,
        );
        let heads: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT run_key, version FROM tracking.run_heads \
             WHERE workspace_id = $1 AND run_key >= $2 AND run_key < $3 AND NOT settled \
                 AND changed_at < now() - interval '2 seconds' \
             ORDER BY run_key",
        )
        .bind(workspace.0)
        .bind(first)
        .bind(end)
        .fetch_all(&mut *transaction)
        .await?;
        let forgotten: Vec<i64> = sqlx::query_scalar(
            "SELECT run_key FROM tracking.search_forgotten \
             WHERE workspace_id = $1 AND run_key >= $2 AND run_key < $3",
        )
        .bind(workspace.0)
        .bind(first)
        .bind(end)
        .fetch_all(&mut *transaction)
        .await?;

        let row = |key: i64| place(key).1;
        let (mut cells, mut folded) = (Cells::default(), 0);
        while folded < heads.len() && cells.weight < BYTES_AT_ONCE {
            // A run may have ten thousand metrics: the first few tell how many runs fit.
            let room = (BYTES_AT_ONCE - cells.weight) * folded / cells.weight.max(1);
            let count = match folded {
                0 => RUNS_AT_FIRST,
                _ => room.clamp(1, RUNS_AT_ONCE),
            };
            let next = &heads[folded..heads.len().min(folded + count)];
            let keys: Vec<i64> = next.iter().map(|(key, _)| *key).collect();
            cells.read(&mut transaction, &keys, None, row).await?;
            folded += keys.len();
        }
        let mut changed = Mask::none(SEGMENT_ROWS);
        let folded_keys = heads[..folded].iter().map(|(key, _)| key);
        folded_keys
            .chain(&forgotten)
            .for_each(|key| changed.insert(row(*key)));
        rewrite(&mut transaction, due, &changed, cells.columns).await?;
        settle(&mut transaction, &heads[..folded]).await?;
        sqlx::query(
            "DELETE FROM tracking.search_forgotten WHERE workspace_id = $1 AND run_key = ANY($2)",
        )
        .bind(workspace.0)
        .bind(&forgotten)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(folded < heads.len())
    }
}

/// Makes the rows `changed` of a segment have `cells`, and nothing else.
async fn rewrite(
    transaction: &mut PgConnection,
    due: Due,
    changed: &Mask,
    mut cells: std::collections::HashMap<String, BTreeMap<usize, Cell>>,
) -> Result<(), TrackingError> {
    let listed: Vec<(String, i64)> = sqlx::query_as(
        "SELECT name, weight FROM tracking.search_columns \
         WHERE workspace_id = $1 AND segment = $2 ORDER BY name",
    )
    .bind(due.workspace_id)
    .bind(due.segment)
    .fetch_all(&mut *transaction)
    .await?;
    let mut listed = listed.into_iter().peekable();
    while listed.peek().is_some() {
        let (mut names, mut weight) = (Vec::new(), 0);
        while let Some((name, own)) =
            listed.next_if(|(_, own)| names.is_empty() || weight + own <= BYTES_AT_ONCE as i64)
        {
            names.push(name);
            weight += own;
        }
        let old: Vec<(String, Vec<u8>)> = sqlx::query_as(
            "SELECT name, data FROM tracking.search_columns \
             WHERE workspace_id = $1 AND segment = $2 AND name = ANY($3)",
        )
        .bind(due.workspace_id)
        .bind(due.segment)
        .bind(names)
        .fetch_all(&mut *transaction)
        .await?;
        let old: Vec<_> = old
            .into_iter()
            .map(|(name, data)| {
                let cells = cells.remove(&name).unwrap_or_default();
                (name, data, cells)
            })
            .collect();
        let changed = changed.clone();
        let merged = blocking(move || {
            let (mut written, mut emptied) = (Vec::new(), Vec::new());
            for (name, data, cells) in old {
                match codec::decode(&data)?.replaced(&changed, cells) {
                    None => {}
                    Some(column) if column.is_empty() => emptied.push(name),
                    Some(column) => written.push(Written::new(name, &column)?),
                }
            }
            Ok((written, emptied))
        })
        .await?;
        write(transaction, due, merged.0).await?;
        sqlx::query(
            "DELETE FROM tracking.search_columns \
             WHERE workspace_id = $1 AND segment = $2 AND name = ANY($3)",
        )
        .bind(due.workspace_id)
        .bind(due.segment)
        .bind(merged.1)
        .execute(&mut *transaction)
        .await?;
    }
    let new = blocking(move || {
        let new = cells.into_iter().filter_map(|(name, cells)| {
            let kind = cells.values().next().map(Kind::of)?;
            let column = Column::build(kind, SEGMENT_ROWS, &cells);
            Some(Written::new(name, &column))
        });
        new.collect::<Result<Vec<_>, _>>()
    })
    .await?;
    write(transaction, due, new).await
}

impl Written {
    fn new(name: String, column: &Column) -> Result<Self, TrackingError> {
        Ok(Self {
            name,
            weight: column.weight() as i64,
            data: codec::encode(column)?,
        })
    }
}

async fn write(
    transaction: &mut PgConnection,
    due: Due,
    columns: Vec<Written>,
) -> Result<(), TrackingError> {
    let (mut names, mut weights, mut data) = (Vec::new(), Vec::new(), Vec::new());
    for column in columns {
        names.push(column.name);
        weights.push(column.weight);
        data.push(column.data);
    }
    sqlx::query(
        "INSERT INTO tracking.search_columns (workspace_id, segment, name, weight, data) \
         SELECT $1, $2, name, weight, data \
         FROM unnest($3::text[], $4::bigint[], $5::bytea[]) AS c (name, weight, data) \
         ON CONFLICT (workspace_id, name, segment) DO UPDATE SET \
             version = excluded.version, weight = excluded.weight, data = excluded.data",
    )
    .bind(due.workspace_id)
    .bind(due.segment)
    .bind(names)
    .bind(weights)
    .bind(data)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Settles the runs that still have the version they were read in. One that is being changed is passed
/// over: it stays as it is, unsettled.
async fn settle(transaction: &mut PgConnection, heads: &[(i64, i64)]) -> Result<(), TrackingError> {
    sqlx::query(
        "WITH unchanged AS ( \
             SELECT h.run_key FROM unnest($1::bigint[], $2::bigint[]) AS f (run_key, version) \
             JOIN tracking.run_heads h ON h.run_key = f.run_key AND h.version = f.version \
             ORDER BY h.run_key FOR NO KEY UPDATE OF h SKIP LOCKED) \
         UPDATE tracking.run_heads h SET settled = true FROM unchanged u WHERE h.run_key = u.run_key",
    )
    .bind(heads.iter().map(|(key, _)| *key).collect::<Vec<_>>())
    .bind(heads.iter().map(|(_, version)| *version).collect::<Vec<_>>())
    .execute(transaction)
    .await?;
    Ok(())
}
