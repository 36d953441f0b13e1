//! Search: filters and orders as SQL.
//!
//! A comparison is a look-up by (workspace, key, value) in the narrow table of its kind; a page is read
//! whole from the runs' own rows. Values are always parameters.

use chrono::DateTime;
use herdbook_core::{ExperimentId, WorkspaceId};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    Store,
    runs::{COLUMNS, RunRow},
};
use crate::{
    TrackingError,
    run::{Run, RunKey, RunStatus},
    search::{Aspect, Attribute, Field, Filter, Operator, Order, Value},
};

/// What to find.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) experiments: Vec<ExperimentId>,
    pub(crate) filter: Option<Filter>,
    pub(crate) orders: Vec<Order>,
    /// As in [`crate::convert::view`].
    pub(crate) deleted: Option<bool>,
    pub(crate) after: Option<Cursor>,
    pub(crate) limit: usize,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The run's value for each order.
    sort: Vec<Option<SortValue>>,
    run_key: i64,
}

/// A value that runs are ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum SortValue {
    /// The bits of a float: JSON has no infinity, and not each float to the last bit.
    Number(u64),
    Text(String),
}

type Query = QueryBuilder<Postgres>;

impl Store {
    /// A page of runs, each with the cursor of its place.
    pub(crate) async fn search_runs(
        &self,
        workspace: WorkspaceId,
        search: &Search,
    ) -> Result<Vec<(RunKey, Run, Cursor)>, TrackingError> {
        let mut query = Query::new(format!("SELECT {COLUMNS}"));
        for (index, order) in search.orders.iter().enumerate() {
            query.push(", ");
            push_sort_value(&mut query, index, order);
            query.push(format!(" AS sort{index}"));
        }
        query.push(" FROM tracking.runs r");
        for (index, order) in search.orders.iter().enumerate() {
            push_join(&mut query, index, &order.field);
        }
        query
            .push(" WHERE r.workspace_id = ")
            .push_bind(workspace.0);
        if !search.experiments.is_empty() {
            let ids: Vec<i64> = search.experiments.iter().map(|id| id.0).collect();
            query
                .push(" AND r.experiment_id = ANY(")
                .push_bind(ids)
                .push(")");
        }
        if let Some(deleted) = search.deleted {
            query.push(if deleted {
                " AND r.deleted_at IS NOT NULL"
            } else {
                " AND r.deleted_at IS NULL"
            });
        }
        if let Some(filter) = &search.filter {
            query.push(" AND ");
            push_filter(&mut query, workspace, filter);
        }
        if let Some(after) = &search.after {
            query.push(" AND ");
            push_after(&mut query, &search.orders, after);
        }
        query.push(" ORDER BY ");
        for (index, order) in search.orders.iter().enumerate() {
            push_sort_value(&mut query, index, order);
            query.push(if order.descending {
                " DESC NULLS LAST, "
            } else {
                " ASC NULLS LAST, "
            });
        }
        query
            .push("r.run_key DESC LIMIT ")
            .push_bind(i64::try_from(search.limit).unwrap_or(i64::MAX));

        let rows = query.build().fetch_all(&self.pool).await?;
        rows.iter().map(|row| found(row, &search.orders)).collect()
    }
}

fn found(row: &PgRow, orders: &[Order]) -> Result<(RunKey, Run, Cursor), TrackingError> {
    use sqlx::FromRow as _;
    let (key, run) = RunRow::from_row(row)?.into();
    let mut sort = Vec::with_capacity(orders.len());
    for (index, order) in orders.iter().enumerate() {
        let name = format!("sort{index}");
        sort.push(if is_number(&order.field) {
            let value: Option<f64> = row.try_get(name.as_str())?;
            value.map(|number| SortValue::Number(number.to_bits()))
        } else {
            row.try_get::<Option<String>, _>(name.as_str())?
                .map(SortValue::Text)
        });
    }
    Ok((
        key,
        run,
        Cursor {
            sort,
            run_key: key.0,
        },
    ))
}

/// Whether runs are ordered by the field as by a number.
fn is_number(field: &Field) -> bool {
    match field {
        Field::Metric { .. } => true,
        Field::Attribute(attribute) => attribute.is_time() || *attribute == Attribute::ExperimentId,
        Field::Param(_) | Field::Tag(_) | Field::InputName | Field::InputDigest => false,
    }
}

/// Joins the one row of a narrow table that an order looks at.
fn push_join(query: &mut Query, index: usize, field: &Field) {
    let (table, key) = match field {
        Field::Metric { key, .. } => ("metric_summaries", key),
        Field::Param(key) => ("run_params", key),
        Field::Tag(key) => ("run_tags", key),
        Field::Attribute(_) | Field::InputName | Field::InputDigest => return,
    };
    query.push(format!(
        " LEFT JOIN tracking.{table} o{index} ON o{index}.run_key = r.run_key AND o{index}.key = "
    ));
    query.push_bind(key.clone());
}

