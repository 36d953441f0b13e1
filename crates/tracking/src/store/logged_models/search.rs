//! Search of logged models: one statement over the narrow tables, with the filter as its condition.

use herdbook_core::{ExperimentId, WorkspaceId};
use herdbook_filter::SortValue;
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder, Row as _};

use super::{
    Store,
    condition::{Scope, attribute_sql, push_dataset},
};
use crate::{
    TrackingError,
    logged_model::{DatasetName, LoggedModel, ModelKey},
    search::{ModelAttribute, ModelField, ModelFilter},
};

/// What is searched for.
#[derive(Debug)]
pub(crate) struct ModelSearch {
    /// All, if empty.
    pub(crate) experiments: Vec<ExperimentId>,
    pub(crate) filter: Option<ModelFilter>,
    /// All, if empty.
    pub(crate) datasets: Vec<DatasetName>,
    pub(crate) orders: Vec<ModelOrder>,
    /// As in [`crate::convert::view`].
    pub(crate) deleted: Option<bool>,
    pub(crate) after: Option<ModelCursor>,
    pub(crate) limit: usize,
}

/// An order of logged models.
#[derive(Debug)]
pub(crate) struct ModelOrder {
    pub(crate) field: ModelField,
    pub(crate) descending: bool,
    /// Of whose measurements the newest counts; of any, if absent.
    pub(crate) dataset: Option<DatasetName>,
}

/// Where a page ended: what its last model has for each order, and the model itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ModelCursor {
    sort: Vec<Option<SortValue>>,
    created_us: i64,
    key: i64,
}

pub(super) type Sql = QueryBuilder<Postgres>;

impl Store {
    /// The models that are searched for, in the order asked for, then the newest first.
    pub(crate) async fn search_logged_models(
        &self,
        workspace: WorkspaceId,
        search: &ModelSearch,
    ) -> Result<Vec<(LoggedModel, ModelCursor)>, TrackingError> {
        let mut sql = statement(workspace, search);
        let query = sql.build().persistent(false);
        let rows = query.fetch_all(&self.pool).await?;
        let mut cursors = Vec::new();
        for row in rows {
            let mut sort = Vec::new();
            for (number, order) in search.orders.iter().enumerate() {
                let column = format!("s{number}");
                sort.push(match is_number(&order.field) {
                    true => row
                        .try_get::<Option<f64>, _>(&*column)?
                        .map(|number| SortValue::Number(number.to_bits())),
                    false => row
                        .try_get::<Option<String>, _>(&*column)?
                        .map(SortValue::Text),
                });
            }
            cursors.push(ModelCursor {
                sort,
                created_us: row.try_get("created_us")?,
                key: row.try_get("model_key")?,
            });
        }
        let keys: Vec<ModelKey> = cursors.iter().map(|cursor| ModelKey(cursor.key)).collect();
        let models = self.logged_models(&keys).await?;
        // One that was purged meanwhile is missing: the cursors go by the key.
        let mut cursors = cursors.into_iter();
        let found = models.into_iter().filter_map(|(key, model)| {
            let cursor = cursors.find(|cursor| cursor.key == key.0)?;
            Some((model, cursor))
        });
        Ok(found.collect())
    }
}

