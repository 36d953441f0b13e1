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
