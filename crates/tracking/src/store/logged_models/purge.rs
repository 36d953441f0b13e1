//! Removing logged models for good.

use std::time::Duration;

use herdbook_core::{ExperimentId, WorkspaceId};
use sqlx::AssertSqlSafe;

use super::Store;
use crate::{
    TrackingError,
    logged_model::ModelKey,
    quota::Usage,
    store::{
        artifacts::{self, HolderKey},
        usage,
    },
};

/// Models that are looked up at a time.
const AT_ONCE: i64 = 100;

/// What has rows of a logged model, beside its artifacts and itself.
const TABLES: [&str; 4] = [
    "logged_model_params",
    "logged_model_tags",
    "logged_model_metrics",
    "run_models",
];

impl Store {
    /// Removes some models of an experiment whose purge was started; whether there may be more.
    pub(crate) async fn purge_models_of(
        &self,
        workspace: WorkspaceId,
        experiment: ExperimentId,
    ) -> Result<bool, TrackingError> {
        let keys: Vec<i64> = sqlx::query_scalar(
            "SELECT model_key FROM tracking.logged_models \
             WHERE workspace_id = $1 AND experiment_id = $2 LIMIT $3",
        )
        .bind(workspace.0)
        .bind(experiment.0)
        .bind(AT_ONCE)
        .fetch_all(&self.pool)
        .await?;
        for key in &keys {
            self.remove_model(workspace, ModelKey(*key), false).await?;
        }
        Ok(!keys.is_empty())
    }

    /// Removes some models that were deleted at least `age` ago; whether there may be more.
    pub(crate) async fn purge_deleted_models(&self, age: Duration) -> Result<bool, TrackingError> {
        let found: Vec<(i32, i64)> = sqlx::query_as(
            "SELECT workspace_id, model_key FROM tracking.logged_models \
             WHERE deleted_at <= now() - make_interval(secs => $1) \
             ORDER BY deleted_at, model_key LIMIT $2",
        )
        .bind(age.as_secs_f64())
        .bind(AT_ONCE)
        .fetch_all(&self.pool)
        .await?;
        for (workspace, key) in &found {
            self.remove_model(WorkspaceId(*workspace), ModelKey(*key), true)
                .await?;
        }
        Ok(!found.is_empty())
    }

    async fn remove_model(
        &self,
        workspace: WorkspaceId,
        key: ModelKey,
        only_deleted: bool,
    ) -> Result<(), TrackingError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        // Whoever adds something waits here, and finds no model afterwards.
        let there: Option<i64> = sqlx::query_scalar(
            "SELECT model_key FROM tracking.logged_models \
             WHERE model_key = $1 AND (deleted_at IS NOT NULL OR NOT $2) FOR UPDATE",
        )
        .bind(key.0)
        .bind(only_deleted)
        .fetch_optional(&mut *transaction)
        .await?;
        if there.is_none() {
            // Another process does the same, or it was restored.
            return Ok(());
        }
        let bytes = artifacts::purge(&mut transaction, HolderKey::Model(key)).await?;
        for table in TABLES {
            // Safe: the name is one of ours.
            let delete = format!("DELETE FROM tracking.{table} WHERE model_key = $1");
            sqlx::query(AssertSqlSafe(delete))
                .bind(key.0)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("DELETE FROM tracking.logged_models WHERE model_key = $1")
            .bind(key.0)
            .execute(&mut *transaction)
            .await?;
        let gone = Usage {
            bytes: -bytes,
            ..Usage::default()
        };
        usage::count(&mut transaction, workspace, gone).await?;
        transaction.commit().await?;
        Ok(())
    }
}
