//! Search of logged models: the filter and the orders as SQL over the narrow tables.

use herdbook_core::{ExperimentId, WorkspaceId};
use herdbook_filter::{Operator, SortValue, Value, Vocabulary as _, as_kept};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder, Row as _};

use super::Store;
use crate::{
    TrackingError,
    logged_model::{DatasetName, LoggedModel, ModelKey, ModelStatus},
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

type Sql = QueryBuilder<Postgres>;

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

/// What an attribute is in SQL; a time is a number of microseconds.
fn attribute_sql(attribute: ModelAttribute) -> String {
    let time = |column| format!("(extract(epoch FROM m.{column}) * 1000000)::float8");
    match attribute {
        ModelAttribute::Id => "m.id".to_owned(),
        ModelAttribute::Name => "m.name".to_owned(),
        ModelAttribute::Type => "m.type".to_owned(),
        ModelAttribute::Status => {
            let names = ModelStatus::ALL.map(|status| format!("'{}'", status.name()));
            format!("(ARRAY[{}])[m.status + 1] COLLATE \"C\"", names.join(","))
        }
        ModelAttribute::StatusMessage => "m.status_message COLLATE \"C\"".to_owned(),
        ModelAttribute::SourceRun => "m.source_run_id".to_owned(),
        ModelAttribute::Experiment => "m.experiment_id::float8".to_owned(),
        ModelAttribute::CreatedAt => time("created_at"),
        ModelAttribute::UpdatedAt => time("updated_at"),
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

fn push_dataset(sql: &mut Sql, dataset: &DatasetName) {
    sql.push("(x.dataset_name = ")
        .push_bind(dataset.name.clone());
    if !dataset.digest.is_empty() {
        sql.push(" AND x.dataset_digest = ")
            .push_bind(dataset.digest.clone());
    }
    sql.push(")");
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

/// What a filter is read in.
struct Scope<'a> {
    workspace: WorkspaceId,
    datasets: &'a [DatasetName],
    /// Whether it looks at measurements.
    measured: bool,
}

impl Scope<'_> {
    fn push_filter(&mut self, sql: &mut Sql, filter: &ModelFilter) {
        match filter {
            ModelFilter::And(parts) => self.push_parts(sql, parts, " AND "),
            ModelFilter::Or(parts) => self.push_parts(sql, parts, " OR "),
            ModelFilter::Not(inner) => {
                sql.push("NOT ");
                self.push_filter(sql, inner);
            }
            ModelFilter::Compare {
                field,
                operator,
                value,
            } => {
                let value = match operator {
                    Operator::Like | Operator::ILike => Some(value.clone()),
                    _ => as_kept(&field.form(), value),
                };
                match value {
                    Some(value) => self.push_test(sql, field, |sql, column| {
                        push_comparison(sql, column, *operator, &value);
                    }),
                    None => {
                        sql.push("false");
                    }
                }
            }
            ModelFilter::In { field, values } => {
                let kept = values
                    .iter()
                    .filter_map(|value| as_kept(&field.form(), value));
                let kept: Vec<Value> = kept.collect();
                self.push_test(sql, field, |sql, column| {
                    sql.push("(false");
                    for value in &kept {
                        sql.push(" OR ");
                        push_comparison(sql, column, Operator::Equal, value);
                    }
                    sql.push(")");
                });
            }
            ModelFilter::IsNull(field) => {
                sql.push("NOT ");
                self.push_test(sql, field, |sql, column| {
                    sql.push(format!("{} IS NOT NULL", column.text));
                });
            }
        }
    }

    fn push_parts(&mut self, sql: &mut Sql, parts: &[ModelFilter], word: &str) {
        sql.push("(");
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                sql.push(word);
            }
            self.push_filter(sql, part);
        }
        sql.push(")");
    }

    /// Whether a model has a field that passes a test; never unknown.
    fn push_test(
        &mut self,
        sql: &mut Sql,
        field: &ModelField,
        test: impl FnOnce(&mut Sql, &Column<'_>),
    ) {
        let (table, key, number) = match field {
            ModelField::Attribute(attribute) => {
                let text = attribute_sql(*attribute);
                sql.push("coalesce(");
                test(sql, &Column::of(&text, &text));
                sql.push(", false)");
                return;
            }
            ModelField::Param(key) => ("logged_model_params", key, "x.number"),
            ModelField::Tag(key) => ("logged_model_tags", key, "NULL::float8"),
            ModelField::Metric(key) => ("logged_model_metrics", key, "x.value"),
        };
        sql.push(format!(
            "m.model_key IN (SELECT x.model_key FROM tracking.{table} x WHERE x.workspace_id = "
        ));
        sql.push_bind(self.workspace.0)
            .push(" AND x.key = ")
            .push_bind(key.clone());
        if matches!(field, ModelField::Metric(_)) {
            self.measured = true;
            self.push_datasets(sql);
        }
        sql.push(" AND ");
        let column = Column {
            beginning: matches!(field, ModelField::Param(_) | ModelField::Tag(_))
                .then_some("left(x.value, 200)"),
            ..Column::of("x.value", number)
        };
        test(sql, &column);
        sql.push(")");
    }

    fn push_datasets(&self, sql: &mut Sql) {
        if self.datasets.is_empty() {
            return;
        }
        sql.push(" AND (false");
        for dataset in self.datasets {
            sql.push(" OR ");
            push_dataset(sql, dataset);
        }
        sql.push(")");
    }
}

/// A column, as what is compared.
struct Column<'a> {
    text: &'a str,
    number: &'a str,
    /// What of a long text stands in an index.
    beginning: Option<&'a str>,
}

impl<'a> Column<'a> {
    fn of(text: &'a str, number: &'a str) -> Self {
        Self {
            text,
            number,
            beginning: None,
        }
    }
}

fn push_comparison(sql: &mut Sql, column: &Column<'_>, operator: Operator, value: &Value) {
    let sign = match operator {
        Operator::Equal => "=",
        Operator::NotEqual => "<>",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Like => "LIKE",
        Operator::ILike => "ILIKE",
    };
    match value {
        Value::Number(number) => {
            let column = column.number;
            // To Postgres, a NaN is greater than all; here it is only unequal to them.
            let no_nan = match operator {
                Operator::Greater | Operator::GreaterOrEqual => {
                    format!(" AND {column} <> 'NaN'")
                }
                _ => String::new(),
            };
            sql.push(format!("({column} {sign} "))
                .push_bind(*number)
                .push(format!("{no_nan})"));
        }
        Value::Text(text) => {
            if let (Some(beginning), Operator::Equal) = (column.beginning, operator) {
                sql.push(format!("{beginning} = "))
                    .push_bind(text.chars().take(200).collect::<String>())
                    .push(" AND ");
            }
            let text = match operator {
                Operator::Like | Operator::ILike => pattern(text),
                _ => text.clone(),
            };
            sql.push(format!("{} {sign} ", column.text)).push_bind(text);
        }
    }
}

/// A pattern as Postgres takes it, where a backslash at the end stands for itself.
fn pattern(text: &str) -> String {
    let slashes = text.chars().rev().take_while(|c| *c == '\\').count();
    match slashes % 2 {
        0 => text.to_owned(),
        _ => format!("{text}\\"),
    }
}
