//! Policies: those of models, and those that models share.
//!
//! A model that uses a shared policy has a copy of it in its row, written in the transaction that saves the
//! policy: whoever locks the model has locked what it is moved by. The policy's row is locked first, then
//! those of its models in the order of their keys, then the workspace's revision.

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_proto::registry::v1::AuditAction;
use sqlx::{FromRow, PgConnection, types::Json};

use super::{
    Store,
    audit::append,
    models::{Model, lock, lock_users, record, seal},
};
use crate::{RegistryError, policy::Policy};

/// Models that an error names.
const USERS_SHOWN: i64 = 10;

/// A revision of a shared policy.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct SharedPolicy {
    pub(crate) name: String,
    pub(crate) revision: i64,
    pub(crate) policy: Json<Policy>,
    pub(crate) saved_by: String,
    pub(crate) saved_at: DateTime<Utc>,
    /// How many models use it.
    pub(crate) models: i64,
}

/// What saving a shared policy came to.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) now: SharedPolicy,
    pub(crate) before: Option<SharedPolicy>,
    pub(crate) changed: bool,
}

const COLUMNS: &str = "p.name, p.revision, p.policy, p.saved_by, p.saved_at, \
    (SELECT count(*) FROM registry.models AS m \
     WHERE m.workspace_id = p.workspace_id AND m.policy_name = p.name) AS models";

