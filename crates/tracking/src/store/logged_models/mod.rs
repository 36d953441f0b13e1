//! Logged models: one row each; params, tags and metrics in narrow tables, of which a page reads what it shows.

mod condition;
mod facts;
mod links;
mod purge;
pub(crate) mod search;

use chrono::{DateTime, Utc};
use herdbook_core::{ExperimentId, LoggedModelId, RunId, WorkspaceId};
use herdbook_postgres::DatabaseError;
use sqlx::{FromRow, PgConnection};

pub(super) use links::models_of;

use super::Store;
use crate::{
    TrackingError,
    logged_model::{LoggedModel, ModelKey, ModelStatus},
    pedigree,
    run::Pairs,
};

/// The columns of a logged model, as [`Row`] reads them.
const COLUMNS: &str = "m.model_key, m.id, m.experiment_id, m.name, m.type AS kind, m.source_run_id, m.status, \
    m.status_message, m.created_at, m.updated_at, m.deleted_at IS NOT NULL AS deleted";

#[derive(FromRow)]
struct Row {
    model_key: i64,
    id: String,
    experiment_id: i64,
    name: String,
    kind: String,
    source_run_id: Option<String>,
    status: i16,
    status_message: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deleted: bool,
}

impl Row {
    /// The model without its params, tags and metrics; `None` if its id is none.
    fn read(self) -> Option<(ModelKey, LoggedModel)> {
        let model = LoggedModel {
            id: self.id.parse().ok()?,
            experiment: ExperimentId(self.experiment_id),
            name: self.name,
            kind: self.kind,
            source_run: self.source_run_id.and_then(|id| id.parse().ok()),
            status: ModelStatus::from_number(self.status.into())
                .unwrap_or(ModelStatus::Unspecified),
            status_message: self.status_message,
            params: Pairs::new(),
            tags: Pairs::new(),
            metrics: Vec::new(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted: self.deleted,
        };
        Some((ModelKey(self.model_key), model))
    }
}

/// What of a logged model people may change; what is absent stays.
#[derive(Debug, Default)]
pub(crate) struct ModelChange {
    pub(crate) status: Option<ModelStatus>,
    pub(crate) status_message: Option<String>,
}

impl Store {
    /// Creates a logged model, and tells lineage of it.
    pub(crate) async fn create_logged_model(
        &self,
        workspace: WorkspaceId,
        model: &LoggedModel,
    ) -> Result<(), TrackingError> {
        self.ensure_workspace(workspace).await?;
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let key: Result<Option<i64>, _> = sqlx::query_scalar(
            "INSERT INTO tracking.logged_models (id, workspace_id, experiment_id, name, type, \
                 source_run_id, status, status_message, created_at, updated_at) \
             SELECT $2, workspace_id, id, $4, $5, $6, $7, $8, $9, $9 FROM tracking.experiments \
             WHERE workspace_id = $1 AND id = $3 AND deleted_at IS NULL RETURNING model_key",
        )
        .bind(workspace.0)
        .bind(model.id.to_string())
        .bind(model.experiment.0)
        .bind(&model.name)
        .bind(&model.kind)
        .bind(model.source_run.map(|run| run.to_string()))
        .bind(model.status.number())
        .bind(&model.status_message)
        .bind(model.created_at)
        .fetch_optional(&mut *transaction)
        .await;
        let key =
            key.map_err(DatabaseError::from)
                .map_err(|error| match error.unique_violation() {
                    Some(_) => TrackingError::LoggedModelTaken(model.id),
                    None => error.into(),
                })?;
        let Some(key) = key else {
            // Says that it is not there, if it is not.
            self.experiment(workspace, model.experiment).await?;
            return Err(TrackingError::ExperimentDeleted(model.experiment));
        };
        facts::add_params(&mut transaction, workspace, ModelKey(key), &model.params).await?;
        facts::set_tags(&mut transaction, workspace, ModelKey(key), &model.tags).await?;
        let told = pedigree::of_logged_model(model).encode();
        self.outbox.add(&mut transaction, workspace, &told).await?;
        transaction.commit().await?;
        self.outbox.wake();
        Ok(())
    }

    /// The logged model `id` whole, deleted or not.
    pub(crate) async fn logged_model(
        &self,
        workspace: WorkspaceId,
        id: LoggedModelId,
    ) -> Result<LoggedModel, TrackingError> {
        let key = self.model_key(workspace, id).await?;
        let mut found = self.logged_models(&[key]).await?;
        found
            .pop()
            .map(|(_, model)| model)
            .ok_or_else(|| TrackingError::LoggedModelNotFound(id.to_string()))
    }

