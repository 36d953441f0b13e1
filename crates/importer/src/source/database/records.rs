//! Experiments and logged models.

use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::{Database, double, integer, places, text};
use crate::{
    ImportError,
    record::{Experiment, LoggedModel, Measurement, Pairs, Point, model_status},
};

/// Logged models of a page.
const PAGE: usize = 200;

impl Database {
    pub(super) async fn read_experiments(&self) -> Result<Vec<Experiment>, ImportError> {
        let columns = self.schema.columns(
            "experiments",
            &[
                "experiment_id",
                "name",
                "lifecycle_stage",
                "creation_time:BIGINT",
            ],
        );
        let mut sql = format!("SELECT {columns} FROM experiments");
        let mut words = Vec::new();
        if self.schema.has("experiments", "workspace") {
            sql.push_str(" WHERE workspace = $1");
            words.push(self.workspace.clone());
        }
        sql.push_str(" ORDER BY experiments.experiment_id");
        let rows = self.rows(sql, &words).await?;
        let mut tags: HashMap<String, Pairs> = HashMap::new();
        if self.schema.has("experiment_tags", "key") {
            let columns = self
                .schema
                .columns("experiment_tags", &["experiment_id", "key", "value"]);
            for row in self
                .rows(format!("SELECT {columns} FROM experiment_tags"), &[])
                .await?
            {
                let tags = tags.entry(text(&row, 0)).or_default();
                tags.insert(text(&row, 1), text(&row, 2));
            }
        }
        let experiment = |row: &AnyRow| {
            let id = text(row, 0);
            Experiment {
                name: text(row, 1),
                deleted: text(row, 2) == "deleted",
                created: integer(row, 3),
                tags: tags.remove(&id).unwrap_or_default(),
                id,
            }
        };
        Ok(rows.iter().map(experiment).collect())
    }

    /// Logged models of an experiment after an id, and the last id if there may be more.
    pub(super) async fn logged_model_page(
        &self,
        experiment: String,
        after: String,
    ) -> Result<(Vec<LoggedModel>, Option<String>), ImportError> {
        let columns = self.schema.columns(
            "logged_models",
            &[
                "model_id",
                "experiment_id",
                "name",
                "model_type",
                "source_run_id",
                "status",
                "status_message",
                "creation_timestamp_ms:BIGINT",
                "lifecycle_stage",
                "artifact_location",
            ],
        );
        let sql = format!(
            "SELECT {columns} FROM logged_models WHERE experiment_id = CAST($1 AS INTEGER) AND model_id > $2 \
             ORDER BY model_id LIMIT {PAGE}"
        );
        let rows = self.rows(sql, &[experiment, after]).await?;
        let ids: Vec<String> = rows.iter().map(|row| text(row, 0)).collect();
        let mut params = self
            .pairs(
                "logged_model_params",
                ["model_id", "param_key", "param_value"],
                &ids,
            )
            .await?;
        let mut tags = self
            .pairs(
                "logged_model_tags",
                ["model_id", "tag_key", "tag_value"],
                &ids,
            )
            .await?;
        let mut measurements = self.measurements(&ids).await?;
        let model = |row: &AnyRow| {
            let id = text(row, 0);
            LoggedModel {
                experiment: text(row, 1),
                name: text(row, 2),
                kind: text(row, 3),
                run: text(row, 4),
                status: model_status(&text(row, 5)),
                status_message: text(row, 6),
                created: integer(row, 7),
                deleted: text(row, 8) == "deleted",
                artifacts: text(row, 9),
                params: params.remove(&id).unwrap_or_default(),
                tags: tags.remove(&id).unwrap_or_default(),
                measurements: measurements.remove(&id).unwrap_or_default(),
                id,
            }
        };
        let last = (ids.len() == PAGE).then(|| ids.last().cloned()).flatten();
        Ok((rows.iter().map(model).collect(), last))
    }

    async fn measurements(
        &self,
        models: &[String],
    ) -> Result<HashMap<String, Vec<Measurement>>, ImportError> {
        let mut found: HashMap<String, Vec<Measurement>> = HashMap::new();
        if models.is_empty() || !self.schema.has("logged_model_metrics", "metric_value") {
            return Ok(found);
        }
        let columns = self.schema.columns(
            "logged_model_metrics",
            &[
                "model_id",
                "run_id",
                "metric_name",
                "metric_value:DOUBLE PRECISION",
                "metric_step:BIGINT",
                "metric_timestamp_ms:BIGINT",
                "dataset_name",
                "dataset_digest",
            ],
        );
        let sql = format!(
            "SELECT {columns} FROM logged_model_metrics WHERE model_id IN ({}) \
             ORDER BY metric_timestamp_ms, metric_step, metric_name",
            places(1, models.len())
        );
        for row in self.rows(sql, models).await? {
            let dataset = (text(&row, 6), text(&row, 7));
            found.entry(text(&row, 0)).or_default().push(Measurement {
                run: text(&row, 1),
                key: text(&row, 2),
                point: Point {
                    value: double(&row, 3),
                    step: integer(&row, 4).unwrap_or_default(),
                    time: integer(&row, 5).unwrap_or_default(),
                },
                dataset: Some(dataset).filter(|(name, _)| !name.is_empty()),
            });
        }
        Ok(found)
    }

    /// Keys with values of the owners given, from a table with columns for owner, key and value; none if the
    /// database has no such table.
    pub(super) async fn pairs(
        &self,
        table: &str,
        columns: [&str; 3],
        owners: &[String],
    ) -> Result<HashMap<String, Pairs>, ImportError> {
        let mut found: HashMap<String, Pairs> = HashMap::new();
        if owners.is_empty() || !self.schema.has(table, columns[1]) {
            return Ok(found);
        }
        let sql = format!(
            "SELECT {} FROM {table} WHERE {} IN ({})",
            self.schema.columns(table, &columns),
            columns[0],
            places(1, owners.len())
        );
        for row in self.rows(sql, owners).await? {
            let pairs = found.entry(text(&row, 0)).or_default();
            pairs.insert(text(&row, 1), text(&row, 2));
        }
        Ok(found)
    }
}
