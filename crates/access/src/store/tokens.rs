//! Tokens.

use std::time::Duration;

use chrono::{DateTime, Utc};
use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_proto::access::v1::AccessAction;
use herdbook_rpc::Role;
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    Store,
    changes::{Change, record},
    workspaces::role_number,
};
use crate::{AccessError, secret::Secret};

/// A token to be made.
#[derive(Debug)]
pub(crate) struct NewToken<'a> {
    pub(crate) name: &'a str,
    pub(crate) workspace: WorkspaceId,
    pub(crate) principal: PrincipalId,
    /// Name of the principal.
    pub(crate) principal_name: &'a str,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    /// The role it has at most.
    pub(crate) role: Option<Role>,
}

/// A token as it is listed.
#[derive(Debug, FromRow)]
pub(crate) struct TokenRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) principal: String,
    pub(crate) workspace: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    pub(crate) role: Option<i16>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

/// A token as a call is checked against it.
#[derive(Debug, Clone)]
pub(crate) struct KnownToken {
    pub(crate) id: Uuid,
    pub(crate) principal: PrincipalId,
    pub(crate) principal_name: String,
    pub(crate) workspace: WorkspaceId,
    pub(crate) workspace_name: String,
    /// What it may do: `None` if the principal has no role in the workspace any more.
    pub(crate) role: Option<Role>,
    pub(crate) revoked: bool,
    pub(crate) expired: bool,
    /// What is left of its time by the database's clock.
    pub(crate) expires_in: Option<Duration>,
}

#[derive(FromRow)]
struct KnownRow {
    id: Uuid,
    principal_id: Uuid,
    principal_name: String,
    workspace_id: i32,
    workspace_name: String,
    role: Option<i16>,
    at_most: Option<i16>,
    revoked: bool,
    seconds_left: Option<f64>,
}

const LIST: &str = "SELECT t.id, t.name, p.name AS principal, w.name AS workspace, \
        t.created_at, t.expires_at, t.revoked_at, t.role, t.last_used_at \
    FROM access.tokens t \
    JOIN access.principals p ON p.id = t.principal_id \
    JOIN access.workspaces w ON w.id = t.workspace_id \
    WHERE t.workspace_id = $1 AND ($2::uuid IS NULL OR t.id = $2) ORDER BY t.id DESC";

impl Store {
    pub(crate) async fn create_token(
        &self,
        by: &str,
        token: NewToken<'_>,
        secret: &Secret,
    ) -> Result<TokenRow, AccessError> {
        let id = Uuid::now_v7();
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        sqlx::query(
            "INSERT INTO access.tokens \
                 (id, secret_hash, name, workspace_id, principal_id, expires_at, role) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(secret.hash().as_slice())
        .bind(token.name)
        .bind(token.workspace.0)
        .bind(token.principal.as_uuid())
        .bind(token.expires_at)
        .bind(token.role.map(role_number))
        .execute(&mut *transaction)
        .await?;
        let change = Change {
            action: AccessAction::CreateToken,
            principal: by,
            subject: token.principal_name,
            role: token.role,
            token: token.name,
        };
        record(&mut transaction, token.workspace, change).await?;
        transaction.commit().await?;
        self.token(token.workspace, id).await
    }

    /// Tokens of `workspace`, newest first.
    pub(crate) async fn tokens_in(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<TokenRow>, AccessError> {
        Ok(sqlx::query_as(LIST)
            .bind(workspace.0)
            .bind(None::<Uuid>)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Revokes a token; one that is revoked already keeps its time.
    pub(crate) async fn revoke_token(
        &self,
        by: &str,
        workspace: WorkspaceId,
        id: Uuid,
    ) -> Result<TokenRow, AccessError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let revoked: Option<(String, String)> = sqlx::query_as(
            "UPDATE access.tokens t SET revoked_at = now() FROM access.principals p \
             WHERE t.workspace_id = $1 AND t.id = $2 AND t.revoked_at IS NULL AND p.id = t.principal_id \
             RETURNING p.name, t.name",
        )
        .bind(workspace.0)
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some((subject, token)) = &revoked {
            let change = Change {
                action: AccessAction::RevokeToken,
                principal: by,
                subject,
                role: None,
                token,
            };
            record(&mut transaction, workspace, change).await?;
        }
        transaction.commit().await?;
        self.token(workspace, id).await
    }

    async fn token(&self, workspace: WorkspaceId, id: Uuid) -> Result<TokenRow, AccessError> {
        let row = sqlx::query_as(LIST)
            .bind(workspace.0)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.ok_or_else(|| AccessError::TokenNotFound(id.simple().to_string()))
    }

    pub(crate) async fn token_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<KnownToken>, AccessError> {
        let row: Option<KnownRow> = sqlx::query_as(
            "SELECT t.id, t.principal_id, p.name AS principal_name, t.workspace_id, \
                 w.name AS workspace_name, b.role, t.role AS at_most, t.revoked_at IS NOT NULL AS revoked, \
                 extract(epoch FROM t.expires_at - now())::float8 AS seconds_left \
             FROM access.tokens t \
             JOIN access.principals p ON p.id = t.principal_id \
             JOIN access.workspaces w ON w.id = t.workspace_id \
             LEFT JOIN access.role_bindings b \
                 ON b.workspace_id = t.workspace_id AND b.principal_id = t.principal_id \
             WHERE t.secret_hash = $1",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| KnownToken {
            id: row.id,
            principal: row.principal_id.into(),
            principal_name: row.principal_name,
            workspace: WorkspaceId(row.workspace_id),
            workspace_name: row.workspace_name,
            role: least(row.role, row.at_most),
            revoked: row.revoked,
            expired: row.seconds_left.is_some_and(|left| left <= 0.0),
            expires_in: row
                .seconds_left
                .map(|left| Duration::try_from_secs_f64(left).unwrap_or_default()),
        }))
    }

    /// Notes that a token is in use, once a minute at most.
    pub(crate) async fn note_use(&self, token: Uuid) -> Result<(), AccessError> {
        sqlx::query(
            "UPDATE access.tokens SET last_used_at = now() WHERE id = $1 \
                 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')",
        )
        .bind(token)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// The role of a principal, but no more than its token has.
fn least(role: Option<i16>, at_most: Option<i16>) -> Option<Role> {
    let role = role?;
    Role::from_proto(at_most.map_or(role, |most| role.min(most)).into())
}
