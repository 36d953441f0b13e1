//! A place from which one group after another is committed.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use herdbook_postgres::KeptConnection;
use sqlx::PgPool;

/// Shards of what a workspace uses.
const SHARDS: u32 = 16;

/// A connection, and the shard in which its statements count what workspaces use: two that run at once
/// would wait for each other in the same row.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(super) connection: KeptConnection,
    pub(super) shard: i16,
}

impl Lane {
    pub(super) fn new(pool: &PgPool) -> Self {
        Self {
            connection: KeptConnection::new(pool),
            shard: next_shard(),
        }
    }
}

/// The shards in turn, beginning with another one in each process.
pub(super) fn next_shard() -> i16 {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    i16::try_from(process::id().wrapping_add(turn) % SHARDS).unwrap_or_default()
}
