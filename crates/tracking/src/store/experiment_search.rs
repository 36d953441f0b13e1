//! Search of experiments, as one statement made of the filter and the orders.
//!
//! What is stored: nothing; the statement goes by the indexes of `tracking.experiments`. Every part of a condition is
//! true or false, never NULL, so that NOT finds what lacks a tag.

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_filter::{Filter, Operator, Order, Value, Vocabulary as _, as_kept};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder, types::Json};

use super::{
    Store,
    experiments::{Experiment, Row},
};
use crate::{
    TrackingError,
    search::{ExperimentAttribute as Attribute, ExperimentField as Field},
};

type Query = QueryBuilder<Postgres>;

/// One order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    pub(crate) attribute: Attribute,
    pub(crate) descending: bool,
}

/// What an experiment is ordered by, as a page token keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Key {
    Text(String),
    /// A time in microseconds, or an id.
    Number(i64),
}

/// What to find.
#[derive(Debug)]
pub(crate) struct ExperimentSearch {
    pub(crate) filter: Option<Filter<Field>>,
    /// As in [`crate::convert::view`].
    pub(crate) deleted: Option<bool>,
    /// The last is by the id.
    pub(crate) orders: Vec<By>,
    /// The keys of the last experiment of the page before, one an order.
    pub(crate) after: Option<Vec<Key>>,
    pub(crate) limit: usize,
}

impl Store {
    /// The experiments that a search finds.
    pub(crate) async fn search_experiments(
        &self,
        workspace: WorkspaceId,
        search: &ExperimentSearch,
    ) -> Result<Vec<Experiment>, TrackingError> {
        self.ensure_workspace(workspace).await?;
        let mut query = Query::new(
            "SELECT e.id, e.name, e.description, e.tags, e.created_at, e.updated_at, \
                 e.deleted_at IS NOT NULL AS deleted \
             FROM tracking.experiments e WHERE e.workspace_id = ",
        );
        query.push_bind(workspace.0);
        match search.deleted {
            Some(true) => query.push(" AND e.deleted_at IS NOT NULL"),
            Some(false) => query.push(" AND e.deleted_at IS NULL"),
            None => &mut query,
        };
        if let Some(filter) = &search.filter {
            query.push(" AND ");
            push_filter(&mut query, filter);
        }
        if let Some(after) = &search.after {
            push_after(&mut query, &search.orders, after);
        }
        for (index, by) in search.orders.iter().enumerate() {
            query.push(if index == 0 { " ORDER BY " } else { ", " });
            query.push(column(by.attribute));
            query.push(if by.descending { " DESC" } else { "" });
        }
        query.push(" LIMIT ");
        query.push_bind(i64::try_from(search.limit).unwrap_or(i64::MAX));
        let rows: Vec<Row> = query.build_query_as().fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl Experiment {
    /// What it is ordered by.
    pub(crate) fn key(&self, attribute: Attribute) -> Key {
        match attribute {
            Attribute::Name => Key::Text(self.name.clone()),
            Attribute::Id => Key::Number(self.id.0),
            Attribute::CreatedAt => Key::Number(self.created_at.timestamp_micros()),
            Attribute::UpdatedAt => Key::Number(self.updated_at.timestamp_micros()),
        }
    }
}

fn column(attribute: Attribute) -> &'static str {
    match attribute {
        // As everybody's text is ordered, whatever the database's language.
        Attribute::Name => "e.name COLLATE \"C\"",
        Attribute::Id => "e.id",
        Attribute::CreatedAt => "e.created_at",
        Attribute::UpdatedAt => "e.updated_at",
    }
}

/// What comes behind `after`: equal in the first orders, and beyond it in the next.
fn push_after(query: &mut Query, orders: &[By], after: &[Key]) {
    query.push(" AND (false");
    for beyond in 0..orders.len().min(after.len()) {
        query.push(" OR (true");
        for (index, (by, key)) in orders.iter().zip(after).take(beyond + 1).enumerate() {
            query.push(" AND ");
            query.push(column(by.attribute));
            query.push(match (index == beyond, by.descending) {
                (false, _) => " = ",
                (true, false) => " > ",
                (true, true) => " < ",
            });
            match key {
                Key::Text(text) => query.push_bind(text.clone()),
                Key::Number(id) if by.attribute == Attribute::Id => query.push_bind(*id),
                Key::Number(micros) => query.push_bind(moment(*micros)),
            };
        }
        query.push(")");
    }
    query.push(")");
}

fn push_filter(query: &mut Query, filter: &Filter<Field>) {
    match filter {
        Filter::And(parts) => push_joined(query, " AND ", parts),
        Filter::Or(parts) => push_joined(query, " OR ", parts),
        Filter::Not(inner) => {
            query.push("NOT (");
            push_filter(query, inner);
            query.push(")");
        }
        Filter::IsNull(Field::Tag(key)) => {
            query.push("NOT (e.tags ? ");
            query.push_bind(key.clone());
            query.push(")");
        }
        Filter::IsNull(Field::Attribute(_)) => {
            query.push("false");
        }
        Filter::In { field, values } => {
            query.push("(false");
            for value in values {
                query.push(" OR ");
                push_comparison(query, field, Operator::Equal, value);
            }
            query.push(")");
        }
        Filter::Compare {
            field,
            operator,
            value,
        } => push_comparison(query, field, *operator, value),
    }
}

fn push_joined(query: &mut Query, by: &str, parts: &[Filter<Field>]) {
    query.push("(");
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            query.push(by);
        }
        push_filter(query, part);
    }
    query.push(")");
}

