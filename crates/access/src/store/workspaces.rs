//! Workspaces.

use chrono::{DateTime, Utc};
use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_postgres::DatabaseError;
use herdbook_proto::access::v1::AccessAction;
use herdbook_rpc::{Caller, Role};
use sqlx::FromRow;

use super::{
    Store,
    changes::{Change, record},
};
use crate::{AccessError, DEFAULT_WORKSPACE};

#[derive(Debug, FromRow)]
pub(crate) struct WorkspaceRow {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) created_at: DateTime<Utc>,
}

impl Store {
    pub(crate) async fn workspace_id(
        &self,
        name: &str,
    ) -> Result<Option<WorkspaceId>, AccessError> {
        let id = sqlx::query_scalar("SELECT id FROM access.workspaces WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(id.map(WorkspaceId))
    }

    pub(crate) async fn workspace_name(&self, id: WorkspaceId) -> Result<String, AccessError> {
        Ok(
            sqlx::query_scalar("SELECT name FROM access.workspaces WHERE id = $1")
                .bind(id.0)
                .fetch_one(&self.pool)
                .await?,
        )
    }

    /// Creates a workspace whose admin is `creator`.
    pub(crate) async fn create_workspace(
        &self,
        name: &str,
        description: &str,
        creator: &Caller,
    ) -> Result<WorkspaceRow, AccessError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let made: Result<(i32, DateTime<Utc>), _> = sqlx::query_as(
            "INSERT INTO access.workspaces (name, description) VALUES ($1, $2) \
             RETURNING id, created_at",
        )
        .bind(name)
        .bind(description)
        .fetch_one(&mut *transaction)
        .await;
        let (id, created_at) = made.map_err(|error| taken("workspace", name, error))?;
        sqlx::query(
            "INSERT INTO access.role_bindings (workspace_id, principal_id, role) VALUES ($1, $2, $3)",
        )
        .bind(id)
        .bind(creator.principal.as_uuid())
        .bind(role_number(Role::Admin))
        .execute(&mut *transaction)
        .await?;
        let by = &*creator.name;
        let change = Change::of_role(AccessAction::CreateWorkspace, by, by, Some(Role::Admin));
        record(&mut transaction, WorkspaceId(id), change).await?;
        transaction.commit().await?;
        Ok(WorkspaceRow {
            name: name.to_owned(),
            description: description.to_owned(),
            created_at,
        })
    }

    /// The workspaces in which `principal` has a role, by name.
    pub(crate) async fn workspaces_of(
        &self,
        principal: PrincipalId,
    ) -> Result<Vec<WorkspaceRow>, AccessError> {
        Ok(sqlx::query_as(
            "SELECT w.name, w.description, w.created_at FROM access.workspaces w \
             JOIN access.role_bindings b ON b.workspace_id = w.id \
             WHERE b.principal_id = $1 ORDER BY w.name",
        )
        .bind(principal.as_uuid())
        .fetch_all(&self.pool)
        .await?)
    }

    /// Whether `principal` is an admin of the first workspace.
    pub(crate) async fn is_installation_admin(
        &self,
        principal: PrincipalId,
    ) -> Result<bool, AccessError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM access.role_bindings b \
             JOIN access.workspaces w ON w.id = b.workspace_id \
             WHERE w.name = $1 AND b.principal_id = $2 AND b.role = $3)",
        )
        .bind(DEFAULT_WORKSPACE)
        .bind(principal.as_uuid())
        .bind(role_number(Role::Admin))
        .fetch_one(&self.pool)
        .await?)
    }
}

/// The number by which the database knows a role.
pub(super) fn role_number(role: Role) -> i16 {
    // Four small numbers, so that it fits.
    i16::try_from(i32::from(role.to_proto())).unwrap_or_default()
}

/// A violated unique name as what it means to the caller.
pub(super) fn taken(kind: &'static str, name: &str, error: sqlx::Error) -> AccessError {
    let error = DatabaseError::from(error);
    match error.unique_violation() {
        Some(_) => AccessError::NameTaken {
            kind,
            name: name.to_owned(),
        },
        None => error.into(),
    }
}
