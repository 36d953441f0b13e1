//! Models, their policies and aliases.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_postgres::DatabaseError;
use herdbook_proto::registry::v1::{AuditAction, AuditRecord};
use sqlx::{FromRow, PgConnection, PgExecutor, types::Json};

use super::{Store, audit::append};
use crate::{
    RegistryError,
    card::Card,
    policy::Policy,
    search::Key,
    version::{Pairs, Version},
};

/// A model.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Model {
    #[sqlx(rename = "model_key")]
    pub(crate) key: i64,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) tags: Json<Pairs>,
    pub(crate) policy: Json<Policy>,
    pub(crate) policy_revision: i64,
    /// The shared policy that it uses; `None` if its policy is its own.
    pub(crate) policy_name: Option<String>,
    /// Number of the newest version; 0 if there is none.
    pub(crate) latest_version: i64,
    /// The largest number that was ever given to a version.
    pub(crate) last_number: i64,
    /// Numbers up to this one were given to versions of models that had the name before.
    pub(crate) numbers_after: i64,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) revision: i64,
    pub(crate) changed_by: String,
    pub(crate) owners: Vec<String>,
    pub(crate) card: Json<Card>,
}

/// A model to be created.
#[derive(Debug)]
pub(crate) struct NewModel {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) tags: Pairs,
    pub(crate) owners: Vec<String>,
    pub(crate) card: Card,
    /// Now if it is not given.
    pub(crate) created_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "model_key, name, description, tags, policy, policy_revision, policy_name, \
    latest_version, greatest(last_number, latest_version) AS last_number, numbers_after, \
    created_by, created_at, updated_at, revision, changed_by, card, \
    CASE owners WHEN '{}' THEN ARRAY[created_by] ELSE owners END AS owners";

/// What stands where in a model `m`, as [`Contents`] has it.
const CONTENTS: &str = "\
    coalesce((SELECT jsonb_object_agg(stage, numbers) FROM ( \
        SELECT s ->> 'name' AS stage, (SELECT jsonb_agg(number ORDER BY number) FROM ( \
            SELECT number FROM registry.versions AS v \
            WHERE v.model_key = m.model_key AND v.stage = s ->> 'name' \
            ORDER BY number DESC LIMIT 100) AS newest) AS numbers \
        FROM jsonb_array_elements(m.policy -> 'stages') AS s) AS held \
        WHERE numbers IS NOT NULL), '{}') AS stages, \
    coalesce((SELECT jsonb_object_agg(alias, number) FROM registry.aliases AS a \
        WHERE a.model_key = m.model_key), '{}') AS aliases";

/// What stands where in a model, and what its aliases point at.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Contents {
    /// Numbers by stage, the newest hundred of each.
    pub(crate) stages: Json<BTreeMap<String, Vec<i64>>>,
    /// Numbers by alias.
    pub(crate) aliases: Json<BTreeMap<String, i64>>,
}

/// A model by its name.
pub(super) async fn find(
    executor: impl PgExecutor<'_>,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Model, RegistryError> {
    let model = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.models \
         WHERE workspace_id = $1 AND name = $2 AND deleted_at IS NULL"
    )))
    .bind(workspace.0)
    .bind(name)
    .fetch_optional(executor)
    .await?;
    model.ok_or_else(|| RegistryError::ModelNotFound(name.chars().take(255).collect()))
}

/// A model with its contents, all read at once: what stands where is of the model's revision.
#[derive(FromRow)]
struct WholeRow {
    #[sqlx(flatten)]
    model: Model,
    #[sqlx(flatten)]
    contents: Contents,
}

#[derive(FromRow)]
struct ContentsRow {
    model_key: i64,
    #[sqlx(flatten)]
    contents: Contents,
}

/// A model whose row the transaction at hand has locked.
pub(super) async fn lock(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Model, RegistryError> {
    let mut named = lock_named(transaction, workspace, &[name]).await?;
    let model = named.remove(name);
    model.ok_or_else(|| RegistryError::ModelNotFound(name.to_owned()))
}

/// The models of some names that there are, by name; the transaction at hand has locked their rows.
pub(super) async fn lock_named(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    names: &[&str],
) -> Result<HashMap<String, Model>, RegistryError> {
    let models: Vec<Model> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.models \
         WHERE workspace_id = $1 AND name = ANY($2) AND deleted_at IS NULL \
         ORDER BY model_key FOR UPDATE"
    )))
    .bind(workspace.0)
    .bind(names)
    .fetch_all(transaction)
    .await?;
    let by_name = models.into_iter().map(|model| (model.name.clone(), model));
    Ok(by_name.collect())
}

