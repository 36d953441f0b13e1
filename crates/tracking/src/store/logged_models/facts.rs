//! Params, tags and metrics of logged models.

use std::collections::HashMap;

use herdbook_core::{RunId, WorkspaceId};
use herdbook_filter::as_number;
use sqlx::{FromRow, PgConnection};

use super::{Store, active_keys, numbers};
use crate::{
    TrackingError,
    logged_model::{DatasetName, LoggedModel, Measurement, ModelKey},
    run::Pairs,
};

/// Measurements of a model that are shown with it.
const SHOWN: i64 = 1_000;

#[derive(FromRow)]
struct MetricRow {
    model_key: i64,
    run_id: String,
    key: String,
    value: f64,
    step: i64,
    time_us: i64,
    dataset_name: String,
    dataset_digest: String,
}

impl Store {
    /// Adds to models what stands in the narrow tables.
    pub(super) async fn fill(
        &self,
        models: &mut [(ModelKey, LoggedModel)],
    ) -> Result<(), TrackingError> {
        let keys: Vec<ModelKey> = models.iter().map(|(key, _)| *key).collect();
        let places: HashMap<i64, usize> = keys.iter().map(|key| key.0).zip(0..).collect();
        for table in ["logged_model_params", "logged_model_tags"] {
            // Safe: the name is one of ours.
            let rows: Vec<(i64, String, String)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT model_key, key, value FROM tracking.{table} WHERE model_key = ANY($1)"
            )))
            .bind(numbers(&keys))
            .fetch_all(&self.pool)
            .await?;
            for (model, key, value) in rows {
                if let Some((_, model)) = places.get(&model).and_then(|at| models.get_mut(*at)) {
                    let pairs = match table {
                        "logged_model_params" => &mut model.params,
                        _ => &mut model.tags,
                    };
                    pairs.insert(key, value);
                }
            }
        }
        let rows: Vec<MetricRow> = sqlx::query_as(
            "SELECT m.* FROM unnest($1::bigint[]) AS w (model_key) CROSS JOIN LATERAL ( \
                 SELECT model_key, run_id, key, value, step, time_us, dataset_name, dataset_digest \
                 FROM tracking.logged_model_metrics x WHERE x.model_key = w.model_key \
                 ORDER BY time_us DESC, step DESC, key DESC LIMIT $2) m \
             ORDER BY m.time_us, m.step, m.key",
        )
        .bind(numbers(&keys))
        .bind(SHOWN)
        .fetch_all(&self.pool)
        .await?;
        for row in rows {
            let model = places
                .get(&row.model_key)
                .and_then(|at| models.get_mut(*at));
            let (Some((_, model)), Ok(run)) = (model, row.run_id.parse()) else {
                continue;
            };
            model.metrics.push(Measurement {
                model: model.id,
                run,
                key: row.key,
                value: row.value,
                step: row.step,
                time_us: row.time_us,
                dataset: DatasetName {
                    name: row.dataset_name,
                    digest: row.dataset_digest,
                },
            });
        }
        Ok(())
    }

    /// Notes measurements by the run `run`; those that are there already stay.
    pub(crate) async fn add_measurements(
        &self,
        workspace: WorkspaceId,
        run: RunId,
        measured: &[Measurement],
    ) -> Result<(), TrackingError> {
        self.active_run(workspace, run).await?;
        fn column<'a, T>(measured: &'a [Measurement], of: impl Fn(&'a Measurement) -> T) -> Vec<T> {
            measured.iter().map(of).collect()
        }
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let models = column(measured, |m| m.model);
        let keys = active_keys(&mut transaction, workspace, &models).await?;
        // In the order of their key, so that those who send the same do not wait for each other in a ring.
        sqlx::query(
            "INSERT INTO tracking.logged_model_metrics (model_key, workspace_id, key, time_us, step, \
                 run_id, dataset_name, dataset_digest, value) \
             SELECT DISTINCT ON (model_key, key, time_us, step, dataset_name, dataset_digest) \
                 model_key, $1, key, time_us, step, $2, dataset_name, dataset_digest, value \
             FROM unnest($3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], \
                     $9::float8[]) \
                 AS n (model_key, key, time_us, step, dataset_name, dataset_digest, value) \
             ORDER BY model_key, key, time_us, step, dataset_name, dataset_digest \
             ON CONFLICT DO NOTHING",
        )
        .bind(workspace.0)
        .bind(run.to_string())
        .bind(keys.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
        .bind(column(measured, |m| m.key.as_str()))
        .bind(column(measured, |m| m.time_us))
        .bind(column(measured, |m| m.step))
        .bind(column(measured, |m| m.dataset.name.as_str()))
        .bind(column(measured, |m| m.dataset.digest.as_str()))
        .bind(column(measured, |m| m.value))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Adds params; one that is there with another value, and that value, if there is one.
pub(super) async fn add_params(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    model: ModelKey,
    params: &Pairs,
) -> Result<Option<(String, String)>, TrackingError> {
    if params.is_empty() {
        return Ok(None);
    }
    let (keys, values): (Vec<_>, Vec<_>) = params.iter().unzip();
    sqlx::query(
        "INSERT INTO tracking.logged_model_params (model_key, workspace_id, key, value, number) \
         SELECT $1, $2, key, value, number \
         FROM unnest($3::text[], $4::text[], $5::float8[]) AS n (key, value, number) \
         ON CONFLICT DO NOTHING",
    )
    .bind(model.0)
    .bind(workspace.0)
    .bind(&keys)
    .bind(&values)
    .bind(
        values
            .iter()
            .map(|value| as_number(value))
            .collect::<Vec<_>>(),
    )
    .execute(&mut *transaction)
    .await?;
    Ok(sqlx::query_as(
        "SELECT p.key, p.value FROM tracking.logged_model_params p \
         JOIN unnest($2::text[], $3::text[]) AS n (key, value) ON n.key = p.key AND n.value <> p.value \
         WHERE p.model_key = $1 LIMIT 1",
    )
    .bind(model.0)
    .bind(&keys)
    .bind(&values)
    .fetch_optional(transaction)
    .await?)
}

/// Writes tags over those that are there.
pub(super) async fn set_tags(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
    model: ModelKey,
    tags: &Pairs,
) -> Result<(), TrackingError> {
    if tags.is_empty() {
        return Ok(());
    }
    let (keys, values): (Vec<_>, Vec<_>) = tags.iter().unzip();
    sqlx::query(
        "INSERT INTO tracking.logged_model_tags (model_key, workspace_id, key, value) \
         SELECT $1, $2, key, value FROM unnest($3::text[], $4::text[]) AS n (key, value) \
         ON CONFLICT (model_key, key) DO UPDATE SET value = excluded.value",
    )
    .bind(model.0)
    .bind(workspace.0)
    .bind(&keys)
    .bind(&values)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Removes tags; how many there were.
pub(super) async fn delete_tags(
    transaction: &mut PgConnection,
    model: ModelKey,
    keys: &[String],
) -> Result<u64, TrackingError> {
    let deleted = sqlx::query(
        "DELETE FROM tracking.logged_model_tags WHERE model_key = $1 AND key = ANY($2)",
    )
    .bind(model.0)
    .bind(keys)
    .execute(transaction)
    .await?;
    Ok(deleted.rows_affected())
}