fn push_comparison(query: &mut Query, field: &Field, operator: Operator, value: &Value) {
    let Some(value) = as_kept(&field.form(), value) else {
        query.push("false");
        return;
    };
    match (field, value) {
        (Field::Tag(key), Value::Text(text)) if operator == Operator::Equal => {
            query.push("e.tags @> ");
            query.push_bind(Json(serde_json::json!({ key: text })));
        }
        (Field::Tag(key), Value::Text(text)) => {
            query.push("coalesce((e.tags ->> ");
            query.push_bind(key.clone());
            query.push(") COLLATE \"C\"");
            push_text(query, operator, &text);
            query.push(", false)");
        }
        (Field::Attribute(Attribute::Name), Value::Text(text)) => {
            // Without a collation, which the index does not have.
            query.push(match operator {
                Operator::Equal => "e.name",
                _ => column(Attribute::Name),
            });
            push_text(query, operator, &text);
        }
        (Field::Attribute(Attribute::Id), Value::Number(number)) => {
            #[allow(clippy::cast_possible_truncation)]
            let whole = number as i64;
            #[allow(clippy::cast_precision_loss)]
            let exact = whole as f64 == number;
            query.push(if exact { "e.id" } else { "e.id::float8" });
            query.push(sql_operator(operator));
            match exact {
                true => query.push_bind(whole),
                false => query.push_bind(number),
            };
        }
        (Field::Attribute(attribute), Value::Number(micros)) => {
            query.push(column(*attribute));
            query.push(sql_operator(operator));
            #[allow(clippy::cast_possible_truncation)]
            query.push_bind(moment(micros as i64));
        }
        _ => {
            query.push("false");
        }
    }
}

fn push_text(query: &mut Query, operator: Operator, text: &str) {
    query.push(sql_operator(operator));
    let pattern = matches!(operator, Operator::Like | Operator::ILike);
    let escapes = text.chars().rev().take_while(|c| *c == '\\').count();
    // One at the end of a pattern stands for itself; Postgres would not take it.
    let closed = match pattern && escapes % 2 == 1 {
        true => format!("{text}\\"),
        false => text.to_owned(),
    };
    query.push_bind(closed);
}

fn sql_operator(operator: Operator) -> &'static str {
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

fn moment(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(match micros < 0 {
        true => DateTime::<Utc>::MIN_UTC,
        false => DateTime::<Utc>::MAX_UTC,
    })
}

/// The orders of a search: those asked for, then the last updated first, and among those by id.
pub(crate) fn orders(asked: &[Order<Field>]) -> Option<Vec<By>> {
    let mut orders = Vec::with_capacity(asked.len() + 2);
    for order in asked {
        match order.field {
            Field::Attribute(attribute) => orders.push(By {
                attribute,
                descending: order.descending,
            }),
            Field::Tag(_) => return None,
        }
    }
    for attribute in [Attribute::UpdatedAt, Attribute::Id] {
        if orders.iter().all(|by| by.attribute != attribute) {
            orders.push(By {
                attribute,
                descending: true,
            });
        }
    }
    Some(orders)
}