/// The models that use a shared policy, in the order of their keys; the transaction at hand has locked
/// their rows.
pub(super) async fn lock_users(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    policy: &str,
) -> Result<Vec<Model>, RegistryError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.models WHERE workspace_id = $1 AND policy_name = $2 \
         ORDER BY model_key FOR UPDATE"
    )))
    .bind(workspace.0)
    .bind(policy)
    .fetch_all(transaction)
    .await?)
}

/// The models with some keys.
pub(super) async fn read_many(
    connection: &mut PgConnection,
    keys: &[i64],
) -> Result<Vec<Model>, RegistryError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.models WHERE model_key = ANY($1) AND deleted_at IS NULL"
    )))
    .bind(keys)
    .fetch_all(connection)
    .await?)
}

/// Appends the record of a change to `model` and notes its revision.
pub(super) async fn seal(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    model: i64,
    record: AuditRecord,
) -> Result<AuditRecord, RegistryError> {
    let record = append(transaction, workspace, Some(model), record).await?;
    sqlx::query(
        "UPDATE registry.models SET revision = $2, changed_by = $3, updated_at = clock_timestamp() \
         WHERE model_key = $1",
    )
    .bind(model)
    .bind(record.revision)
    .bind(&record.principal)
    .execute(transaction)
    .await?;
    Ok(record)
}

/// What was set of tags, and `null` for each that was removed.
pub(super) fn changed_tags<'a>(
    before: &'a Pairs,
    after: &'a Pairs,
) -> BTreeMap<&'a str, Option<&'a str>> {
    let set = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| (key.as_str(), Some(value.as_str())));
    let removed = before.keys().filter(|key| !after.contains_key(*key));
    set.chain(removed.map(|key| (key.as_str(), None))).collect()
}

/// A record about a model, to be completed.
pub(super) fn record(action: AuditAction, principal: &str, model: &str) -> AuditRecord {
    AuditRecord {
        action: action.into(),
        principal: principal.to_owned(),
        model: model.to_owned(),
        ..Default::default()
    }
}

impl Store {
    pub(crate) async fn create_model(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        new: &NewModel,
    ) -> Result<Model, RegistryError> {
        let name = new.name.as_str();
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let key: Result<i64, _> = sqlx::query_scalar(
            "INSERT INTO registry.models \
                 (workspace_id, name, description, tags, policy, created_by, changed_by, owners, card, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, coalesce($9, now())) RETURNING model_key",
        )
        .bind(workspace.0)
        .bind(name)
        .bind(&new.description)
        .bind(Json(&new.tags))
        .bind(Json(Policy::default()))
        .bind(principal)
        .bind(&new.owners)
        .bind(Json(&new.card))
        .bind(new.created_at)
        .fetch_one(&mut *transaction)
        .await;
        let key = key.map_err(|error| {
            let error = DatabaseError::from(error);
            match error.unique_violation() {
                Some("models_name") => RegistryError::ModelExists(name.to_owned()),
                _ => error.into(),
            }
        })?;
        // Read once the name is this model's own: who gave it up has committed.
        sqlx::query(
            "UPDATE registry.models AS m SET last_number = f.last_number, numbers_after = f.last_number \
             FROM registry.former_names AS f \
             WHERE m.model_key = $1 AND f.workspace_id = m.workspace_id AND f.name = m.name",
        )
        .bind(key)
        .execute(&mut *transaction)
        .await?;
        let mut record = record(AuditAction::CreateModel, principal, name);
        record.details =
            serde_json::json!({ "description": new.description, "tags": new.tags }).to_string();
        seal(&mut transaction, workspace, key, record).await?;
        transaction.commit().await?;
        self.committed();
        self.model(workspace, name).await
    }

