//! The record of who gave whom which role or token.

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_proto::access::v1::AccessAction;
use herdbook_rpc::Role;
use sqlx::{FromRow, PgConnection};

use super::{Store, workspaces::role_number};
use crate::AccessError;

/// A change to be recorded.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub(super) action: AccessAction,
    /// Who did it.
    pub(super) principal: &'a str,
    /// Whom it is about.
    pub(super) subject: &'a str,
    pub(super) role: Option<Role>,
    pub(super) token: &'a str,
}

impl<'a> Change<'a> {
    /// A change of the role of `subject`.
    pub(super) fn of_role(
        action: AccessAction,
        principal: &'a str,
        subject: &'a str,
        role: Option<Role>,
    ) -> Self {
        Self {
            action,
            principal,
            subject,
            role,
            token: "",
        }
    }
}

#[derive(Debug, FromRow)]
pub(crate) struct ChangeRow {
    pub(crate) id: i64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) action: i16,
    pub(crate) principal: String,
    pub(crate) subject: String,
    pub(crate) role: Option<i16>,
    pub(crate) token: String,
}

/// Records a change in the transaction that makes it.
pub(super) async fn record(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    change: Change<'_>,
) -> Result<(), AccessError> {
    sqlx::query(
        "INSERT INTO access.changes (workspace_id, action, principal, subject, role, token) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(workspace.0)
    .bind(i16::try_from(i32::from(change.action)).unwrap_or_default())
    .bind(change.principal)
    .bind(change.subject)
    .bind(change.role.map(role_number))
    .bind(change.token)
    .execute(transaction)
    .await?;
    Ok(())
}

impl Store {
    /// Changes in `workspace` before the one with the id `before`, of one principal if named, newest first.
    pub(crate) async fn changes(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ChangeRow>, AccessError> {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, at, action, principal, subject, role, token FROM access.changes \
             WHERE workspace_id = ",
        );
        query.push_bind(workspace.0);
        query.push(" AND id < ").push_bind(before);
        if !principal.is_empty() {
            query.push(" AND principal = ").push_bind(principal);
        }
        query.push(" ORDER BY id DESC LIMIT ");
        query.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(query.build_query_as().fetch_all(&self.pool).await?)
    }
}
