//! People who sign in by the identity provider, and the sessions of their browsers.

use std::{collections::BTreeMap, time::Duration};

use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_proto::access::v1::AccessAction;
use herdbook_rpc::Role;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    Store,
    changes::{Change, record},
    workspaces::role_number,
};
use crate::{AccessError, oidc::SignInError, secret::Secret};

/// The number of `PRINCIPAL_KIND_PERSON`.
const PERSON: i16 = 1;
/// Names that no identity provider may give to anybody: the user of loopback, and the first admin.
const RESERVED: [&str; 2] = ["local", "admin"];

/// Who has signed in, as the identity provider says.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) name: &'a str,
    /// What the groups give, by the name of the workspace.
    pub(crate) roles: &'a BTreeMap<String, Role>,
    /// The workspaces in which groups decide.
    pub(crate) decided: &'a [String],
}

/// A session as a call is checked against it.
#[derive(Debug, Clone)]
pub(crate) struct KnownSession {
    pub(crate) principal: PrincipalId,
    pub(crate) name: String,
    /// What is left of its time by the database's clock.
    pub(crate) left: Duration,
}

/// What a principal is in a workspace.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Member {
    pub(crate) workspace_id: i32,
    pub(crate) role: i16,
}

impl Store {
    /// Notes who signs in, with the roles of their groups, and begins a session of `lives`.
    pub(crate) async fn sign_in(
        &self,
        identity: &Identity<'_>,
        secret: &Secret,
        lives: Duration,
    ) -> Result<(), AccessError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let principal = find_or_create(&mut transaction, identity).await?;
        follow_groups(&mut transaction, identity, principal).await?;
        let member: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM access.role_bindings WHERE principal_id = $1)",
        )
        .bind(principal.as_uuid())
        .fetch_one(&mut *transaction)
        .await?;
        if !member {
            // Committed all the same: an admin finds the name, and need not type it.
            transaction.commit().await?;
            return Err(SignInError::NoRole(identity.name.to_owned()).into());
        }
        sqlx::query("DELETE FROM access.sessions WHERE expires_at < now()")
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO access.sessions (id, secret_hash, principal_id, expires_at) \
             VALUES ($1, $2, $3, now() + make_interval(secs => $4))",
        )
        .bind(Uuid::now_v7())
        .bind(secret.hash().as_slice())
        .bind(principal.as_uuid())
        .bind(lives.as_secs_f64())
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// The session of a secret's hash that is not over.
    pub(crate) async fn session_by_hash(
        &self,
        hash: &[u8; 32],
    ) -> Result<Option<KnownSession>, AccessError> {
        let row: Option<(Uuid, String, f64)> = sqlx::query_as(
            "SELECT s.principal_id, p.name, extract(epoch FROM s.expires_at - now())::float8 \
             FROM access.sessions s JOIN access.principals p ON p.id = s.principal_id \
             WHERE s.secret_hash = $1 AND s.expires_at > now()",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(principal, name, left)| KnownSession {
            principal: principal.into(),
            name,
            left: Duration::try_from_secs_f64(left).unwrap_or_default(),
        }))
    }

    /// Ends the session of a secret's hash.
    pub(crate) async fn end_session(&self, hash: &[u8; 32]) -> Result<(), AccessError> {
        sqlx::query("DELETE FROM access.sessions WHERE secret_hash = $1")
            .bind(hash.as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What `principal` is in the workspace named, or, if none is, in the first by name of those in which it
    /// has a role, `default` before all others.
    pub(crate) async fn membership(
        &self,
        principal: PrincipalId,
        workspace: Option<&str>,
    ) -> Result<Option<(WorkspaceId, Role)>, AccessError> {
        let member: Option<Member> = sqlx::query_as(
            "SELECT b.workspace_id, b.role FROM access.role_bindings b \
             JOIN access.workspaces w ON w.id = b.workspace_id \
             WHERE b.principal_id = $1 AND ($2::text IS NULL OR w.name = $2) \
             ORDER BY w.name <> $3, w.name LIMIT 1",
        )
        .bind(principal.as_uuid())
        .bind(workspace)
        .bind(crate::DEFAULT_WORKSPACE)
        .fetch_optional(&self.pool)
        .await?;
        Ok(member.and_then(|member| {
            let role = Role::from_proto(member.role.into())?;
            Some((WorkspaceId(member.workspace_id), role))
        }))
    }
}

/// The principal of a subject: known, or a person of the same name whom an admin has made, or a new one.
async fn find_or_create(
    transaction: &mut PgConnection,
    identity: &Identity<'_>,
) -> Result<PrincipalId, AccessError> {
    let known: Option<Uuid> = sqlx::query_scalar(
        "SELECT principal_id FROM access.identities WHERE issuer = $1 AND subject = $2",
    )
    .bind(identity.issuer)
    .bind(identity.subject)
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some(principal) = known {
        return Ok(principal.into());
    }
    let taken = || SignInError::NameTaken(identity.name.to_owned());
    if RESERVED.contains(&identity.name) {
        return Err(taken().into());
    }
    sqlx::query(
        "INSERT INTO access.principals (id, name, kind) VALUES ($1, $2, 1) ON CONFLICT (name) DO NOTHING",
    )
    .bind(PrincipalId::generate().as_uuid())
    .bind(identity.name)
    .execute(&mut *transaction)
    .await?;
    // Locked before it is asked, so that of two subjects with one name only the first is that person.
    let (principal, kind): (Uuid, i16) =
        sqlx::query_as("SELECT id, kind FROM access.principals WHERE name = $1 FOR UPDATE")
            .bind(identity.name)
            .fetch_one(&mut *transaction)
            .await?;
    let whose: Option<(String, String)> =
        sqlx::query_as("SELECT issuer, subject FROM access.identities WHERE principal_id = $1")
            .bind(principal)
            .fetch_optional(&mut *transaction)
            .await?;
    match whose {
        // Meanwhile, in another page of the same browser.
        Some((issuer, subject)) if issuer == identity.issuer && subject == identity.subject => {
            return Ok(principal.into());
        }
        None if kind == PERSON => {}
        _ => return Err(taken().into()),
    }
    sqlx::query(
        "INSERT INTO access.identities (issuer, subject, principal_id) VALUES ($1, $2, $3)",
    )
    .bind(identity.issuer)
    .bind(identity.subject)
    .bind(principal)
    .execute(transaction)
    .await?;
    Ok(principal.into())
}

/// Gives the roles of the groups, and takes those away that groups gave before and give no more. What an
/// admin gave stays.
async fn follow_groups(
    transaction: &mut PgConnection,
    identity: &Identity<'_>,
    principal: PrincipalId,
) -> Result<(), AccessError> {
    for workspace in identity.decided {
        let id: Option<i32> =
            sqlx::query_scalar("SELECT id FROM access.workspaces WHERE name = $1")
                .bind(workspace)
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(id) = id else {
            tracing::warn!(
                workspace,
                "groups give roles in a workspace that is not there"
            );
            continue;
        };
        let role = identity.roles.get(workspace).copied();
        let changed = match role {
            Some(role) => {
                sqlx::query(
                    "INSERT INTO access.role_bindings AS b (workspace_id, principal_id, role, by_groups) \
                     VALUES ($1, $2, $3, true) ON CONFLICT (workspace_id, principal_id) DO UPDATE \
                     SET role = excluded.role WHERE b.by_groups AND b.role <> excluded.role",
                )
                .bind(id)
                .bind(principal.as_uuid())
                .bind(role_number(role))
                .execute(&mut *transaction)
                .await?
            }
            None => {
                sqlx::query(
                    "DELETE FROM access.role_bindings \
                     WHERE workspace_id = $1 AND principal_id = $2 AND by_groups",
                )
                .bind(id)
                .bind(principal.as_uuid())
                .execute(&mut *transaction)
                .await?
            }
        };
        if changed.rows_affected() > 0 {
            let action = match role {
                Some(_) => AccessAction::GrantRole,
                None => AccessAction::RevokeRole,
            };
            let change = Change::of_role(action, identity.name, identity.name, role);
            record(transaction, WorkspaceId(id), change).await?;
        }
    }
    Ok(())
}