    pub(crate) async fn model(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<Model, RegistryError> {
        find(&self.pool, workspace, name).await
    }

    /// A model with its contents, as both are at one revision.
    pub(crate) async fn whole_model(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<(Model, Contents), RegistryError> {
        let row: Option<WholeRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS}, {CONTENTS} FROM registry.models AS m \
             WHERE workspace_id = $1 AND name = $2 AND deleted_at IS NULL"
        )))
        .bind(workspace.0)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        let missing = || RegistryError::ModelNotFound(name.chars().take(255).collect());
        let row = row.ok_or_else(missing)?;
        Ok((row.model, row.contents))
    }

    /// Models by name, after the name `after`.
    pub(crate) async fn models(
        &self,
        workspace: WorkspaceId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<Model>, RegistryError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM registry.models \
             WHERE workspace_id = $1 AND name > $2 AND deleted_at IS NULL \
             ORDER BY name LIMIT $3"
        )))
        .bind(workspace.0)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?)
    }

    /// What stands where in each of `models`, by their keys.
    pub(crate) async fn contents(
        &self,
        models: &[i64],
    ) -> Result<BTreeMap<i64, Contents>, RegistryError> {
        let rows: Vec<ContentsRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT model_key, {CONTENTS} FROM registry.models AS m WHERE model_key = ANY($1)"
        )))
        .bind(models)
        .fetch_all(&self.pool)
        .await?;
        let by_model = rows.into_iter().map(|row| (row.model_key, row.contents));
        Ok(by_model.collect())
    }

    /// The aliases of versions, in the order of the alphabet.
    pub(crate) async fn aliases_of(
        &self,
        keys: &[Key],
    ) -> Result<HashMap<Key, Vec<String>>, RegistryError> {
        let models: Vec<i64> = keys.iter().map(|(model, _)| *model).collect();
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT model_key, alias, number FROM registry.aliases WHERE model_key = ANY($1) ORDER BY alias",
        )
        .bind(models)
        .fetch_all(&self.pool)
        .await?;
        let mut aliases: HashMap<Key, Vec<String>> = HashMap::new();
        for (model, alias, number) in rows {
            aliases.entry((model, number)).or_default().push(alias);
        }
        Ok(aliases)
    }

    /// The aliases of a version, in the order of the alphabet.
    pub(crate) async fn aliases_of_version(
        &self,
        workspace: WorkspaceId,
        version: &Version,
    ) -> Result<Vec<String>, RegistryError> {
        Ok(sqlx::query_scalar(
            "SELECT alias FROM registry.aliases JOIN registry.models USING (model_key) \
             WHERE workspace_id = $1 AND name = $2 AND number = $3 ORDER BY alias",
        )
        .bind(workspace.0)
        .bind(&version.model)
        .bind(version.number)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Changes what people may change of a model.
    pub(crate) async fn update_model(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
        change: impl FnOnce(&mut Model),
    ) -> Result<Model, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let mut model = lock(&mut transaction, workspace, name).await?;
        let tags = model.tags.0.clone();
        change(&mut model);
        sqlx::query(
            "UPDATE registry.models SET description = $2, tags = $3, owners = $4, card = $5 \
             WHERE model_key = $1",
        )
        .bind(model.key)
        .bind(&model.description)
        .bind(&model.tags)
        .bind(&model.owners)
        .bind(&model.card)
        .execute(&mut *transaction)
        .await?;
        let mut record = record(AuditAction::UpdateModel, principal, name);
        record.details = serde_json::json!({
            "description": model.description, "tags": model.tags.0,
            "owners": model.owners, "card": model.card.0, "changed_tags": changed_tags(&tags, &model.tags.0)
        })
        .to_string();
        seal(&mut transaction, workspace, model.key, record).await?;
        transaction.commit().await?;
        self.committed();
        self.model(workspace, name).await
    }

    /// Points an alias at a version, or removes it.
    pub(crate) async fn set_alias(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        name: &str,
        alias: &str,
        number: Option<i64>,
    ) -> Result<Model, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, name).await?;
        let done = match number {
            Some(number) => sqlx::query(
                "INSERT INTO registry.aliases (model_key, alias, number) \
                 SELECT model_key, $2, number FROM registry.versions \
                 WHERE model_key = $1 AND number = $3 \
                 ON CONFLICT (model_key, alias) DO UPDATE SET number = excluded.number",
            )
            .bind(model.key)
            .bind(alias)
            .bind(number),
            None => sqlx::query("DELETE FROM registry.aliases WHERE model_key = $1 AND alias = $2")
                .bind(model.key)
                .bind(alias),
        };
        if done.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(match number {
                Some(number) => RegistryError::VersionNotFound(format!("{name}/{number}")),
                None => RegistryError::AliasNotFound {
                    model: name.into(),
                    alias: alias.into(),
                },
            });
        }
        let mut record = record(AuditAction::SetAlias, principal, name);
        record.version = number.unwrap_or_default();
        record.details = serde_json::json!({ "alias": alias, "version": number }).to_string();
        seal(&mut transaction, workspace, model.key, record).await?;
        transaction.commit().await?;
        self.committed();
        self.model(workspace, name).await
    }
}
