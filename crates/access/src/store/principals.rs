//! Principals and their roles.

use chrono::{DateTime, Utc};
use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_proto::access::v1::AccessAction;
use herdbook_rpc::Role;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    Store,
    changes::{Change, record},
    workspaces::{role_number, taken},
};
use crate::AccessError;

#[derive(Debug, FromRow)]
pub(crate) struct PrincipalRow {
    pub(crate) name: String,
    pub(crate) kind: i16,
    pub(crate) role: i16,
    pub(crate) created_at: DateTime<Utc>,
}

impl Store {
    pub(crate) async fn principal_id(
        &self,
        name: &str,
    ) -> Result<Option<PrincipalId>, AccessError> {
        let id: Option<Uuid> =
            sqlx::query_scalar("SELECT id FROM access.principals WHERE name = $1")
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        Ok(id.map(PrincipalId::from))
    }

    /// Creates a principal with a role in `workspace`, by the word of `by`.
    pub(crate) async fn create_principal(
        &self,
        by: &str,
        id: PrincipalId,
        name: &str,
        kind: i16,
        workspace: WorkspaceId,
        role: Role,
    ) -> Result<PrincipalRow, AccessError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let made = sqlx::query_scalar(
            "INSERT INTO access.principals (id, name, kind) VALUES ($1, $2, $3) RETURNING created_at",
        )
        .bind(id.as_uuid())
        .bind(name)
        .bind(kind)
        .fetch_one(&mut *transaction)
        .await;
        let created_at = made.map_err(|error| taken("principal", name, error))?;
        bind_role(&mut transaction, workspace, id, role).await?;
        let change = Change::of_role(AccessAction::GrantRole, by, name, Some(role));
        record(&mut transaction, workspace, change).await?;
        transaction.commit().await?;
        Ok(PrincipalRow {
            name: name.to_owned(),
            kind,
            role: role_number(role),
            created_at,
        })
    }

    /// The principals with a role in `workspace`, by name.
    pub(crate) async fn principals_in(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<PrincipalRow>, AccessError> {
        Ok(sqlx::query_as(
            "SELECT p.name, p.kind, b.role, p.created_at FROM access.principals p \
             JOIN access.role_bindings b ON b.principal_id = p.id \
             WHERE b.workspace_id = $1 ORDER BY p.name",
        )
        .bind(workspace.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Whether a principal is a person or a service account, by the numbers of the contract; 0 if it is
    /// neither, as a chore is.
    pub(crate) async fn kind_of(&self, principal: PrincipalId) -> Result<i16, AccessError> {
        let kind = sqlx::query_scalar("SELECT kind FROM access.principals WHERE id = $1")
            .bind(principal.as_uuid())
            .fetch_optional(&self.pool)
            .await?;
        Ok(kind.unwrap_or_default())
    }

    /// The role of `principal` in `workspace`, if it has one.
    pub(crate) async fn role_of(
        &self,
        workspace: WorkspaceId,
        principal: PrincipalId,
    ) -> Result<Option<Role>, AccessError> {
        let role: Option<i16> = sqlx::query_scalar(
            "SELECT role FROM access.role_bindings WHERE workspace_id = $1 AND principal_id = $2",
        )
        .bind(workspace.0)
        .bind(principal.as_uuid())
        .fetch_optional(&self.pool)
        .await?;
        Ok(role.and_then(|role| Role::from_proto(role.into())))
    }

    /// Gives `name` a role in `workspace`, in place of the one it had, by the word of `by`.
    pub(crate) async fn grant(
        &self,
        by: &str,
        workspace: WorkspaceId,
        name: &str,
        role: Role,
    ) -> Result<PrincipalRow, AccessError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let found: Option<(Uuid, i16, DateTime<Utc>)> =
            sqlx::query_as("SELECT id, kind, created_at FROM access.principals WHERE name = $1")
                .bind(name)
                .fetch_optional(&mut *transaction)
                .await?;
        let (id, kind, created_at) =
            found.ok_or_else(|| AccessError::PrincipalNotFound(name.to_owned()))?;
        bind_role(&mut transaction, workspace, id.into(), role).await?;
        check_admin_left(&mut transaction, workspace, name).await?;
        let change = Change::of_role(AccessAction::GrantRole, by, name, Some(role));
        record(&mut transaction, workspace, change).await?;
        transaction.commit().await?;
        Ok(PrincipalRow {
            name: name.to_owned(),
            kind,
            role: role_number(role),
            created_at,
        })
    }

    /// Takes the role of `name` in `workspace` away, by the word of `by`.
    pub(crate) async fn revoke(
        &self,
        by: &str,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<(), AccessError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let removed = sqlx::query(
            "DELETE FROM access.role_bindings b USING access.principals p \
             WHERE p.id = b.principal_id AND b.workspace_id = $1 AND p.name = $2",
        )
        .bind(workspace.0)
        .bind(name)
        .execute(&mut *transaction)
        .await?;
        if removed.rows_affected() == 0 {
            return Err(AccessError::PrincipalNotFound(name.to_owned()));
        }
        check_admin_left(&mut transaction, workspace, name).await?;
        let change = Change::of_role(AccessAction::RevokeRole, by, name, None);
        record(&mut transaction, workspace, change).await?;
        Ok(transaction.commit().await?)
    }
}

async fn bind_role(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    principal: PrincipalId,
    role: Role,
) -> Result<(), AccessError> {
    sqlx::query(
        "INSERT INTO access.role_bindings (workspace_id, principal_id, role) VALUES ($1, $2, $3) \
         ON CONFLICT (workspace_id, principal_id) \
         DO UPDATE SET role = excluded.role, by_groups = false",
    )
    .bind(workspace.0)
    .bind(principal.as_uuid())
    .bind(role_number(role))
    .execute(transaction)
    .await?;
    Ok(())
}

/// Refuses a change that leaves a workspace without an admin. The workspace's row is locked, so that
/// two changes at once cannot each count on the other's admin.
async fn check_admin_left(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    changed: &str,
) -> Result<(), AccessError> {
    sqlx::query("SELECT FROM access.workspaces WHERE id = $1 FOR UPDATE")
        .bind(workspace.0)
        .execute(&mut *transaction)
        .await?;
    let left: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM access.role_bindings WHERE workspace_id = $1 AND role = $2)",
    )
    .bind(workspace.0)
    .bind(role_number(Role::Admin))
    .fetch_one(transaction)
    .await?;
    if left {
        Ok(())
    } else {
        Err(AccessError::LastAdmin(changed.to_owned()))
    }
}
