//! Runs and their points.

use std::collections::{BTreeMap, HashMap};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sqlx::{AssertSqlSafe, any::AnyRow};

use super::{Database, Records, double, failed, integer, places, text};
use crate::{
    ImportError,
    record::{Input, Point, Points, Run, run_status},
};

/// Runs of a page.
pub(super) const PAGE: usize = 500;
/// Rows of points that are read at a time.
const CHUNK: usize = 4_096;

/// What runs used and made.
#[derive(Default)]
struct Links {
    inputs: HashMap<String, Vec<Input>>,
    used: HashMap<String, Vec<String>>,
    made: HashMap<String, Vec<(String, i64)>>,
}

impl Database {
    /// The ids of all runs of an experiment: parents begin before their children.
    pub(super) async fn run_ids(&self, experiment: &str) -> Result<Vec<String>, ImportError> {
        let sql = "SELECT CAST(run_uuid AS VARCHAR) FROM runs WHERE experiment_id = CAST($1 AS INTEGER) \
                   ORDER BY start_time, run_uuid";
        let rows = self.rows(sql.to_owned(), &[experiment.to_owned()]).await?;
        Ok(rows.iter().map(|row| text(row, 0)).collect())
    }

    /// The runs with these ids, in their order.
    pub(super) async fn some_runs(&self, ids: Vec<String>) -> Result<Vec<Run>, ImportError> {
        let columns = self.schema.columns(
            "runs",
            &[
                "run_uuid",
                "experiment_id",
                "name",
                "user_id",
                "status",
                "start_time:BIGINT",
                "end_time:BIGINT",
                "lifecycle_stage",
                "artifact_uri",
            ],
        );
        let sql = format!(
            "SELECT {columns} FROM runs WHERE run_uuid IN ({}) ORDER BY start_time, run_uuid",
            places(1, ids.len())
        );
        let rows = self.rows(sql, &ids).await?;
        let mut params = self
            .pairs("params", ["run_uuid", "key", "value"], &ids)
            .await?;
        let mut tags = self
            .pairs("tags", ["run_uuid", "key", "value"], &ids)
            .await?;
        let mut latest = self.latest(&ids).await?;
        let mut links = self.links(&ids).await?;
        let run = |row: &AnyRow| {
            let id = text(row, 0);
            let tags = tags.remove(&id).unwrap_or_default();
            // Before 2.0 the name was a tag alone.
            let name = Some(text(row, 2)).filter(|name| !name.is_empty());
            let name = name.or_else(|| tags.get("mlflow.runName").cloned());
            Run {
                experiment: text(row, 1),
                name: name.unwrap_or_default(),
                user: text(row, 3),
                status: run_status(&text(row, 4)),
                started: integer(row, 5),
                ended: integer(row, 6),
                deleted: text(row, 7) == "deleted",
                artifacts: text(row, 8),
                params: params.remove(&id).unwrap_or_default(),
                latest: latest
                    .as_mut()
                    .map(|latest| latest.remove(&id).unwrap_or_default()),
                inputs: links.inputs.remove(&id).unwrap_or_default(),
                used: links.used.remove(&id).unwrap_or_default(),
                made: links.made.remove(&id).unwrap_or_default(),
                tags,
                id,
            }
        };
        Ok(rows.iter().map(run).collect())
    }

    /// The latest points by run and key; `None` where the database does not keep them, before 1.3.
    async fn latest(
        &self,
        runs: &[String],
    ) -> Result<Option<HashMap<String, BTreeMap<String, Point>>>, ImportError> {
        if !self.schema.has("latest_metrics", "value") {
            return Ok(None);
        }
        let mut found: HashMap<String, BTreeMap<String, Point>> = HashMap::new();
        if runs.is_empty() {
            return Ok(Some(found));
        }
        let sql = format!(
            "SELECT {}, CAST(run_uuid AS VARCHAR) FROM latest_metrics WHERE run_uuid IN ({})",
            self.point_columns("latest_metrics"),
            places(1, runs.len())
        );
        for row in self.rows(sql, runs).await? {
            let points = found.entry(text(&row, 5)).or_default();
            points.insert(text(&row, 0), point(&row));
        }
        Ok(Some(found))
    }