impl Store {
    /// Replaces a model's policy; `expected` is its revision unless 0.
    pub(crate) async fn set_policy(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
        policy: &Policy,
        expected: i64,
    ) -> Result<Model, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, name).await?;
        if expected != 0 && expected != model.policy_revision {
            return Err(RegistryError::Concurrent {
                what: format!("the policy of {name:?} was changed"),
                principal: model.changed_by,
                revision: model.policy_revision,
            });
        }
        check_stages_in_use(&mut transaction, &model, policy).await?;
        sqlx::query(
            "UPDATE registry.models \
             SET policy = $2, policy_revision = policy_revision + 1, policy_name = NULL \
             WHERE model_key = $1",
        )
        .bind(model.key)
        .bind(Json(policy))
        .execute(&mut *transaction)
        .await?;
        let mut record = record(AuditAction::SetPolicy, principal, name);
        record.details = serde_json::to_string(policy).unwrap_or_default();
        seal(&mut transaction, workspace, model.key, record).await?;
        transaction.commit().await?;
        self.committed();
        self.model(workspace, name).await
    }

    /// The shared policy of a name, or one of its revisions.
    pub(crate) async fn shared_policy(
        &self,
        workspace: WorkspaceId,
        name: &str,
        revision: Option<i64>,
    ) -> Result<SharedPolicy, RegistryError> {
        let found = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM registry.policy_revisions AS p \
             WHERE p.workspace_id = $1 AND p.name = $2 \
                 AND p.revision = coalesce($3, (SELECT revision FROM registry.policies AS now \
                     WHERE now.workspace_id = $1 AND now.name = $2))"
        )))
        .bind(workspace.0)
        .bind(name)
        .bind(revision)
        .fetch_optional(&self.pool)
        .await?;
        found.ok_or_else(|| missing(name))
    }

    /// Shared policies by name, after the name `after`.
    pub(crate) async fn shared_policies(
        &self,
        workspace: WorkspaceId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<SharedPolicy>, RegistryError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM registry.policies AS p \
             WHERE p.workspace_id = $1 AND p.name > $2 ORDER BY p.name LIMIT $3"
        )))
        .bind(workspace.0)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Revisions of a shared policy before the revision `before`, newest first.
    pub(crate) async fn policy_revisions(
        &self,
        workspace: WorkspaceId,
        name: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<SharedPolicy>, RegistryError> {
        Ok(sqlx::query_as(
            "SELECT name, revision, policy, saved_by, saved_at, 0::bigint AS models \
             FROM registry.policy_revisions \
             WHERE workspace_id = $1 AND name = $2 AND revision < $3 ORDER BY revision DESC LIMIT $4",
        )
        .bind(workspace.0)
        .bind(name)
        .bind(before)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Saves a shared policy, for all models that use it; `expected` is its revision unless 0. A dry run
    /// stops before anything is written.
    pub(crate) async fn apply_policy(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
        policy: &Policy,
        expected: i64,
        dry_run: bool,
    ) -> Result<Applied, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let before = lock_policy(&mut transaction, workspace, name).await?;
        let revision = before.as_ref().map_or(0, |before| before.revision);
        if expected != 0 && expected != revision {
            return Err(RegistryError::Concurrent {
                what: format!("the policy {name:?} was changed"),
                principal: before.map(|before| before.saved_by).unwrap_or_default(),
                revision,
            });
        }
        if let Some(same) = before.as_ref().filter(|before| before.policy.0 == *policy) {
            return Ok(Applied {
                now: same.clone(),
                before,
                changed: false,
            });
        }
        let users = lock_users(&mut transaction, workspace, name).await?;
        for model in &users {
            check_stages_in_use(&mut transaction, model, policy).await?;
        }
        let now: DateTime<Utc> = sqlx::query_scalar("SELECT clock_timestamp()")
            .fetch_one(&mut *transaction)
            .await?;
        let last = last_revision(&mut transaction, workspace, name).await?;
        let saved = SharedPolicy {
            name: name.to_owned(),
            revision: last + 1,
            policy: Json(policy.clone()),
            saved_by: principal.to_owned(),
            saved_at: now,
            models: i64::try_from(users.len()).unwrap_or(i64::MAX),
        };
        if !dry_run {
            save(&mut transaction, workspace, &saved).await?;
            let mut record = record(AuditAction::ApplyPolicy, principal, "");
            record.details = serde_json::json!({
                "policy": name, "revision": saved.revision, "rules": policy,
            })
            .to_string();
            let record = append(&mut transaction, workspace, None, record).await?;
            sqlx::query(
                "UPDATE registry.models SET policy = $3, policy_revision = $4, revision = $5, \
                     changed_by = $6, updated_at = $7 \
                 WHERE workspace_id = $1 AND policy_name = $2",
            )
            .bind(workspace.0)
            .bind(name)
            .bind(&saved.policy)
            .bind(saved.revision)
            .bind(record.revision)
            .bind(principal)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            self.committed();
        }
        Ok(Applied {
            now: saved,
            before,
            changed: true,
        })
    }

    /// Deletes a shared policy that no model uses.
    pub(crate) async fn delete_policy(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
    ) -> Result<(), RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let shared = lock_policy(&mut transaction, workspace, name).await?;
        let shared = shared.ok_or_else(|| missing(name))?;
        let users: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM registry.models WHERE workspace_id = $1 AND policy_name = $2 \
             ORDER BY name LIMIT $3",
        )
        .bind(workspace.0)
        .bind(name)
        .bind(USERS_SHOWN)
        .fetch_all(&mut *transaction)
        .await?;
        if !users.is_empty() {
            let mut models = users.join(", ");
            let more = shared.models - users.len() as i64;
            if more > 0 {
                models += &format!(" and {more} more");
            }
            return Err(RegistryError::PolicyInUse {
                policy: shared.name,
                models,
            });
        }
        sqlx::query("DELETE FROM registry.policies WHERE workspace_id = $1 AND name = $2")
            .bind(workspace.0)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        let mut record = record(AuditAction::DeletePolicy, principal, "");
        record.details =
            serde_json::json!({ "policy": name, "revision": shared.revision }).to_string();
        append(&mut transaction, workspace, None, record).await?;
        transaction.commit().await?;
        self.committed();
        Ok(())
    }

    /// Makes a model use a shared policy.
    pub(crate) async fn use_policy(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        model: &str,
        name: &str,
    ) -> Result<Model, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let shared = lock_policy(&mut transaction, workspace, name).await?;
        let shared = shared.ok_or_else(|| missing(name))?;
        let model = lock(&mut transaction, workspace, model).await?;
        check_stages_in_use(&mut transaction, &model, &shared.policy).await?;
        sqlx::query(
            "UPDATE registry.models SET policy = $2, policy_revision = $3, policy_name = $4 \
             WHERE model_key = $1",
        )
        .bind(model.key)
        .bind(&shared.policy)
        .bind(shared.revision)
        .bind(name)
        .execute(&mut *transaction)
        .await?;
        let mut record = record(AuditAction::SetPolicy, principal, &model.name);
        record.details =
            serde_json::json!({ "policy": name, "revision": shared.revision }).to_string();
        seal(&mut transaction, workspace, model.key, record).await?;
        transaction.commit().await?;
        self.committed();
        self.model(workspace, &model.name).await
    }
}

