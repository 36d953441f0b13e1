//! What a point takes on disk once it is compacted.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use crate::{
    Bench,
    streams::{Values, stream},
};

/// How long compaction may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Bytes and points in chunks and tails, what their tables and indexes hold beside them included.
const SIZE: &str = "SELECT (pg_total_relation_size('tracking.metric_chunks') \
    + pg_total_relation_size('tracking.metric_tails'))::float8, \
    coalesce((SELECT sum(points) FROM tracking.metric_chunks), 0)::float8";

impl Bench {
    /// Bytes a point of `batches` batches of ten metrics by a thousand.
    pub(crate) async fn bytes_a_point(
        &self,
        database: &mut PgConnection,
        batches: u64,
        values: Values,
    ) -> f64 {
        let (bytes, points) = size(database).await;
        let run = self.create_run().await;
        stream(self.connect().await, run, batches, 1_000, values).await;
        let (more_bytes, more_points) = size(database).await;
        (more_bytes - bytes) / (more_points - points)
    }
}

async fn size(database: &mut PgConnection) -> (f64, f64) {
    settle(database).await;
    sqlx::query_as(SIZE).fetch_one(database).await.unwrap()
}

/// Waits until no hot block is left.
pub(crate) async fn settle(database: &mut PgConnection) {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let hot: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM tracking.metric_blocks)")
            .fetch_one(&mut *database)
            .await
            .unwrap();
        if !hot {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
