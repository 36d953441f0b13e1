//! The ring of tables that hot blocks go through.
//!
//! One generation is open. It is closed when it has grown or aged; its blocks are compacted; then its
//! table is truncated, which costs nothing, where deleting rows would leave the vacuum behind. The next
//! one is opened in the transaction that closes one.

use std::time::Duration;

use herdbook_postgres::advisory::{self, Chore};
use sqlx::AssertSqlSafe;

use super::Store;
use crate::TrackingError;

/// Tables in the ring.
pub(crate) const SLOTS: usize = 4;
/// Bytes of a table, its index and what is stored beside it, from which on it is closed.
const LARGE: i64 = 32 << 20;
/// How long truncation waits for readers before it is put off.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '200ms'";

/// A generation that is written no more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed {
    pub(crate) id: i64,
}

impl Closed {
    pub(crate) fn slot(self) -> usize {
        slot(self.id)
    }
}

/// The table of a generation; they take turns.
pub(crate) fn slot(generation: i64) -> usize {
    usize::try_from(generation - 1).unwrap_or_default() % SLOTS
}

impl Store {
    /// Closes the open generation and opens the next, if it is large, or `old` and not empty, and there is
    /// a table free.
    pub(crate) async fn rotate_generation(&self, old: Duration) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        if !advisory::try_lock(&mut transaction, Chore::MetricCompaction).await? {
            return Ok(());
        }
        let (id, age): (i64, f64) = sqlx::query_as(
            "SELECT id, extract(epoch FROM now() - opened_at)::float8 \
             FROM tracking.metric_generations WHERE closed_at IS NULL",
        )
        .fetch_one(&mut *transaction)
        .await?;
        let table = format!("tracking.metric_blocks_{}", slot(id));
        // Safe: the name has a number of ours.
        let (size, any): (i64, bool) = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT pg_total_relation_size($1::text::regclass), EXISTS (SELECT FROM {table})"
        )))
        .bind(&table)
        .fetch_one(&mut *transaction)
        .await?;
        if !any || (size < LARGE && age < old.as_secs_f64()) {
            // At once, and not when the connection is used next: the lock is wanted again.
            transaction.rollback().await?;
            return Ok(());
        }
        let next = i16::try_from(slot(id + 1)).unwrap_or_default();
        let closed = sqlx::query(
            "UPDATE tracking.metric_generations SET closed_at = now() \
             WHERE id = $1 AND NOT EXISTS \
                 (SELECT FROM tracking.metric_generations WHERE slot = $2)",
        )
        .bind(id)
        .bind(next)
        .execute(&mut *transaction)
        .await?;
        if closed.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(());
        }
        sqlx::query("INSERT INTO tracking.metric_generations (id, slot) VALUES ($1, $2)")
            .bind(id + 1)
            .bind(next)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The oldest generation that is closed, once nobody can add to it any more.
    pub(crate) async fn closed_generation(&self) -> Result<Option<Closed>, TrackingError> {
        let id: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM tracking.metric_generations WHERE closed_at IS NOT NULL ORDER BY id LIMIT 1",
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(closed) = id.map(|id| Closed { id }) else {
            return Ok(None);
        };
        // A statement locks its table before it takes the snapshot in which it sees whether the
        // generation is open. So whoever locks the table after this sees that it is closed, and this
        // waits for those who locked it before.
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        sqlx::query(AssertSqlSafe(format!(
            "LOCK TABLE tracking.metric_blocks_{} IN SHARE MODE",
            closed.slot()
        )))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(closed))
    }

    /// Gives the table of a generation back whose blocks are all compacted; `false` if some are not, or
    /// if readers are at it.
    pub(crate) async fn free_generation(&self, closed: Closed) -> Result<bool, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        if !advisory::try_lock(&mut transaction, Chore::MetricCompaction).await? {
            return Ok(false);
        }
        let slot = closed.slot();
        let freed = sqlx::query(AssertSqlSafe(format!(
            "DELETE FROM tracking.metric_generations WHERE id = $1 AND closed_at IS NOT NULL \
             AND NOT EXISTS ( \
                 SELECT FROM tracking.metric_blocks_{slot} b \
                 JOIN tracking.run_heads h ON h.run_key = b.run_key \
                 LEFT JOIN tracking.metric_tails t ON t.run_key = b.run_key \
                 WHERE b.id > coalesce(t.tail_to, 0))"
        )))
        .bind(closed.id)
        .execute(&mut *transaction)
        .await?;
        if freed.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
        let truncated = sqlx::query(AssertSqlSafe(format!(
            "TRUNCATE tracking.metric_blocks_{slot}"
        )))
        .execute(&mut *transaction)
        .await;
        match truncated {
            Ok(_) => {
                transaction.commit().await?;
                Ok(true)
            }
            Err(error) => {
                tracing::debug!(%error, "compacted blocks are still read");
                transaction.rollback().await?;
                Ok(false)
            }
        }
    }
}
