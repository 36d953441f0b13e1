//! The schema `team`.
//!
//! What is stored: comments, reports with all their revisions, saved views, what each person prefers. Why
//! durable: people wrote it. What must be fast: the comments of one thing and the newest of a workspace, an
//! index range each. On failure: a change is one transaction; what was not acknowledged may be asked for again
//! with its request id.

pub(crate) mod comments;
pub(crate) mod mentions;
pub(crate) mod preferences;
pub(crate) mod reports;
pub(crate) mod views;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
}

impl Store {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

/// A place in what is listed by time and then by id, as page tokens have it: Postgres's times are whole
/// microseconds since 1970.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Place(i64, pub(crate) Uuid);

impl Place {
    pub(crate) fn new(at: DateTime<Utc>, id: Uuid) -> Self {
        Self(at.timestamp_micros(), id)
    }

    pub(crate) fn at(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// A number of rows as Postgres takes it.
fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
