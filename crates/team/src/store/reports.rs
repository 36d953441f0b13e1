//! Reports and their revisions.

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_postgres::DatabaseError;
use herdbook_proto::common::v1::View;
use herdbook_rpc::Caller;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Place, Store, limit};
use crate::TeamError;

#[derive(Debug, FromRow)]
pub(crate) struct Report {
    pub(crate) id: Uuid,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) revision: i64,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_by: String,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) deleted_at: Option<DateTime<Utc>>,
}

#[derive(Debug, FromRow)]
pub(crate) struct Revision {
    pub(crate) report_id: Uuid,
    pub(crate) revision: i64,
    pub(crate) title: String,
    pub(crate) saved_by: String,
    pub(crate) saved_at: DateTime<Utc>,
    pub(crate) comment: String,
}

/// What somebody saves.
#[derive(Debug)]
pub(crate) struct Saved<'a> {
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    /// What the one who saves it says about the change.
    pub(crate) comment: &'a str,
}

impl Store {
    /// Creates a report; a repeat answers the first.
    pub(crate) async fn create_report(
        &self,
        caller: &Caller,
        saved: Saved<'_>,
        request_id: Option<&str>,
    ) -> Result<Report, TeamError> {
        let id = Uuid::now_v7();
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let made = sqlx::query(
            "INSERT INTO team.reports \
                 (id, workspace_id, revision, title, created_by, updated_by, creator_id, request_id) \
             VALUES ($1, $2, 1, $3, $4, $4, $5, $6)",
        )
        .bind(id)
        .bind(caller.workspace.0)
        .bind(saved.title)
        .bind(&*caller.name)
        .bind(caller.principal.as_uuid())
        .bind(request_id)
        .execute(&mut *transaction)
        .await
        .map_err(DatabaseError::from);
        if let Err(error) = made {
            if error.unique_violation() != Some("reports_request") {
                return Err(error.into());
            }
            drop(transaction);
            let first = sqlx::query_scalar(
                "SELECT id FROM team.reports \
                 WHERE workspace_id = $1 AND creator_id = $2 AND request_id = $3",
            )
            .bind(caller.workspace.0)
            .bind(caller.principal.as_uuid())
            .bind(request_id)
            .fetch_one(&self.pool)
            .await?;
            return self.report(caller.workspace, first, None).await;
        }
        add_revision(&mut transaction, caller, id, 1, saved).await?;
        transaction.commit().await?;
        self.report(caller.workspace, id, None).await
    }