fn missing(name: &str) -> RegistryError {
    RegistryError::PolicyNotFound(name.chars().take(255).collect())
}

/// The last revision that there ever was of a shared policy; 0 if there was none.
async fn last_revision(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<i64, RegistryError> {
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT max(revision) FROM registry.policy_revisions WHERE workspace_id = $1 AND name = $2",
    )
    .bind(workspace.0)
    .bind(name)
    .fetch_one(transaction)
    .await?;
    Ok(last.unwrap_or_default())
}

/// The shared policy of a name, locked by the transaction at hand.
async fn lock_policy(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Option<SharedPolicy>, RegistryError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.policies AS p \
         WHERE p.workspace_id = $1 AND p.name = $2 FOR UPDATE OF p"
    )))
    .bind(workspace.0)
    .bind(name)
    .fetch_optional(transaction)
    .await?)
}

async fn save(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    saved: &SharedPolicy,
) -> Result<(), RegistryError> {
    // Where there was none to lock, another may have made it meanwhile: then nothing is written.
    let written = sqlx::query(
        "WITH head AS ( \
             INSERT INTO registry.policies AS p \
                 (workspace_id, name, revision, policy, saved_by, saved_at) \
             VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (workspace_id, name) DO UPDATE SET revision = excluded.revision, \
                 policy = excluded.policy, saved_by = excluded.saved_by, saved_at = excluded.saved_at \
             WHERE p.revision = excluded.revision - 1 \
             RETURNING p.workspace_id, p.name, p.revision, p.policy, p.saved_by, p.saved_at \
         ) \
         INSERT INTO registry.policy_revisions \
             (workspace_id, name, revision, policy, saved_by, saved_at) \
         SELECT workspace_id, name, revision, policy, saved_by, saved_at FROM head",
    )
    .bind(workspace.0)
    .bind(&saved.name)
    .bind(saved.revision)
    .bind(&saved.policy)
    .bind(&saved.saved_by)
    .bind(saved.saved_at)
    .execute(transaction)
    .await?;
    match written.rows_affected() {
        0 => Err(RegistryError::Concurrent {
            what: format!("the policy {:?} was made meanwhile", saved.name),
            principal: "somebody else".to_owned(),
            revision: saved.revision,
        }),
        _ => Ok(()),
    }
}

/// Refuses a policy that lacks a stage in which versions stand, or gives one a limit that it exceeds.
async fn check_stages_in_use(
    transaction: &mut PgConnection,
    model: &Model,
    policy: &Policy,
) -> Result<(), RegistryError> {
    let used: Vec<(String, i64)> = sqlx::query_as(
        "SELECT stage, count(*) FROM registry.versions WHERE model_key = $1 AND deleted_at IS NULL GROUP BY stage",
    )
    .bind(model.key)
    .fetch_all(transaction)
    .await?;
    for (name, count) in used {
        let stage = policy.stages.iter().find(|stage| stage.name == name);
        let problem = match stage {
            None => format!(
                "{count} versions of {:?} stand in {name:?}, which the policy lacks; move them first",
                model.name
            ),
            Some(stage) => match stage.limit() {
                Some(limit) if usize::try_from(count).is_ok_and(|count| count > limit) => {
                    format!(
                        "{count} versions of {:?} stand in {name:?}, which is to hold {limit}; move the \
                         others first",
                        model.name
                    )
                }
                _ => continue,
            },
        };
        return Err(RegistryError::StageInUse(problem));
    }
    Ok(())
}
