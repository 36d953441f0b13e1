//! Saved views.

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_rpc::Caller;
use sqlx::FromRow;

use super::Store;
use crate::{TeamError, subject::Subject};

/// Views of one thing at most: all of them are listed at once.
const MOST: usize = 1_000;

#[derive(Debug, FromRow)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) saved_by: String,
    pub(crate) saved_at: DateTime<Utc>,
}

impl Store {
    /// Saves a view, in place of the one of its name.
    pub(crate) async fn save_view(
        &self,
        caller: &Caller,
        subject: &Subject,
        name: &str,
        query: &str,
    ) -> Result<View, TeamError> {
        let saved = sqlx::query_as(
            "INSERT INTO team.views AS v (workspace_id, subject_kind, subject, name, query, saved_by) \
             SELECT $1, $2, $3, $4, $5, $6 WHERE $7 > (SELECT count(*) FROM team.views \
                 WHERE workspace_id = $1 AND subject_kind = $2 AND subject = $3 AND name <> $4) \
             ON CONFLICT (workspace_id, subject_kind, subject, name) DO UPDATE \
             SET query = excluded.query, saved_by = excluded.saved_by, saved_at = clock_timestamp() \
             RETURNING name, query, saved_by, saved_at",
        )
        .bind(caller.workspace.0)
        .bind(subject.number())
        .bind(subject.name())
        .bind(name)
        .bind(query)
        .bind(&*caller.name)
        .bind(super::limit(MOST))
        .fetch_optional(&self.pool)
        .await?;
        saved.ok_or(TeamError::TooMany {
            what: "views of one thing",
            limit: MOST,
        })
    }

    /// The views of a thing, by name.
    pub(crate) async fn views(
        &self,
        workspace: WorkspaceId,
        subject: &Subject,
    ) -> Result<Vec<View>, TeamError> {
        Ok(sqlx::query_as(
            "SELECT name, query, saved_by, saved_at FROM team.views \
             WHERE workspace_id = $1 AND subject_kind = $2 AND subject = $3 ORDER BY name",
        )
        .bind(workspace.0)
        .bind(subject.number())
        .bind(subject.name())
        .fetch_all(&self.pool)
        .await?)
    }

    pub(crate) async fn delete_view(
        &self,
        workspace: WorkspaceId,
        subject: &Subject,
        name: &str,
    ) -> Result<(), TeamError> {
        let deleted = sqlx::query(
            "DELETE FROM team.views \
             WHERE workspace_id = $1 AND subject_kind = $2 AND subject = $3 AND name = $4",
        )
        .bind(workspace.0)
        .bind(subject.number())
        .bind(subject.name())
        .bind(name)
        .execute(&self.pool)
        .await?;
        match deleted.rows_affected() {
            0 => Err(TeamError::ViewNotFound(name.chars().take(255).collect())),
            _ => Ok(()),
        }
    }
}