    fn point_columns(&self, table: &str) -> String {
        self.schema.columns(
            table,
            &[
                "key",
                "step:BIGINT",
                "timestamp:BIGINT",
                "value:DOUBLE PRECISION",
                "is_nan:INTEGER",
            ],
        )
    }

    /// All points of a run. Points with the same time and step come in the order of their values, as MLflow compares
    /// them for which is the latest.
    pub(super) fn read_points(&self, run: &str) -> Records<'_, Points> {
        let step = match self.schema.has("metrics", "step") {
            true => "metrics.step, ",
            false => "",
        };
        let sql = format!(
            "SELECT {} FROM metrics WHERE run_uuid = $1 \
             ORDER BY metrics.key, metrics.timestamp, {step}metrics.value",
            self.point_columns("metrics")
        );
        // The rows come as they are read: a run's points need not fit into memory.
        let query = sqlx::query(AssertSqlSafe(sql)).bind(run.to_owned());
        query
            .fetch(&self.pool)
            .map_err(failed)
            .try_chunks(CHUNK)
            .map_err(|error| error.1)
            .map_ok(|rows| stream::iter(by_key(rows).into_iter().map(Ok)))
            .try_flatten()
            .boxed()
    }

    async fn links(&self, runs: &[String]) -> Result<Links, ImportError> {
        let mut links = Links::default();
        if runs.is_empty() || !self.schema.has("inputs", "source_type") {
            return Ok(links);
        }
        let columns = self.schema.columns(
            "datasets",
            &[
                "name",
                "digest",
                "dataset_source_type",
                "dataset_source",
                "dataset_schema",
                "dataset_profile",
            ],
        );
        let sql = format!(
            "SELECT {columns}, CAST(inputs.destination_id AS VARCHAR), CAST(inputs.input_uuid AS VARCHAR) FROM inputs \
             JOIN datasets ON datasets.dataset_uuid = inputs.source_id \
             WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN' \
                AND inputs.destination_id IN ({}) ORDER BY inputs.input_uuid",
            places(1, runs.len())
        );
        let rows = self.rows(sql, runs).await?;
        let mut tags = HashMap::new();
        for some in rows.chunks(PAGE) {
            let ids: Vec<String> = some.iter().map(|row| text(row, 7)).collect();
            tags.extend(
                self.pairs("input_tags", ["input_uuid", "name", "value"], &ids)
                    .await?,
            );
        }
        for row in rows {
            let tags = tags.remove(&text(&row, 7)).unwrap_or_default();
            links.inputs.entry(text(&row, 6)).or_default().push(Input {
                name: text(&row, 0),
                digest: text(&row, 1),
                source_type: text(&row, 2),
                source: text(&row, 3),
                schema: text(&row, 4),
                profile: text(&row, 5),
                tags,
            });
        }
        let columns = self.schema.columns(
            "inputs",
            &["source_id", "destination_id", "source_type", "step:BIGINT"],
        );
        let sql = format!(
            "SELECT {columns} FROM inputs WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id IN ({}) \
             ORDER BY input_uuid",
            places(1, runs.len())
        );
        for row in self.rows(sql, runs).await? {
            let (run, model) = (text(&row, 0), text(&row, 1));
            match text(&row, 2).as_str() {
                "RUN_INPUT" => links.used.entry(run).or_default().push(model),
                _ => {
                    let step = integer(&row, 3).unwrap_or_default();
                    links.made.entry(run).or_default().push((model, step));
                }
            }
        }
        Ok(links)
    }
}

/// The point of a row; MLflow keeps NaN as 0 with a mark.
fn point(row: &AnyRow) -> Point {
    let nan = integer(row, 4).unwrap_or_default() != 0;
    Point {
        step: integer(row, 1).unwrap_or_default(),
        time: integer(row, 2).unwrap_or_default(),
        value: if nan { f64::NAN } else { double(row, 3) },
    }
}

/// Rows that are ordered by key, a table a key.
fn by_key(rows: Vec<AnyRow>) -> Vec<Points> {
    let mut found: Vec<Points> = Vec::new();
    for row in &rows {
        let key = text(row, 0);
        match found.last_mut().filter(|last| last.key == key) {
            Some(last) => last.points.push(point(row)),
            None => found.push(Points {
                key,
                points: vec![point(row)],
            }),
        }
    }
    found
}
