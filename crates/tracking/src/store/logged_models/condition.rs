//! Filters of logged models in SQL.

use herdbook_core::WorkspaceId;
use herdbook_filter::{Operator, Value, Vocabulary as _, as_kept};

use super::search::Sql;
use crate::{
    logged_model::{DatasetName, ModelStatus},
    search::{ModelAttribute, ModelField, ModelFilter},
};

/// What a filter is read in.
pub(super) struct Scope<'a> {
    pub(super) workspace: WorkspaceId,
    pub(super) datasets: &'a [DatasetName],
    /// Whether it looks at measurements.
    pub(super) measured: bool,
}

impl Scope<'_> {
    pub(super) fn push_filter(&mut self, sql: &mut Sql, filter: &ModelFilter) {
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

    pub(super) fn push_datasets(&self, sql: &mut Sql) {
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

/// What an attribute is in SQL; a time is a number of microseconds.
pub(super) fn attribute_sql(attribute: ModelAttribute) -> String {
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

/// Whether a measurement `x` is by this data.
pub(super) fn push_dataset(sql: &mut Sql, dataset: &DatasetName) {
    sql.push("(x.dataset_name = ")
        .push_bind(dataset.name.clone());
    if !dataset.digest.is_empty() {
        sql.push(" AND x.dataset_digest = ")
            .push_bind(dataset.digest.clone());
    }
    sql.push(")");
}
