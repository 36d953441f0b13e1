//! How far the edges of a workspace have come.
//!
//! Whoever changes edges calls [`advance`] as the last statement of its transaction: all who do wait
//! for that row of the workspace, for as long as a commit takes. What was added carries the id of its
//! transaction, and the log says which revision that became.

use herdbook_core::WorkspaceId;
use sqlx::PgConnection;

use crate::LineageError;

/// Revisions that the log goes back, at least; memory that is further behind is read anew.
const LOGGED: i64 = 10_000;

/// Counts the workspace's revision up for a transaction that added `edges`; `None` if it did more than
/// add some, so that all who hold the workspace's edges have to read them anew.
pub(super) async fn advance(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    edges: Option<i64>,
) -> Result<(), LineageError> {
    sqlx::query(
        "WITH counted AS ( \
             INSERT INTO lineage.revisions AS r (workspace_id, revision, edges) \
             VALUES ($1, 1, coalesce($2, 0)) ON CONFLICT (workspace_id) DO UPDATE \
             SET revision = r.revision + 1, edges = r.edges + excluded.edges RETURNING revision), \
         trimmed AS ( \
             DELETE FROM lineage.changes USING counted \
             WHERE changes.workspace_id = $1 AND counted.revision % 1000 = 0 \
                 AND changes.revision <= counted.revision - $3) \
         INSERT INTO lineage.changes (workspace_id, revision, edges) \
         SELECT $1, revision, $2 FROM counted",
    )
    .bind(workspace.0)
    .bind(edges)
    .bind(LOGGED)
    .execute(connection)
    .await?;
    Ok(())
}

/// How far the edges of a workspace have come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    /// The revision; 0 before the first edge.
    pub(super) revision: i64,
    /// Edges, about.
    pub(super) edges: i64,
}

/// How far `workspace` has come.
pub(super) async fn head(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Head, LineageError> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("SELECT revision, edges FROM lineage.revisions WHERE workspace_id = $1")
            .bind(workspace.0)
            .fetch_optional(connection)
            .await?;
    let head = row.map(|(revision, edges)| Head { revision, edges });
    Ok(head.unwrap_or_default())
}

/// How many edges came after revision `since`, up to `until`; `None` if the log does not tell them all.
pub(super) async fn added(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    since: i64,
    until: i64,
) -> Result<Option<i64>, LineageError> {
    let (told, edges): (i64, i64) = sqlx::query_as(
        "SELECT count(edges), coalesce(sum(edges), 0)::bigint FROM lineage.changes \
         WHERE workspace_id = $1 AND revision > $2 AND revision <= $3",
    )
    .bind(workspace.0)
    .bind(since)
    .bind(until)
    .fetch_one(connection)
    .await?;
    Ok((told == until - since).then_some(edges))
}
