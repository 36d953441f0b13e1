//! Which comments mention whom.

use herdbook_core::WorkspaceId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Place, Store,
    comments::{COLUMNS, Comment},
    limit,
};
use crate::TeamError;

/// Notes whom a comment mentions.
pub(super) async fn add(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    comment: &Comment,
) -> Result<(), TeamError> {
    sqlx::query(
        "INSERT INTO team.mentions (workspace_id, principal, created_at, comment_id) \
         SELECT $1, principal, $3, $4 FROM unnest($2::text[]) AS principal",
    )
    .bind(workspace.0)
    .bind(&comment.mentions)
    .bind(comment.created_at)
    .bind(comment.id)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Forgets whom a comment mentions.
pub(super) async fn remove(transaction: &mut PgConnection, comment: Uuid) -> Result<(), TeamError> {
    sqlx::query("DELETE FROM team.mentions WHERE comment_id = $1")
        .bind(comment)
        .execute(transaction)
        .await?;
    Ok(())
}

impl Store {
    /// Comments before a place that mention `principal`, newest first.
    pub(crate) async fn mentions(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        before: Option<Place>,
        rows: usize,
    ) -> Result<Vec<Comment>, TeamError> {
        let mut query = sqlx::QueryBuilder::new(format!(
            "SELECT {COLUMNS} FROM team.mentions AS m JOIN team.comments AS c ON c.id = m.comment_id \
             WHERE m.workspace_id = "
        ));
        query.push_bind(workspace.0);
        query.push(" AND m.principal = ").push_bind(principal);
        if let Some(before) = before {
            query.push(" AND (m.created_at, m.comment_id) < (");
            query.push_bind(before.at()).push(", ");
            query.push_bind(before.1).push(")");
        }
        query.push(" ORDER BY m.created_at DESC, m.comment_id DESC LIMIT ");
        query.push_bind(limit(rows));
        Ok(query.build_query_as().fetch_all(&self.pool).await?)
    }
}
