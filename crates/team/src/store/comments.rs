//! Comments.

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_postgres::DatabaseError;
use herdbook_rpc::Caller;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Place, Store, limit, mentions};
use crate::{TeamError, subject::Subject};

#[derive(Debug, Clone, FromRow)]
pub(crate) struct Comment {
    pub(crate) id: Uuid,
    pub(crate) subject_kind: i16,
    pub(crate) subject: String,
    pub(crate) author_id: Uuid,
    pub(crate) author: String,
    pub(crate) text: String,
    pub(crate) mentions: Vec<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) edited_at: Option<DateTime<Utc>>,
    pub(crate) deleted_at: Option<DateTime<Utc>>,
}

impl Comment {
    pub(crate) fn place(&self) -> Place {
        Place::new(self.created_at, self.id)
    }
}

/// A comment to be written.
#[derive(Debug)]
pub(crate) struct NewComment<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) text: &'a str,
    pub(crate) mentions: &'a [String],
    pub(crate) request_id: Option<&'a str>,
}

pub(super) const COLUMNS: &str = "c.id, c.subject_kind, c.subject, c.author_id, c.author, c.text, \
    c.mentions, c.created_at, c.edited_at, c.deleted_at";

impl Store {
    /// Writes a comment; a repeat answers the first.
    pub(crate) async fn create_comment(
        &self,
        caller: &Caller,
        new: NewComment<'_>,
    ) -> Result<Comment, TeamError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let made = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "INSERT INTO team.comments AS c \
                 (id, workspace_id, subject_kind, subject, author_id, author, text, mentions, request_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING {COLUMNS}"
        )))
        .bind(Uuid::now_v7())
        .bind(caller.workspace.0)
        .bind(new.subject.number())
        .bind(new.subject.name())
        .bind(caller.principal.as_uuid())
        .bind(&*caller.name)
        .bind(new.text)
        .bind(new.mentions)
        .bind(new.request_id)
        .fetch_one(&mut *transaction)
        .await
        .map_err(DatabaseError::from);
        let made: Comment = match (made, new.request_id) {
            (Err(error), Some(request_id))
                if error.unique_violation() == Some("comments_request") =>
            {
                drop(transaction);
                return self.comment_of_request(caller, request_id).await;
            }
            (made, _) => made?,
        };
        mentions::add(&mut transaction, caller.workspace, &made).await?;
        transaction.commit().await?;
        Ok(made)
    }

    async fn comment_of_request(
        &self,
        caller: &Caller,
        request_id: &str,
    ) -> Result<Comment, TeamError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM team.comments AS c \
             WHERE workspace_id = $1 AND author_id = $2 AND request_id = $3"
        )))
        .bind(caller.workspace.0)
        .bind(caller.principal.as_uuid())
        .bind(request_id)
        .fetch_one(&self.pool)
        .await?)
    }

    /// Changes the text of a comment that `may` be changed.
    pub(crate) async fn update_comment(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        text: &str,
        mentioned: &[String],
        may: impl FnOnce(&Comment) -> Result<(), TeamError>,
    ) -> Result<Comment, TeamError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let before = lock(&mut transaction, workspace, id).await?;
        may(&before)?;
        if before.deleted_at.is_some() {
            return Err(TeamError::CommentDeleted);
        }
        let changed = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "UPDATE team.comments AS c SET text = $2, mentions = $3, edited_at = clock_timestamp() \
             WHERE id = $1 RETURNING {COLUMNS}"
        )))
        .bind(id)
        .bind(text)
        .bind(mentioned)
        .fetch_one(&mut *transaction)
        .await?;
        mentions::remove(&mut transaction, id).await?;
        mentions::add(&mut transaction, workspace, &changed).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Takes the text of a comment away that `may` be deleted; one that is deleted keeps its time.
    pub(crate) async fn delete_comment(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        may: impl FnOnce(&Comment) -> Result<(), TeamError>,
    ) -> Result<Comment, TeamError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let before = lock(&mut transaction, workspace, id).await?;
        may(&before)?;
        let deleted = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "UPDATE team.comments AS c \
             SET text = '', mentions = '{{}}', deleted_at = coalesce(deleted_at, clock_timestamp()) \
             WHERE id = $1 RETURNING {COLUMNS}"
        )))
        .bind(id)
        .fetch_one(&mut *transaction)
        .await?;
        mentions::remove(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Comments about a subject after a place, oldest first.
    pub(crate) async fn comments(
        &self,
        workspace: WorkspaceId,
        subject: &Subject,
        after: Option<Place>,
        rows: usize,
    ) -> Result<Vec<Comment>, TeamError> {
        let mut query = sqlx::QueryBuilder::new(format!(
            "SELECT {COLUMNS} FROM team.comments AS c WHERE workspace_id = "
        ));
        query.push_bind(workspace.0);
        query
            .push(" AND subject_kind = ")
            .push_bind(subject.number());
        query.push(" AND subject = ").push_bind(subject.name());
        if let Some(after) = after {
            query
                .push(" AND (created_at, id) > (")
                .push_bind(after.at());
            query.push(", ").push_bind(after.1).push(")");
        }
        query.push(" ORDER BY created_at, id LIMIT ");
        query.push_bind(limit(rows));
        Ok(query.build_query_as().fetch_all(&self.pool).await?)
    }

    /// Comments of a workspace before a place that are not deleted, newest first.
    pub(crate) async fn newest_comments(
        &self,
        workspace: WorkspaceId,
        before: Option<Place>,
        rows: usize,
    ) -> Result<Vec<Comment>, TeamError> {
        let mut query = sqlx::QueryBuilder::new(format!(
            "SELECT {COLUMNS} FROM team.comments AS c WHERE deleted_at IS NULL AND workspace_id = "
        ));
        query.push_bind(workspace.0);
        if let Some(before) = before {
            query
                .push(" AND (created_at, id) < (")
                .push_bind(before.at());
            query.push(", ").push_bind(before.1).push(")");
        }
        query.push(" ORDER BY created_at DESC, id DESC LIMIT ");
        query.push_bind(limit(rows));
        Ok(query.build_query_as().fetch_all(&self.pool).await?)
    }
}

/// A comment whose row the transaction at hand has locked.
async fn lock(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    id: Uuid,
) -> Result<Comment, TeamError> {
    let found = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM team.comments AS c WHERE workspace_id = $1 AND id = $2 FOR UPDATE"
    )))
    .bind(workspace.0)
    .bind(id)
    .fetch_optional(transaction)
    .await?;
    found.ok_or_else(|| TeamError::CommentNotFound(id.simple().to_string()))
}