/// The value that runs are ordered by. A NaN counts as missing: it is neither large nor small.
fn push_sort_value(query: &mut Query, index: usize, order: &Order) {
    match &order.field {
        Field::Metric { aspect, .. } => {
            query.push(format!(
                "nullif(o{index}.{}, 'NaN')",
                aspect_column(*aspect)
            ));
        }
        Field::Param(_) | Field::Tag(_) => {
            query.push(format!("o{index}.value"));
        }
        Field::Attribute(attribute) => {
            query.push(match attribute {
                Attribute::RunId => "r.id::text",
                Attribute::Name => "r.name",
                Attribute::Status => "r.status::text",
                Attribute::User => "r.user_name",
                Attribute::StartedAt => "extract(epoch FROM r.started_at)::float8",
                Attribute::EndedAt => "extract(epoch FROM r.ended_at)::float8",
                Attribute::ExperimentId => "r.experiment_id::float8",
                Attribute::ParentRunId => "r.parent_id::text",
            });
        }
        Field::InputName => {
            query.push(
                "(SELECT min(i.name) FROM tracking.run_inputs i WHERE i.run_key = r.run_key)",
            );
        }
        Field::InputDigest => {
            query.push(
                "(SELECT min(i.digest) FROM tracking.run_inputs i WHERE i.run_key = r.run_key)",
            );
        }
    }
}

/// The runs after the cursor, in the order of the search: behind in the first order, or equal there
/// and behind in the next, and so on; the run's key decides last.
fn push_after(query: &mut Query, orders: &[Order], after: &Cursor) {
    query.push("(");
    for (index, (order, value)) in orders.iter().zip(&after.sort).enumerate() {
        match value {
            // Runs without the value come last: none is behind.
            None => {
                query.push("(false");
            }
            Some(value) => {
                query.push("(");
                push_sort_value(query, index, order);
                query.push(if order.descending { " < " } else { " > " });
                push_sort_bind(query, value);
                query.push(" OR ");
                push_sort_value(query, index, order);
                query.push(" IS NULL");
            }
        }
        query.push(" OR (");
        push_sort_value(query, index, order);
        match value {
            None => {
                query.push(" IS NULL");
            }
            Some(value) => {
                query.push(" = ");
                push_sort_bind(query, value);
            }
        }
        query.push(" AND ");
    }
    query.push("r.run_key < ").push_bind(after.run_key);
    for _ in orders {
        query.push("))");
    }
    query.push(")");
}

fn push_sort_bind(query: &mut Query, value: &SortValue) {
    match value {
        SortValue::Number(bits) => query.push_bind(f64::from_bits(*bits)),
        SortValue::Text(text) => query.push_bind(text.clone()),
    };
}

fn push_filter(query: &mut Query, workspace: WorkspaceId, filter: &Filter) {
    match filter {
        Filter::And(parts) => push_joined(query, workspace, parts, " AND "),
        Filter::Or(parts) => push_joined(query, workspace, parts, " OR "),
        Filter::Not(inner) => {
            query.push("NOT ");
            push_filter(query, workspace, inner);
        }
        Filter::Compare {
            field,
            operator,
            value,
        } => push_matches(query, workspace, field, |query| {
            push_comparison(query, field, *operator, value);
        }),
        Filter::In { field, values } => push_matches(query, workspace, field, |query| {
            query.push("(");
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    query.push(" OR ");
                }
                push_comparison(query, field, Operator::Equal, value);
            }
            query.push(")");
        }),
        Filter::IsNull(field) => {
            query.push("NOT ");
            push_matches(query, workspace, field, |query| {
                match field {
                    Field::Attribute(_) => query.push(format!("{} IS NOT NULL", column(field))),
                    _ => query.push("true"),
                };
            });
        }
    }
}

fn push_joined(query: &mut Query, workspace: WorkspaceId, parts: &[Filter], joiner: &str) {
    query.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            query.push(joiner);
        }
        push_filter(query, workspace, part);
    }
    query.push(")");
}

/// A condition on the run's own row, or on a row of the narrow table of the field.
fn push_matches(
    query: &mut Query,
    workspace: WorkspaceId,
    field: &Field,
    push_condition: impl FnOnce(&mut Query),
) {
    let (table, key) = match field {
        Field::Attribute(_) => {
            query.push("coalesce(");
            push_condition(query);
            query.push(", false)");
            return;
        }
        Field::Metric { key, .. } => ("metric_summaries", Some(key)),
        Field::Param(key) => ("run_params", Some(key)),
        Field::Tag(key) => ("run_tags", Some(key)),
        Field::InputName | Field::InputDigest => ("run_inputs", None),
    };
    query.push(format!(
        "EXISTS (SELECT FROM tracking.{table} f WHERE f.run_key = r.run_key AND f.workspace_id = "
    ));
    query.push_bind(workspace.0);
    if let Some(key) = key {
        query.push(" AND f.key = ").push_bind(key.clone());
    }
    query.push(" AND ");
    push_condition(query);
    query.push(")");
}

