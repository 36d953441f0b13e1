//! Versions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_blobs::References;
use herdbook_core::{Digest, RunId, WorkspaceId};
use herdbook_postgres::DatabaseError;
use herdbook_proto::registry::v1::AuditAction;
use sqlx::{FromRow, PgConnection, PgExecutor, types::Json};
use uuid::Uuid;

use super::{
    Store,
    models::{Model, changed_tags, lock, record, seal},
};
use crate::{
    RegistryError,
    card::Card,
    pedigree,
    schema::Schema,
    version::{File, Pairs, Version},
};

pub(super) const COLUMNS: &str = "number, label, stage, description, tags, source, run_id, based_on, files, digest, \
    params, metric_keys, metric_values, created_by, created_at, updated_at, stage_since, revision, \
    flavor, io_schema, card, logged_model, external";

#[derive(FromRow)]
pub(super) struct Row {
    pub(super) number: i64,
    label: String,
    stage: String,
    description: String,
    tags: Json<Pairs>,
    source: String,
    run_id: Option<Uuid>,
    based_on: Vec<String>,
    files: Json<Vec<File>>,
    digest: Vec<u8>,
    params: Json<Pairs>,
    metric_keys: Vec<String>,
    metric_values: Vec<f64>,
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    stage_since: DateTime<Utc>,
    revision: i64,
    flavor: String,
    io_schema: Option<Json<Schema>>,
    card: Json<Card>,
    logged_model: String,
    external: bool,
}

/// A version with the key of its model.
#[derive(FromRow)]
pub(super) struct WithModel {
    pub(super) model_key: i64,
    #[sqlx(flatten)]
    pub(super) version: Row,
}

impl Row {
    pub(super) fn of(self, model: &Model) -> Result<Version, RegistryError> {
        Ok(Version {
            model: model.name.clone(),
            number: self.number,
            label: self.label,
            stage: self.stage,
            description: self.description,
            tags: self.tags.0,
            source: self.source,
            run: self.run_id.map(RunId::from),
            logged_model: self.logged_model,
            external: self.external,
            based_on: self.based_on,
            files: self.files.0,
            digest: Digest::try_from(self.digest.as_slice()).map_err(|_| RegistryError::Damaged)?,
            params: self.params.0,
            metrics: self
                .metric_keys
                .into_iter()
                .zip(self.metric_values)
                .collect(),
            created_by: self.created_by,
            created_at: self.created_at,
            updated_at: self.updated_at,
            stage_since: self.stage_since,
            revision: self.revision,
            flavor: self.flavor,
            schema: self.io_schema.map(|schema| schema.0),
            card: self.card.over(&model.card),
            own_card: self.card.0,
            owners: model.owners.clone(),
        })
    }
}

/// A version of a model that the transaction at hand has locked.
pub(super) async fn read(
    connection: &mut PgConnection,
    model: &Model,
    number: i64,
) -> Result<Version, RegistryError> {
    let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.versions \
         WHERE model_key = $1 AND number = $2 AND deleted_at IS NULL"
    )))
    .bind(model.key)
    .bind(number)
    .fetch_optional(connection)
    .await?;
    let missing = || RegistryError::VersionNotFound(format!("{}/{number}", model.name));
    row.ok_or_else(missing)?.of(model)
}

/// Versions without their files, with the keys of their models, which are given.
pub(super) async fn read_many(
    connection: &mut PgConnection,
    keys: &[(i64, i64)],
    models: &BTreeMap<i64, Model>,
) -> Result<Vec<((i64, i64), Version)>, RegistryError> {
    let columns = COLUMNS.replacen("files,", "'[]'::jsonb AS files,", 1);
    let (of_models, numbers): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
    let rows: Vec<WithModel> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT model_key, {columns} FROM registry.versions \
         JOIN unnest($1::bigint[], $2::bigint[]) AS k (model_key, number) USING (model_key, number) \
         WHERE deleted_at IS NULL"
    )))
    .bind(of_models)
    .bind(numbers)
    .fetch_all(connection)
    .await?;
    let read = |row: WithModel| {
        let model = models.get(&row.model_key).ok_or(RegistryError::Damaged)?;
        Ok(((row.model_key, row.version.number), row.version.of(model)?))
    };
    rows.into_iter().map(read).collect()
}

