//! How metrics are meant.

use std::collections::BTreeMap;

use super::Store;
use crate::{TrackingError, run::RunKey};

/// How a metric is meant.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// Digits of its steps after the decimal point.
    pub(crate) step_digits: i16,
    /// The metric on a chart's x axis; empty for the step.
    pub(crate) x_key: String,
    /// A number of the contract.
    pub(crate) goal: i16,
    pub(crate) unit: String,
}

impl Store {
    /// Writes definitions, over those there are.
    pub(crate) async fn define_metrics(
        &self,
        run: RunKey,
        definitions: &BTreeMap<String, Definition>,
    ) -> Result<(), TrackingError> {
        sqlx::query(
            "INSERT INTO tracking.metric_definitions (run_key, key, step_digits, x_key, goal, unit) \
             SELECT $1, d.* FROM unnest($2::text[], $3::smallint[], $4::text[], $5::smallint[], $6::text[]) \
                 AS d (key, step_digits, x_key, goal, unit) \
             ON CONFLICT (run_key, key) DO UPDATE SET step_digits = excluded.step_digits, \
                 x_key = excluded.x_key, goal = excluded.goal, unit = excluded.unit",
        )
        .bind(run.0)
        .bind(definitions.keys().collect::<Vec<_>>())
        .bind(definitions.values().map(|d| d.step_digits).collect::<Vec<_>>())
        .bind(definitions.values().map(|d| d.x_key.as_str()).collect::<Vec<_>>())
        .bind(definitions.values().map(|d| d.goal).collect::<Vec<_>>())
        .bind(definitions.values().map(|d| d.unit.as_str()).collect::<Vec<_>>())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The definitions of a run, by key.
    pub(crate) async fn metric_definitions(
        &self,
        run: RunKey,
    ) -> Result<BTreeMap<String, Definition>, TrackingError> {
        let rows: Vec<(String, i16, String, i16, String)> = sqlx::query_as(
            "SELECT key, step_digits, x_key, goal, unit FROM tracking.metric_definitions WHERE run_key = $1",
        )
        .bind(run.0)
        .fetch_all(&self.pool)
        .await?;
        let definition = |(key, step_digits, x_key, goal, unit)| {
            let definition = Definition {
                step_digits,
                x_key,
                goal,
                unit,
            };
            (key, definition)
        };
        Ok(rows.into_iter().map(definition).collect())
    }
}
