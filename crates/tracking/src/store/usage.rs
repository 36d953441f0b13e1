//! What workspaces have and may have.

use herdbook_core::WorkspaceId;
use sqlx::{FromRow, PgConnection};

use super::{Store, lane::next_shard};
use crate::{
    TrackingError,
    quota::{Limits, Usage},
};

#[derive(FromRow)]
struct Row {
    max_runs: Option<i64>,
    max_points: Option<i64>,
    max_bytes: Option<i64>,
    runs: i64,
    points: i64,
    bytes: i64,
}

/// Which of the limits of a workspace are written, and what to them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NewLimits {
    pub(crate) runs: Option<Option<i64>>,
    pub(crate) points: Option<Option<i64>>,
    pub(crate) bytes: Option<Option<i64>>,
}

impl Store {
    /// The limits of a workspace's own, and what it has.
    pub(crate) async fn usage(
        &self,
        workspace: WorkspaceId,
    ) -> Result<(Limits, Usage), TrackingError> {
        let row: Row = sqlx::query_as(
            "SELECT q.runs AS max_runs, q.points AS max_points, q.bytes AS max_bytes, u.* \
             FROM (SELECT coalesce(sum(runs), 0)::bigint AS runs, \
                     coalesce(sum(points), 0)::bigint AS points, \
                     coalesce(sum(bytes), 0)::bigint AS bytes \
                 FROM tracking.workspace_usage WHERE workspace_id = $1) u \
             LEFT JOIN tracking.workspace_quotas q ON q.workspace_id = $1",
        )
        .bind(workspace.0)
        .fetch_one(&self.pool)
        .await?;
        let limits = Limits {
            runs: row.max_runs,
            points: row.max_points,
            bytes: row.max_bytes,
        };
        let usage = Usage {
            runs: row.runs,
            points: row.points,
            bytes: row.bytes,
        };
        Ok((limits, usage))
    }

    /// Writes limits of a workspace's own; all of them as they are then.
    pub(crate) async fn set_limits(
        &self,
        workspace: WorkspaceId,
        new: NewLimits,
    ) -> Result<Limits, TrackingError> {
        let (runs, points, bytes) = sqlx::query_as(
            "INSERT INTO tracking.workspace_quotas AS q (workspace_id, runs, points, bytes) \
             VALUES ($1, $3, $5, $7) \
             ON CONFLICT (workspace_id) DO UPDATE SET \
                 runs = CASE WHEN $2 THEN excluded.runs ELSE q.runs END, \
                 points = CASE WHEN $4 THEN excluded.points ELSE q.points END, \
                 bytes = CASE WHEN $6 THEN excluded.bytes ELSE q.bytes END \
             RETURNING runs, points, bytes",
        )
        .bind(workspace.0)
        .bind(new.runs.is_some())
        .bind(new.runs.flatten())
        .bind(new.points.is_some())
        .bind(new.points.flatten())
        .bind(new.bytes.is_some())
        .bind(new.bytes.flatten())
        .fetch_one(&self.pool)
        .await?;
        Ok(Limits {
            runs,
            points,
            bytes,
        })
    }
}

/// Counts what a transaction adds to a workspace, or takes from it.
pub(super) async fn count(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    added: Usage,
) -> Result<(), TrackingError> {
    if added == Usage::default() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO tracking.workspace_usage AS u (workspace_id, shard, runs, points, bytes) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (workspace_id, shard) DO UPDATE SET runs = u.runs + excluded.runs, \
             points = u.points + excluded.points, bytes = u.bytes + excluded.bytes",
    )
    .bind(workspace.0)
    .bind(next_shard())
    .bind(added.runs)
    .bind(added.points)
    .bind(added.bytes)
    .execute(transaction)
    .await?;
    Ok(())
}