fn statement(workspace: WorkspaceId, search: &ModelSearch) -> Sql {
    let mut sql = Sql::new("SELECT * FROM (SELECT m.model_key, m.created_at, ");
    sql.push("(extract(epoch FROM m.created_at) * 1000000)::bigint AS created_us");
    for (number, order) in search.orders.iter().enumerate() {
        sql.push(", ");
        push_sorted(&mut sql, order);
        sql.push(format!(" AS s{number}"));
    }
    sql.push(" FROM tracking.logged_models m WHERE m.workspace_id = ");
    sql.push_bind(workspace.0);
    match search.experiments.as_slice() {
        [] => {}
        // Of one, the index has the newest first.
        [id] => {
            sql.push(" AND m.experiment_id = ").push_bind(id.0);
        }
        ids => {
            let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
            sql.push(" AND m.experiment_id = ANY(").push_bind(ids);
            sql.push(")");
        }
    }
    if let Some(deleted) = search.deleted {
        sql.push(match deleted {
            true => " AND m.deleted_at IS NOT NULL",
            false => " AND m.deleted_at IS NULL",
        });
    }
    let mut scope = Scope {
        workspace,
        datasets: &search.datasets,
        measured: false,
    };
    if let Some(filter) = &search.filter {
        sql.push(" AND ");
        scope.push_filter(&mut sql, filter);
    }
    if !search.datasets.is_empty() && !scope.measured {
        sql.push(" AND m.model_key IN (SELECT x.model_key FROM tracking.logged_model_metrics x");
        sql.push(" WHERE x.workspace_id = ").push_bind(workspace.0);
        scope.push_datasets(&mut sql);
        sql.push(")");
    }
    if !search.orders.is_empty() {
        // Else Postgres computes what is ordered by again for each comparison with the cursor.
        sql.push(" OFFSET 0");
    }
    sql.push(") q");
    if let Some(after) = &search.after {
        push_after(&mut sql, &search.orders, after);
    }
    sql.push(" ORDER BY ");
    for (number, order) in search.orders.iter().enumerate() {
        let way = if order.descending { "DESC" } else { "ASC" };
        sql.push(format!("s{number} {way} NULLS LAST, "));
    }
    sql.push("created_at DESC, model_key DESC LIMIT ");
    sql.push_bind(i64::try_from(search.limit).unwrap_or(i64::MAX));
    sql
}

/// Whether an order by the field compares numbers.
fn is_number(field: &ModelField) -> bool {
    use ModelAttribute::{CreatedAt, Experiment, UpdatedAt};
    match field {
        ModelField::Metric(_) => true,
        ModelField::Attribute(attribute) => {
            matches!(attribute, CreatedAt | Experiment | UpdatedAt)
        }
        ModelField::Param(_) | ModelField::Tag(_) => false,
    }
}

/// What models are ordered by; a NaN counts as missing.
fn push_sorted(sql: &mut Sql, order: &ModelOrder) {
    let (table, key) = match &order.field {
        ModelField::Attribute(attribute) => {
            sql.push(attribute_sql(*attribute));
            return;
        }
        ModelField::Param(key) => ("logged_model_params", key),
        ModelField::Tag(key) => ("logged_model_tags", key),
        ModelField::Metric(key) => {
            sql.push("nullif((SELECT x.value FROM tracking.logged_model_metrics x ");
            sql.push("WHERE x.model_key = m.model_key AND x.key = ");
            sql.push_bind(key.clone());
            if let Some(dataset) = &order.dataset {
                sql.push(" AND ");
                push_dataset(sql, dataset);
            }
            sql.push(" ORDER BY x.time_us DESC, x.step DESC, x.run_id DESC LIMIT 1), 'NaN')");
            return;
        }
    };
    sql.push(format!(
        "(SELECT x.value FROM tracking.{table} x WHERE x.model_key = m.model_key AND x.key = "
    ));
    sql.push_bind(key.clone()).push(")");
}

/// What comes after the cursor: by the first order in which it differs.
fn push_after(sql: &mut Sql, orders: &[ModelOrder], after: &ModelCursor) {
    sql.push(" WHERE (");
    for (number, order) in orders.iter().enumerate() {
        for same in 0..number {
            push_same(sql, same, after);
        }
        match after.sort.get(number).and_then(Option::as_ref) {
            // Missing values are last: none differs after them.
            None => {
                sql.push("false OR ");
            }
            Some(value) => {
                let sign = if order.descending { "<" } else { ">" };
                sql.push(format!("(s{number} IS NULL OR s{number} {sign} "));
                push_value(sql, value);
                sql.push(") OR ");
            }
        }
    }
    for same in 0..orders.len() {
        push_same(sql, same, after);
    }
    sql.push("(created_us, model_key) < (")
        .push_bind(after.created_us)
        .push(", ")
        .push_bind(after.key)
        .push("))");
}

fn push_same(sql: &mut Sql, number: usize, after: &ModelCursor) {
    match after.sort.get(number).and_then(Option::as_ref) {
        None => {
            sql.push(format!("s{number} IS NULL AND "));
        }
        Some(value) => {
            sql.push(format!("s{number} = "));
            push_value(sql, value);
            sql.push(" AND ");
        }
    }
}

fn push_value(sql: &mut Sql, value: &SortValue) {
    match value {
        SortValue::Number(bits) => sql.push_bind(f64::from_bits(*bits)),
        SortValue::Text(text) => sql.push_bind(text.clone()),
    };
}
