//! Writers of points, and the one statement by which a group of batches is committed.

use std::collections::{BTreeMap, HashMap};

use herdbook_postgres::DatabaseError;

use super::Store;
use crate::{
    TrackingError,
    metrics::{Points, Summary, codec, committer::Writer},
    run::RunKey,
};

/// Division by zero: how the statement below says that a writer did not move.
const NOT_ADVANCED: &str = "22012";

/// A batch as a row.
#[derive(Debug)]
pub(crate) struct BlockRow {
    pub(crate) keys: Vec<String>,
    pub(crate) min_step: i64,
    pub(crate) max_step: i64,
    pub(crate) points: i32,
    pub(crate) data: Vec<u8>,
}

impl BlockRow {
    /// Encodes `points`.
    pub(crate) fn encode(points: &Points) -> Self {
        let (min_step, max_step) = points.step_range();
        Self {
            keys: points.keys().into_iter().map(str::to_owned).collect(),
            min_step,
            max_step,
            points: i32::try_from(points.count()).unwrap_or(i32::MAX),
            data: codec::encode(points),
        }
    }
}

/// A writer that is to move from one number to another.
#[derive(Debug)]
pub(crate) struct Advance<'a> {
    pub(crate) writer: &'a Writer,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What is committed together.
#[derive(Debug, Default)]
pub(crate) struct Group<'a> {
    /// In the order of run and id.
    pub(crate) writers: Vec<Advance<'a>>,
    pub(crate) blocks: Vec<(RunKey, &'a BlockRow)>,
    /// By run and key, with the workspace.
    pub(crate) summaries: BTreeMap<(RunKey, &'a String), (i32, Summary)>,
}

/// What the database knows of a writer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriterState {
    pub(crate) epoch: i64,
    pub(crate) sequence: u64,
    pub(crate) deleted: bool,
}

impl Store {
    /// Opens a writer in its run: its last committed number, or `None` if a newer process has it.
    pub(crate) async fn open_writer(
        &self,
        run: RunKey,
        id: &str,
        epoch: i64,
    ) -> Result<Option<u64>, TrackingError> {
        let sequence: Option<i64> = sqlx::query_scalar(
            "INSERT INTO tracking.metric_writers AS w (run_key, writer_id, epoch, sequence) \
             VALUES ($1, $2, $3, 0) \
             ON CONFLICT (run_key, writer_id) DO UPDATE SET epoch = excluded.epoch \
                 WHERE w.epoch <= excluded.epoch \
             RETURNING sequence",
        )
        .bind(run.0)
        .bind(id)
        .bind(epoch)
        .fetch_optional(&self.pool)
        .await?;
        Ok(sequence.map(from_database))
    }

    /// What is known of `writers`.
    pub(crate) async fn writer_states(
        &self,
        writers: &[&Writer],
    ) -> Result<HashMap<(RunKey, String), WriterState>, TrackingError> {
        let rows: Vec<(i64, String, i64, i64, bool)> = sqlx::query_as(
            "SELECT w.run_key, w.writer_id, w.epoch, w.sequence, r.deleted_at IS NOT NULL \
             FROM unnest($1::bigint[], $2::text[]) AS i (run_key, writer_id) \
             JOIN tracking.metric_writers w USING (run_key, writer_id) \
             JOIN tracking.runs r USING (run_key)",
        )
        .bind(
            writers
                .iter()
                .map(|writer| writer.run.0)
                .collect::<Vec<_>>(),
        )
        .bind(
            writers
                .iter()
                .map(|writer| writer.id.as_str())
                .collect::<Vec<_>>(),
        )
        .fetch_all(&self.pool)
        .await?;
        let state = |(run, id, epoch, sequence, deleted): (i64, String, i64, i64, bool)| {
            (
                (RunKey(run), id),
                WriterState {
                    epoch,
                    sequence: from_database(sequence),
                    deleted,
                },
            )
        };
        Ok(rows.into_iter().map(state).collect())
    }

    /// Commits a group: every writer moves from its number to the next, or nothing happens and the
    /// answer is `false`. One statement, so one round trip and one flush of the log.
    pub(crate) async fn append_group(&self, group: &Group<'_>) -> Result<bool, DatabaseError> {
        let writers = &group.writers;
        let blocks = &group.blocks;
        let summaries = &group.summaries;
        let result = sqlx::query(include_str!("append_group.sql"))
            .bind(writers.iter().map(|a| a.writer.run.0).collect::<Vec<_>>())
            .bind(
                writers
                    .iter()
                    .map(|a| a.writer.id.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(writers.iter().map(|a| a.writer.epoch).collect::<Vec<_>>())
            .bind(
                writers
                    .iter()
                    .map(|a| to_database(a.from))
                    .collect::<Vec<_>>(),
            )
            .bind(
                writers
                    .iter()
                    .map(|a| to_database(a.to))
                    .collect::<Vec<_>>(),
            )
            .bind(blocks.iter().map(|(run, _)| run.0).collect::<Vec<_>>())
            .bind(
                blocks
                    .iter()
                    .map(|(_, block)| block.keys.join("\n"))
                    .collect::<Vec<_>>(),
            )
            .bind(
                blocks
                    .iter()
                    .map(|(_, block)| block.min_step)
                    .collect::<Vec<_>>(),
            )
            .bind(
                blocks
                    .iter()
                    .map(|(_, block)| block.max_step)
                    .collect::<Vec<_>>(),
            )
            .bind(
                blocks
                    .iter()
                    .map(|(_, block)| block.points)
                    .collect::<Vec<_>>(),
            )
            .bind(
                blocks
                    .iter()
                    .map(|(_, block)| block.data.as_slice())
                    .collect::<Vec<_>>(),
            )
            .bind(summaries.keys().map(|(run, _)| run.0).collect::<Vec<_>>())
            .bind(
                summaries
                    .values()
                    .map(|(workspace, _)| *workspace)
                    .collect::<Vec<_>>(),
            )
            .bind(
                summaries
                    .keys()
                    .map(|(_, key)| key.as_str())
                    .collect::<Vec<_>>(),
            )
            .bind(
                summaries
                    .values()
                    .map(|(_, s)| s.latest)
                    .collect::<Vec<_>>(),
            )
            .bind(
                summaries
                    .values()
                    .map(|(_, s)| s.latest_step)
                    .collect::<Vec<_>>(),
            )
            .bind(
                summaries
                    .values()
                    .map(|(_, s)| s.latest_time_us)
                    .collect::<Vec<_>>(),
            )
            .bind(summaries.values().map(|(_, s)| s.min).collect::<Vec<_>>())
            .bind(summaries.values().map(|(_, s)| s.max).collect::<Vec<_>>())
            .bind(summaries.values().map(|(_, s)| s.count).collect::<Vec<_>>())
            .execute(&self.pool)
            .await;
        match result {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NOT_ADVANCED) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Numbers of batches are counted from 0 and end far below the limit of either type.
fn from_database(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn to_database(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
