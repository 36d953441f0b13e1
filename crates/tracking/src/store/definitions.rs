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

    /// The definitions of a run, by key. What it does not define is as in the run it was forked from: their
    /// points stand on the same steps.
    pub(crate) async fn metric_definitions(
        &self,
        run: RunKey,
    ) -> Result<BTreeMap<String, Definition>, TrackingError> {
        let sources = self.sources(&[run]).await?.remove(&run);
        let sources = sources.unwrap_or_default().into_iter();
        let oldest_first: Vec<i64> = sources.map(|(source, _)| source.0).collect();
        let rows: Vec<(String, i16, String, i16, String)> = sqlx::query_as(
            "SELECT d.key, d.step_digits, d.x_key, d.goal, d.unit \
             FROM unnest($1::bigint[]) WITH ORDINALITY AS s (run_key, age) \
             JOIN tracking.metric_definitions d ON d.run_key = s.run_key ORDER BY s.age",
        )
        .bind(oldest_first)
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
