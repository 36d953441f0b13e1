//! What a database has: MLflow added tables and columns with each version.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyPool, Row as _};

use super::failed;
use crate::ImportError;

/// Tables of things for which Herdbook has no place, by what people call them.
pub(super) const FOREIGN: [(&str, &str); 13] = [
    ("traces", "trace_info"),
    ("assessments", "assessments"),
    ("evaluation datasets", "evaluation_datasets"),
    ("scorers", "scorers"),
    ("issues", "issues"),
    ("webhooks", "webhooks"),
    ("jobs", "jobs"),
    ("gateway endpoints", "endpoints"),
    ("gateway secrets", "secrets"),
    ("label schemas", "label_schemas"),
    ("review queues", "review_queues"),
    ("MCP servers", "mcp_servers"),
    ("budget policies", "budget_policies"),
];

/// The columns of each table.
#[derive(Debug, Default)]
pub(super) struct Schema(HashMap<String, HashSet<String>>);

impl Schema {
    /// Reads what there is.
    pub(super) async fn read(pool: &AnyPool, sqlite: bool) -> Result<Self, ImportError> {
        let sql = match sqlite {
            true => {
                "SELECT CAST(t.name AS VARCHAR), CAST(c.name AS VARCHAR) FROM sqlite_master t \
                 JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
            }
            false => {
                "SELECT CAST(table_name AS VARCHAR), CAST(column_name AS VARCHAR) \
                 FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false))"
            }
        };
        let rows = sqlx::query(sql).fetch_all(pool).await.map_err(failed)?;
        let mut schema = Self::default();
        for row in rows {
            let table: String = row.try_get(0).map_err(failed)?;
            let column: String = row.try_get(1).map_err(failed)?;
            schema.0.entry(table).or_default().insert(column);
        }
        Ok(schema)
    }

    pub(super) fn has_table(&self, table: &str) -> bool {
        self.0.contains_key(table)
    }

    pub(super) fn has(&self, table: &str, column: &str) -> bool {
        let columns = self.0.get(table);
        columns.is_some_and(|columns| columns.contains(column))
    }

    /// The columns of a table to select, each `column:type`, with NULL for those that it lacks.
    pub(super) fn columns(&self, table: &str, wanted: &[&str]) -> String {
        let column = |wanted: &&str| {
            let (column, kind) = wanted.split_once(':').unwrap_or((wanted, "VARCHAR"));
            match self.has(table, column) {
                true => format!("CAST({table}.{column} AS {kind})"),
                false => format!("CAST(NULL AS {kind})"),
            }
        };
        wanted.iter().map(column).collect::<Vec<_>>().join(", ")
    }
}
