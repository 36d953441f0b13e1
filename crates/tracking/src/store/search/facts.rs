//! What runs have, cell by cell, from their own rows.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, types::Json};
use uuid::Uuid;

use crate::{
    TrackingError,
    run::{Input, Pairs, RunStatus},
    search::{Attribute, Field, column::Cell},
    store::summaries::CHOSEN_SUMMARIES,
};

/// Name of the column that says which runs there are: 1 for those that are deleted, 0 for the others.
pub(super) const ROWS: &str = "rows";

/// A text of an input.
type TextOf = fn(&Input) -> &String;

/// Cells of many runs, by the name of their column and their row.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) columns: HashMap<String, BTreeMap<usize, Cell>>,
    /// Bytes that they take, about.
    pub(super) weight: usize,
    /// Room for the name at hand.
    name: String,
}

/// Which fields to read.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    attributes: Vec<Attribute>,
    pub(super) params: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) metrics: Vec<String>,
    pub(super) inputs: bool,
    /// Source and environment.
    pub(super) source: bool,
}

impl Wanted {
    pub(super) fn of(fields: &BTreeSet<Field>) -> Self {
        let mut wanted = Self::default();
        for field in fields {
            match field {
                Field::Metric { key, .. } => wanted.metrics.push(key.clone()),
                Field::Param(key) => wanted.params.push(key.clone()),
                Field::Tag(key) => wanted.tags.push(key.clone()),
                Field::InputName | Field::InputDigest | Field::InputContext => wanted.inputs = true,
                Field::Attribute(attribute) => wanted.attributes.push(*attribute),
            }
        }
        wanted.metrics.dedup();
        wanted
    }
}

#[derive(FromRow)]
struct FactsRow {
    run_key: i64,
    id: Uuid,
    experiment_id: i64,
    name: String,
    status: i16,
    user_name: String,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    parent_id: Option<Uuid>,
    deleted: bool,
    params: Option<Json<Pairs>>,
    tags: Option<Json<Pairs>>,
    inputs: Option<Json<Vec<Input>>>,
}

#[derive(FromRow)]
struct SummaryRow {
    run_key: i64,
    key: String,
    latest: f64,
    min: Option<f64>,
    max: Option<f64>,
}

impl Cells {
    /// Adds what the runs `keys` have of the fields `wanted` (of all, if that is `None`), in the rows
    /// that `row` names.
    pub(super) async fn read(
        &mut self,
        connection: &mut PgConnection,
        keys: &[i64],
        wanted: Option<&Wanted>,
        row: impl Fn(i64) -> usize,
    ) -> Result<(), TrackingError> {
        let runs: Vec<FactsRow> = sqlx::query_as(
            "SELECT r.run_key, r.id, r.experiment_id, r.name, r.status, r.user_name, r.started_at, \
                 r.ended_at, r.parent_id, r.deleted_at IS NOT NULL AS deleted, \
                 CASE WHEN $2::text[] IS NULL THEN r.params WHEN $2 <> '{}' THEN \
                     (SELECT jsonb_object_agg(k, r.params -> k) FROM unnest($2) AS k WHERE r.params ? k) \
                     END AS params, \
                 CASE WHEN $3::text[] IS NULL THEN r.tags WHEN $3 <> '{}' THEN \
                     (SELECT jsonb_object_agg(k, r.tags -> k) FROM unnest($3) AS k WHERE r.tags ? k) \
                     END AS tags, \
                 CASE WHEN $4 THEN r.inputs END AS inputs \
             FROM tracking.runs r WHERE r.run_key = ANY($1)",
        )
        .bind(keys)
        .bind(wanted.map(|wanted| &wanted.params))
        .bind(wanted.map(|wanted| &wanted.tags))
        .bind(wanted.is_none_or(|wanted| wanted.inputs))
        .fetch_all(&mut *connection)
        .await?;
        for run in runs {
            self.add_run(row(run.run_key), run, wanted);
        }
        if wanted.is_some_and(|wanted| wanted.metrics.is_empty()) {
            return Ok(());
        }
        let summaries: Vec<SummaryRow> = match wanted {
            None => {
                let query = "SELECT run_key, key, latest, min, max FROM tracking.metric_summaries \
                     WHERE run_key = ANY($1)";
                sqlx::query_as(query)
                    .bind(keys)
                    .fetch_all(connection)
                    .await?
            }
            Some(wanted) => {
                let query = format!(
                    "SELECT s.run_key, s.key, s.latest, s.min, s.max FROM {CHOSEN_SUMMARIES}"
                );
                let query = sqlx::query_as(AssertSqlSafe(query));
                let query = query.bind(keys).bind(&wanted.metrics);
                query.fetch_all(connection).await?
            }
        };
        for summary in summaries {
            let row = row(summary.run_key);
            let values = [
                ("latest", Some(summary.latest)),
                ("min", summary.min),
                ("max", summary.max),
            ];
            for (aspect, value) in values {
                if let Some(value) = value {
                    self.put(
                        row,
                        format_args!("metrics.{aspect}.{}", summary.key),
                        Cell::Number(value),
                    );
                }
            }
        }
        Ok(())
    }

