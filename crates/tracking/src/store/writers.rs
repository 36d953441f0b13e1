//! Who streams points, and how far each has come.

use std::collections::{HashMap, HashSet};

use super::Store;
use crate::{TrackingError, run::RunKey};

/// What the database knows of a writer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriterState {
    pub(crate) epoch: i64,
    pub(crate) sequence: u64,
}

/// A writer that was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    /// Its last committed number.
    pub(crate) sequence: u64,
    /// Whether the run is asked to stop.
    pub(crate) stop_requested: bool,
}

impl Store {
    /// Opens a writer in its run; `None` if a newer process has it.
    pub(crate) async fn open_writer(
        &self,
        run: RunKey,
        id: &str,
        epoch: i64,
    ) -> Result<Option<Opened>, TrackingError> {
        let row: Option<(i64, bool)> = sqlx::query_as(
            "INSERT INTO tracking.metric_writers AS w (run_key, writer_id, epoch, sequence) \
             VALUES ($1, $2, $3, 0) \
             ON CONFLICT (run_key, writer_id) DO UPDATE SET epoch = excluded.epoch \
                 WHERE w.epoch <= excluded.epoch \
             RETURNING sequence, \
                 (SELECT h.stop_requested FROM tracking.run_heads h WHERE h.run_key = w.run_key)",
        )
        .bind(run.0)
        .bind(id)
        .bind(epoch)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(sequence, stop_requested)| Opened {
            sequence: from_database(sequence),
            stop_requested,
        }))
    }

    /// What is known of `writers`.
    pub(crate) async fn writer_states(
        &self,
        writers: &[(RunKey, &str)],
    ) -> Result<HashMap<(RunKey, String), WriterState>, TrackingError> {
        let rows: Vec<(i64, String, i64, i64)> = sqlx::query_as(
            "SELECT w.run_key, w.writer_id, w.epoch, w.sequence \
             FROM unnest($1::bigint[], $2::text[]) AS i (run_key, writer_id) \
             JOIN tracking.metric_writers w USING (run_key, writer_id)",
        )
        .bind(writers.iter().map(|(run, _)| run.0).collect::<Vec<_>>())
        .bind(writers.iter().map(|(_, id)| *id).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        let state = |(run, id, epoch, sequence)| {
            let sequence = from_database(sequence);
            ((RunKey(run), id), WriterState { epoch, sequence })
        };
        Ok(rows.into_iter().map(state).collect())
    }

    /// Those of `runs` that take points.
    pub(crate) async fn writable(&self, runs: &[RunKey]) -> Result<HashSet<RunKey>, TrackingError> {
        let rows: Vec<i64> = sqlx::query_scalar(
            "SELECT run_key FROM tracking.run_heads WHERE run_key = ANY($1) AND writable",
        )
        .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(RunKey).collect())
    }
}

/// Numbers of batches are counted from 0 and end far below the limit of either type.
fn from_database(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