/// Versions of a model before the number `before`, in one stage if it is named, newest first.
pub(super) async fn read_page(
    executor: impl PgExecutor<'_>,
    model: &Model,
    stage: &str,
    before: i64,
    limit: usize,
) -> Result<Vec<Version>, RegistryError> {
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.versions \
         WHERE model_key = $1 AND ($2 = '' OR stage = $2) AND number < $3 AND deleted_at IS NULL \
         ORDER BY number DESC LIMIT $4"
    )))
    .bind(model.key)
    .bind(stage)
    .bind(before)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(|row| row.of(model)).collect()
}

impl Store {
    /// Takes the references of a version that a version of Herdbook wrote which did not count; whether
    /// there was one.
    pub(crate) async fn count_version(&self) -> Result<bool, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let found: Option<(i64, i64, Json<Vec<File>>)> = sqlx::query_as(
            "SELECT model_key, number, files FROM registry.versions WHERE NOT counted \
             ORDER BY model_key, number LIMIT 1 FOR NO KEY UPDATE",
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((model, number, files)) = found else {
            return Ok(false);
        };
        sqlx::query(
            "UPDATE registry.versions SET counted = true WHERE model_key = $1 AND number = $2",
        )
        .bind(model)
        .bind(number)
        .execute(&mut *transaction)
        .await?;
        let mut references = References::default();
        files.iter().for_each(|file| references.adopt(file.blob()));
        references.apply(&mut transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Versions of a model before the number `before`, newest first.
    pub(crate) async fn versions(
        &self,
        model: &Model,
        stage: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<Version>, RegistryError> {
        read_page(&self.pool, model, stage, before, limit).await
    }

    /// Changes what people may change of a version.
    pub(crate) async fn update_version(
        &self,
        workspace: WorkspaceId,
        principal: &str,
        model: &str,
        number: i64,
        change: impl FnOnce(&mut Version),
    ) -> Result<Version, RegistryError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, model).await?;
        let mut version = read(&mut transaction, &model, number).await?;
        if model.policy.is_frozen(&version.stage) {
            return Err(RegistryError::Frozen {
                version: format!("{}/{number}", model.name),
                stage: version.stage,
            });
        }
        let tags = version.tags.clone();
        change(&mut version);
        let updated = sqlx::query(
            "UPDATE registry.versions \
             SET label = $3, description = $4, tags = $5, flavor = $6, io_schema = $7, card = $8, \
                 updated_at = clock_timestamp() \
             WHERE model_key = $1 AND number = $2",
        )
        .bind(model.key)
        .bind(number)
        .bind(&version.label)
        .bind(&version.description)
        .bind(Json(&version.tags))
        .bind(&version.flavor)
        .bind(version.schema.as_ref().map(Json))
        .bind(Json(&version.own_card))
        .execute(&mut *transaction)
        .await;
        updated.map_err(|error| {
            let error = DatabaseError::from(error);
            match error.unique_violation() {
                Some("versions_label") => RegistryError::LabelTaken {
                    model: model.name.clone(),
                    label: version.label.clone(),
                },
                _ => error.into(),
            }
        })?;
        let mut record = record(AuditAction::UpdateVersion, principal, &model.name);
        record.version = number;
        record.details = serde_json::json!({
            "label": version.label, "description": version.description, "tags": version.tags,
            "flavor": version.flavor, "schema": version.schema, "card": version.own_card,
            "changed_tags": changed_tags(&tags, &version.tags)
        })
        .to_string();
        let revision = seal(&mut transaction, workspace, model.key, record)
            .await?
            .revision;
        let version = set_revision(&mut transaction, &model, number, revision).await?;
        let told = pedigree::of_change(&version).encode();
        self.outbox.add(&mut transaction, workspace, &told).await?;
        transaction.commit().await?;
        self.committed();
        Ok(version)
    }
}

/// Notes the revision at which a version changed; the version as it is now.
async fn set_revision(
    transaction: &mut PgConnection,
    model: &Model,
    number: i64,
    revision: i64,
) -> Result<Version, RegistryError> {
    let row: Row = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "UPDATE registry.versions SET revision = $3 WHERE model_key = $1 AND number = $2 \
         RETURNING {COLUMNS}"
    )))
    .bind(model.key)
    .bind(number)
    .bind(revision)
    .fetch_one(transaction)
    .await?;
    row.of(model)
}
