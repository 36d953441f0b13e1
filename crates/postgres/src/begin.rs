//! How a transaction begins.

use sqlx::{PgPool, Postgres, Transaction};

/// Begins a transaction in which all statements see the same moment, and none writes.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Begins a transaction on a connection of `pool`.
///
/// Not by `pool.begin()`: a call that its client cancels while Postgres answers BEGIN would give back a
/// connection inside a transaction that sqlx knows nothing of. Whatever the next calls wrote on it would be
/// acknowledged, and never committed.
pub async fn begin(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    to_the_end(pool, "BEGIN").await
}

/// Begins a transaction in which all statements see the same moment, and none writes; see [`begin`].
pub async fn begin_snapshot(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    to_the_end(pool, SNAPSHOT).await
}

/// A task goes on when nobody waits for it any more, and what it made is then rolled back.
async fn to_the_end(
    pool: &PgPool,
    statement: &'static str,
) -> sqlx::Result<Transaction<'static, Postgres>> {
    let pool = pool.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "in a task of its own it is never cancelled"
    )]
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}