    /// Those of `keys` that there are, whole, in their order.
    pub(crate) async fn logged_models(
        &self,
        keys: &[ModelKey],
    ) -> Result<Vec<(ModelKey, LoggedModel)>, TrackingError> {
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM unnest($1::bigint[]) WITH ORDINALITY AS w (model_key, number) \
             JOIN tracking.logged_models m USING (model_key) ORDER BY w.number"
        )))
        .bind(numbers(keys))
        .fetch_all(&self.pool)
        .await?;
        let mut models: Vec<_> = rows.into_iter().filter_map(Row::read).collect();
        self.fill(&mut models).await?;
        Ok(models)
    }

    /// The key of a logged model, deleted or not.
    pub(crate) async fn model_key(
        &self,
        workspace: WorkspaceId,
        id: LoggedModelId,
    ) -> Result<ModelKey, TrackingError> {
        Ok(self.model_state(workspace, id).await?.0)
    }

    /// The key of a logged model, and whether it is deleted.
    pub(crate) async fn model_state(
        &self,
        workspace: WorkspaceId,
        id: LoggedModelId,
    ) -> Result<(ModelKey, bool), TrackingError> {
        let row: Option<(i64, bool)> = sqlx::query_as(
            "SELECT model_key, deleted_at IS NOT NULL FROM tracking.logged_models \
             WHERE workspace_id = $1 AND id = $2",
        )
        .bind(workspace.0)
        .bind(id.to_string())
        .fetch_optional(&self.pool)
        .await?;
        row.map(|(key, deleted)| (ModelKey(key), deleted))
            .ok_or_else(|| TrackingError::LoggedModelNotFound(id.to_string()))
    }

    /// Writes what `change` has.
    pub(crate) async fn update_logged_model(
        &self,
        workspace: WorkspaceId,
        id: LoggedModelId,
        change: ModelChange,
    ) -> Result<LoggedModel, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let key = lock(&mut transaction, workspace, id).await?;
        sqlx::query(
            "UPDATE tracking.logged_models SET status = coalesce($2, status), \
                 status_message = coalesce($3, status_message), updated_at = clock_timestamp() \
             WHERE model_key = $1",
        )
        .bind(key.0)
        .bind(change.status.map(ModelStatus::number))
        .bind(change.status_message)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        self.logged_model(workspace, id).await
    }

    /// Adds params and tags, all or none of them.
    pub(crate) async fn log_to_model(
        &self,
        workspace: WorkspaceId,
        id: LoggedModelId,
        params: &Pairs,
        tags: &Pairs,
    ) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let key = lock(&mut transaction, workspace, id).await?;
        if let Some((key, old)) =
            facts::add_params(&mut transaction, workspace, key, params).await?
        {
            let new = params.get(&key).cloned().unwrap_or_default();
            return Err(TrackingError::LoggedModelParamChanged {
                model: id,
                key,
                old,
                new,
            });
        }
        facts::set_tags(&mut transaction, workspace, key, tags).await?;
        touch(&mut transaction, key).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Removes tags; how many there were.
    pub(crate) async fn delete_model_tags(
        &self,
        workspace: WorkspaceId,
        id: LoggedModelId,
        keys: &[String],
    ) -> Result<u64, TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let key = lock(&mut transaction, workspace, id).await?;
        let deleted = facts::delete_tags(&mut transaction, key, keys).await?;
        if deleted > 0 {
            touch(&mut transaction, key).await?;
        }
        transaction.commit().await?;
        Ok(deleted)
    }

    /// Deletes or restores a logged model.
    pub(crate) async fn set_logged_model_deleted(
        &self,
        workspace: WorkspaceId,
        id: LoggedModelId,
        deleted: bool,
    ) -> Result<(), TrackingError> {
        let changed = sqlx::query(
            "UPDATE tracking.logged_models SET updated_at = now(), \
                 deleted_at = CASE WHEN $3 THEN coalesce(deleted_at, now()) END \
             WHERE workspace_id = $1 AND id = $2",
        )
        .bind(workspace.0)
        .bind(id.to_string())
        .bind(deleted)
        .execute(&self.pool)
        .await?;
        match changed.rows_affected() {
            0 => Err(TrackingError::LoggedModelNotFound(id.to_string())),
            _ => Ok(()),
        }
    }
}

/// Locks a logged model that may be written to, as all do that change it.
async fn lock(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    id: LoggedModelId,
) -> Result<ModelKey, TrackingError> {
    let row: Option<(i64, bool)> = sqlx::query_as(
        "SELECT model_key, deleted_at IS NOT NULL FROM tracking.logged_models \
         WHERE workspace_id = $1 AND id = $2 FOR NO KEY UPDATE",
    )
    .bind(workspace.0)
    .bind(id.to_string())
    .fetch_optional(transaction)
    .await?;
    match row {
        Some((key, false)) => Ok(ModelKey(key)),
        Some((_, true)) => Err(TrackingError::LoggedModelDeleted(id)),
        None => Err(TrackingError::LoggedModelNotFound(id.to_string())),
    }
}

async fn touch(transaction: &mut PgConnection, key: ModelKey) -> Result<(), TrackingError> {
    sqlx::query(
        "UPDATE tracking.logged_models SET updated_at = clock_timestamp() WHERE model_key = $1",
    )
    .bind(key.0)
    .execute(transaction)
    .await?;
    Ok(())
}

fn numbers(keys: &[ModelKey]) -> Vec<i64> {
    keys.iter().map(|key| key.0).collect()
}

/// The keys of models that may be written to, in the order of `ids`.
async fn active_keys(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &[LoggedModelId],
) -> Result<Vec<(ModelKey, Option<RunId>)>, TrackingError> {
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    // By a lock that lets others write too, but nobody purge.
    let rows: Vec<(String, i64, Option<String>, bool)> = sqlx::query_as(
        "SELECT id, model_key, source_run_id, deleted_at IS NOT NULL FROM tracking.logged_models \
         WHERE workspace_id = $1 AND id = ANY($2) ORDER BY model_key FOR KEY SHARE",
    )
    .bind(workspace.0)
    .bind(&texts)
    .fetch_all(transaction)
    .await?;
    let found: std::collections::HashMap<_, _> = rows
        .into_iter()
        .map(|(id, key, source, deleted)| (id, (key, source, deleted)))
        .collect();
    let key = |(id, text): (&LoggedModelId, &String)| match found.get(text) {
        Some((key, source, false)) => {
            let source = source.as_ref().and_then(|run| run.parse().ok());
            Ok((ModelKey(*key), source))
        }
        Some((_, _, true)) => Err(TrackingError::LoggedModelDeleted(*id)),
        None => Err(TrackingError::LoggedModelNotFound(text.clone())),
    };
    ids.iter().zip(&texts).map(key).collect()
}