fn column(field: &Field) -> &'static str {
    match field {
        Field::Metric {
            aspect: Aspect::Latest,
            ..
        } => "f.latest",
        Field::Metric {
            aspect: Aspect::Min,
            ..
        } => "f.min",
        Field::Metric {
            aspect: Aspect::Max,
            ..
        } => "f.max",
        Field::Param(_) | Field::Tag(_) => "f.value",
        Field::InputName => "f.name",
        Field::InputDigest => "f.digest",
        Field::Attribute(attribute) => match attribute {
            Attribute::RunId => "r.id",
            Attribute::Name => "r.name",
            Attribute::Status => "r.status",
            Attribute::User => "r.user_name",
            Attribute::StartedAt => "r.started_at",
            Attribute::EndedAt => "r.ended_at",
            Attribute::ExperimentId => "r.experiment_id",
            Attribute::ParentRunId => "r.parent_id",
        },
    }
}

fn aspect_column(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Latest => "latest",
        Aspect::Min => "min",
        Aspect::Max => "max",
    }
}

fn push_comparison(query: &mut Query, field: &Field, operator: Operator, value: &Value) {
    let pattern = matches!(operator, Operator::Like | Operator::ILike);
    match (field, value) {
        (Field::Metric { .. }, Value::Number(number)) => {
            // Postgres takes a NaN for larger than any number; here it is unequal to all, and neither
            // larger nor smaller.
            if !matches!(operator, Operator::Equal | Operator::NotEqual) {
                query.push(format!("{} <> 'NaN' AND ", column(field)));
            }
            query
                .push(column(field))
                .push(sign(operator))
                .push_bind(*number);
        }
        (Field::Param(_), Value::Number(number)) => {
            query
                .push("f.number")
                .push(sign(operator))
                .push_bind(*number);
        }
        (Field::Param(_) | Field::Tag(_), Value::Text(text)) if operator == Operator::Equal => {
            // The index holds the beginning of the value.
            query
                .push("left(f.value, 200) = left(")
                .push_bind(text.clone());
            query.push(", 200) AND f.value = ").push_bind(text.clone());
        }
        (Field::Attribute(Attribute::Status), Value::Text(text)) => {
            push_status(query, operator, text);
        }
        (Field::Attribute(Attribute::RunId | Attribute::ParentRunId), Value::Text(text)) => {
            match Uuid::try_parse(text).ok().filter(|_| !pattern) {
                Some(id) => query.push(column(field)).push(sign(operator)).push_bind(id),
                // Ids are shown as 32 digits, so patterns are matched against that.
                None => query
                    .push(format!("replace({}::text, '-', '')", column(field)))
                    .push(sign(operator))
                    .push_bind(text.clone()),
            };
        }
        (Field::Attribute(attribute), value) if attribute.is_time() => {
            let time = match value {
                Value::Text(text) => DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc()),
                Value::Number(millis) => DateTime::from_timestamp_millis(*millis as i64),
            };
            query
                .push(column(field))
                .push(sign(operator))
                .push_bind(time);
        }
        (_, Value::Number(number)) => {
            query
                .push(column(field))
                .push("::float8")
                .push(sign(operator))
                .push_bind(*number);
        }
        (_, Value::Text(text)) => {
            query
                .push(column(field))
                .push(sign(operator))
                .push_bind(text.clone());
        }
    }
}

/// Statuses are kept as numbers and compared as the names of those that fit.
fn push_status(query: &mut Query, operator: Operator, text: &str) {
    let names: Vec<String> = RunStatus::ALL
        .iter()
        .map(|status| status.name().to_owned())
        .collect();
    let numbers: Vec<i16> = RunStatus::ALL
        .iter()
        .map(|status| status.number())
        .collect();
    query
        .push("r.status IN (SELECT n FROM unnest(")
        .push_bind(names);
    query
        .push("::text[], ")
        .push_bind(numbers)
        .push("::smallint[]) AS s (name, n) WHERE s.name");
    query
        .push(sign(operator))
        .push_bind(text.to_owned())
        .push(")");
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => " = ",
        Operator::NotEqual => " <> ",
        Operator::Less => " < ",
        Operator::LessOrEqual => " <= ",
        Operator::Greater => " > ",
        Operator::GreaterOrEqual => " >= ",
        Operator::Like => " LIKE ",
        Operator::ILike => " ILIKE ",
    }
}