    /// A report as it is, or as it was at a revision.
    pub(crate) async fn report(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        revision: Option<i64>,
    ) -> Result<Report, TeamError> {
        let found: Option<Report> = sqlx::query_as(
            "SELECT p.id, r.title, r.text, r.revision, p.created_by, p.created_at, \
                 r.saved_by AS updated_by, r.saved_at AS updated_at, p.deleted_at \
             FROM team.reports AS p JOIN team.report_revisions AS r ON r.report_id = p.id \
             WHERE p.workspace_id = $1 AND p.id = $2 AND r.revision = coalesce($3, p.revision)",
        )
        .bind(workspace.0)
        .bind(id)
        .bind(revision)
        .fetch_optional(&self.pool)
        .await?;
        if let Some(report) = found {
            return Ok(report);
        }
        let there: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM team.reports WHERE workspace_id = $1 AND id = $2)",
        )
        .bind(workspace.0)
        .bind(id)
        .fetch_one(&self.pool)
        .await?;
        Err(match revision {
            Some(revision) if there => TeamError::RevisionNotFound(revision),
            _ => TeamError::ReportNotFound(id.simple().to_string()),
        })
    }

    /// Saves a report anew if its revision is still `expected`.
    pub(crate) async fn update_report(
        &self,
        caller: &Caller,
        id: Uuid,
        expected: i64,
        saved: Saved<'_>,
    ) -> Result<Report, TeamError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let found: Option<(i64, String, bool)> = sqlx::query_as(
            "SELECT revision, updated_by, deleted_at IS NOT NULL FROM team.reports \
             WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
        )
        .bind(caller.workspace.0)
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        let missing = || TeamError::ReportNotFound(id.simple().to_string());
        let (newest, by, deleted) = found.ok_or_else(missing)?;
        if deleted {
            return Err(TeamError::ReportDeleted);
        }
        if newest != expected {
            return Err(TeamError::ReportChanged {
                by,
                newest,
                seen: expected,
            });
        }
        sqlx::query(
            "UPDATE team.reports SET revision = $2, title = $3, updated_by = $4, \
                 updated_at = clock_timestamp() WHERE id = $1",
        )
        .bind(id)
        .bind(newest + 1)
        .bind(saved.title)
        .bind(&*caller.name)
        .execute(&mut *transaction)
        .await?;
        add_revision(&mut transaction, caller, id, newest + 1, saved).await?;
        transaction.commit().await?;
        self.report(caller.workspace, id, None).await
    }

    /// Puts a report into the bin or takes it out; its times of before stay.
    pub(crate) async fn set_report_deleted(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        deleted: bool,
    ) -> Result<(), TeamError> {
        let done = sqlx::query(
            "UPDATE team.reports \
             SET deleted_at = CASE WHEN $3 THEN coalesce(deleted_at, clock_timestamp()) END \
             WHERE workspace_id = $1 AND id = $2",
        )
        .bind(workspace.0)
        .bind(id)
        .bind(deleted)
        .execute(&self.pool)
        .await?;
        match done.rows_affected() {
            0 => Err(TeamError::ReportNotFound(id.simple().to_string())),
            _ => Ok(()),
        }
    }

    /// Reports before a place, without their texts, those saved last first.
    pub(crate) async fn reports(
        &self,
        workspace: WorkspaceId,
        view: View,
        before: Option<Place>,
        rows: usize,
    ) -> Result<Vec<Report>, TeamError> {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, title, '' AS text, revision, created_by, created_at, updated_by, updated_at, \
                 deleted_at FROM team.reports WHERE workspace_id = ",
        );
        query.push_bind(workspace.0);
        query.push(match view {
            View::All => "",
            View::Deleted => " AND deleted_at IS NOT NULL",
            View::Unspecified | View::Active => " AND deleted_at IS NULL",
        });
        if let Some(before) = before {
            query
                .push(" AND (updated_at, id) < (")
                .push_bind(before.at());
            query.push(", ").push_bind(before.1).push(")");
        }
        query.push(" ORDER BY updated_at DESC, id DESC LIMIT ");
        query.push_bind(limit(rows));
        Ok(query.build_query_as().fetch_all(&self.pool).await?)
    }

    /// Revisions of a report before the number `before`, newest first.
    pub(crate) async fn report_revisions(
        &self,
        workspace: WorkspaceId,
        id: Uuid,
        before: i64,
        rows: usize,
    ) -> Result<Vec<Revision>, TeamError> {
        Ok(sqlx::query_as(
            "SELECT report_id, revision, title, saved_by, saved_at, comment FROM team.report_revisions \
             WHERE workspace_id = $1 AND report_id = $2 AND revision < $3 \
             ORDER BY revision DESC LIMIT $4",
        )
        .bind(workspace.0)
        .bind(id)
        .bind(before)
        .bind(limit(rows))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Saves of all reports in use, before a place and the number of a revision, newest first.
    pub(crate) async fn newest_revisions(
        &self,
        workspace: WorkspaceId,
        before: Option<(Place, i64)>,
        rows: usize,
    ) -> Result<Vec<Revision>, TeamError> {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT r.report_id, r.revision, r.title, r.saved_by, r.saved_at, r.comment \
             FROM team.report_revisions AS r JOIN team.reports AS p ON p.id = r.report_id \
             WHERE p.deleted_at IS NULL AND r.workspace_id = ",
        );
        query.push_bind(workspace.0);
        if let Some((place, revision)) = before {
            query.push(" AND (r.saved_at, r.report_id, r.revision) < (");
            query.push_bind(place.at()).push(", ").push_bind(place.1);
            query.push(", ").push_bind(revision).push(")");
        }
        query.push(" ORDER BY r.saved_at DESC, r.report_id DESC, r.revision DESC LIMIT ");
        query.push_bind(limit(rows));
        Ok(query.build_query_as().fetch_all(&self.pool).await?)
    }
}

async fn add_revision(
    transaction: &mut PgConnection,
    caller: &Caller,
    report: Uuid,
    revision: i64,
    saved: Saved<'_>,
) -> Result<(), TeamError> {
    sqlx::query(
        "INSERT INTO team.report_revisions \
             (report_id, revision, workspace_id, title, text, saved_by, comment) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(report)
    .bind(revision)
    .bind(caller.workspace.0)
    .bind(saved.title)
    .bind(saved.text)
    .bind(&*caller.name)
    .bind(saved.comment)
    .execute(transaction)
    .await?;
    Ok(())
}