    fn add_run(&mut self, row: usize, run: FactsRow, wanted: Option<&Wanted>) {
        self.put(
            row,
            format_args!("{ROWS}"),
            Cell::Number(run.deleted.into()),
        );
        let is_wanted = |attribute: &Attribute| {
            wanted.is_none_or(|wanted| wanted.attributes.contains(attribute))
        };
        let attributes = Attribute::ALL.into_iter().map(|(_, attribute)| attribute);
        for attribute in attributes.filter(is_wanted) {
            if let Some(cell) = run.attribute(attribute) {
                self.put(row, format_args!("attributes.{}", attribute.name()), cell);
            }
        }
        for (key, value) in run.params.map(|params| params.0).unwrap_or_default() {
            self.put(row, format_args!("params.{key}"), Cell::Text(value));
        }
        for (key, value) in run.tags.map(|tags| tags.0).unwrap_or_default() {
            self.put(row, format_args!("tags.{key}"), Cell::Text(value));
        }
        let inputs = run.inputs.map(|inputs| inputs.0).unwrap_or_default();
        if !inputs.is_empty() {
            let of: [(&str, TextOf); 3] = [
                ("inputs.name", |input| &input.name),
                ("inputs.digest", |input| &input.digest),
                ("inputs.context", |input| &input.context),
            ];
            for (column, text) in of {
                let texts: BTreeSet<&String> = inputs.iter().map(text).collect();
                let texts = texts.into_iter().cloned().collect();
                self.put(row, format_args!("{column}"), Cell::List(texts));
            }
        }
    }

    fn put(&mut self, row: usize, name: std::fmt::Arguments<'_>, cell: Cell) {
        self.weight += 48
            + match &cell {
                Cell::Number(_) => 0,
                Cell::Text(text) => text.len(),
                Cell::List(texts) => texts.iter().map(|text| text.len() + 24).sum(),
            };
        self.name.clear();
        // Writing to a text does not fail.
        let _ = self.name.write_fmt(name);
        match self.columns.get_mut(&self.name) {
            Some(column) => {
                column.insert(row, cell);
            }
            None => {
                let column = BTreeMap::from([(row, cell)]);
                self.columns.insert(self.name.clone(), column);
            }
        }
    }
}

impl FactsRow {
    fn attribute(&self, attribute: Attribute) -> Option<Cell> {
        let time = |time: DateTime<Utc>| Cell::Number(time.timestamp_micros() as f64);
        let id = |id: Uuid| Cell::Text(id.simple().to_string());
        match attribute {
            Attribute::RunId => Some(id(self.id)),
            Attribute::Name => Some(Cell::Text(self.name.clone())),
            Attribute::Status => RunStatus::from_number(self.status.into())
                .map(|status| Cell::Text(status.name().to_owned())),
            Attribute::User => Some(Cell::Text(self.user_name.clone())),
            Attribute::StartedAt => Some(time(self.started_at)),
            Attribute::EndedAt => self.ended_at.map(time),
            Attribute::ExperimentId => Some(Cell::Number(self.experiment_id as f64)),
            Attribute::ParentRunId => self.parent_id.map(id),
        }
    }
}
