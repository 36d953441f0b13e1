//! Filters and orders of runs.

use super::{
    artifact_uri,
    clauses::{self, Clause, Value, key, text, texts, time},
    words::Name,
};
use crate::mlflow::{
    error::{Answer, Error},
    runs::tags,
};

const STATUSES: [&str; 5] = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];
/// How texts compare, and numbers.
const TEXTUAL: &[&str] = &["=", "!=", "LIKE", "ILIKE"];
const NUMERIC: &[&str] = &["=", "!=", "<", "<=", ">", ">="];
/// A condition that no run fulfils: each has an id.
const NEVER: &str = "attributes.run_id IS NULL";

/// What a name is of.
#[derive(Debug, PartialEq)]
enum Field<'a> {
    Metric(&'a str),
    Param(&'a str),
    Tag(&'a str),
    Attribute(Attribute),
    /// `name`, `digest` or `context` of an input.
    Dataset(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Attribute {
    RunId,
    RunName,
    Status,
    UserId,
    StartTime,
    EndTime,
    ArtifactUri,
}

impl Attribute {
    /// In the language of the services.
    fn field(self) -> &'static str {
        match self {
            Self::RunId | Self::ArtifactUri => "attributes.run_id",
            Self::RunName => "attributes.name",
            Self::Status => "attributes.status",
            Self::UserId => "attributes.user",
            Self::StartTime => "attributes.started_at",
            Self::EndTime => "attributes.ended_at",
        }
    }
}

/// A filter in the language of the services.
pub(super) fn filter(text: &str) -> Answer<String> {
    let clauses = clauses::filter(text)?;
    let conditions: Vec<String> = clauses.iter().map(condition).collect::<Answer<_>>()?;
    Ok(conditions.join(" AND "))
}

/// Orders in the language of the services; the last are those that MLflow's server adds.
pub(super) fn orders(asked: &[String]) -> Answer<Vec<String>> {
    let mut orders: Vec<String> = Vec::with_capacity(asked.len() + 2);
    let mut by_start = false;
    for text in asked {
        let (name, descending) = clauses::order(text)?;
        let field = match field(&name)? {
            Field::Metric(name) => format!("metrics.{}", key(name)),
            // Both are texts there.
            Field::Param(name) => format!("params.{} as text", key(name)),
            Field::Attribute(Attribute::Status) => "attributes.status as text".to_owned(),
            Field::Tag(name) => format!("tags.{}", key(name)),
            Field::Attribute(attribute) => {
                by_start |= attribute == Attribute::StartTime;
                attribute.field().to_owned()
            }
            Field::Dataset(_) => {
                return Err(Error::invalid(format!(
                    "Invalid order_by entity type 'dataset' in '{text}'"
                )));
            }
        };
        let direction = if descending { " desc" } else { "" };
        let order = format!("{field}{direction}");
        if orders
            .iter()
            .any(|known| known.trim_end_matches(" desc") == field)
        {
            return Err(Error::invalid(format!(
                "`order_by` contains duplicate fields: {asked:?}"
            )));
        }
        orders.push(order);
    }
    if !by_start {
        orders.push("attributes.started_at desc".to_owned());
    }
    orders.push("attributes.run_id".to_owned());
    Ok(orders)
}

fn field(name: &Name) -> Answer<Field<'_>> {
    let named = name.key.as_str();
    Ok(match name.group.as_deref() {
        None | Some("attribute" | "attributes" | "attr" | "run") => {
            Field::Attribute(attribute(named)?)
        }
        Some("metric" | "metrics") => Field::Metric(named),
        Some("param" | "params" | "parameter" | "parameters") => Field::Param(named),
        Some("tag" | "tags") => Field::Tag(named),
        Some("dataset" | "datasets") => match named {
            "name" | "digest" | "context" => Field::Dataset(named),
            _ => {
                return Err(Error::invalid(format!(
                    "Invalid dataset key '{named}' specified. Valid keys are 'name', 'digest', 'context'"
                )));
            }
        },
        Some(group) => {
            return Err(Error::invalid(format!(
                "Invalid entity type '{group}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', \
                 'dataset']"
            )));
        }
    })
}

fn attribute(name: &str) -> Answer<Attribute> {
    Ok(match name {
        "run_id" => Attribute::RunId,
        "run_name" | "run name" | "Run name" | "Run Name" => Attribute::RunName,
        "status" => Attribute::Status,
        "user_id" => Attribute::UserId,
        "start_time" | "created" | "Created" => Attribute::StartTime,
        "end_time" => Attribute::EndTime,
        "artifact_uri" => Attribute::ArtifactUri,
        _ => {
            return Err(Error::invalid(format!(
                "Invalid attribute key '{name}' specified. Valid keys are 'artifact_uri', 'created', 'end_time', \
                 'run_id', 'run_name', 'start_time', 'status', 'user_id'"
            )));
        }
    })
}

fn condition(clause: &Clause) -> Answer<String> {
    let comparator = clause.comparator.as_str();
    let field = field(&clause.name)?;
    if clause.value == Value::Nothing && !matches!(field, Field::Param(_) | Field::Tag(_)) {
        return Err(Error::invalid(format!(
            "IS NULL / IS NOT NULL is only supported for tags and params, not for '{}'",
            clause.name.key
        )));
    }
    match field {
        Field::Metric(name) => {
            let field = format!("metrics.{}", key(name));
            allow(clause, NUMERIC)?;
            match &clause.value {
                Value::Number(number) => Ok(format!("{field} {comparator} {}", plain(number))),
                other => Err(Error::invalid(format!(
                    "Expected numeric value type for metric. Found {}",
                    other.shown()
                ))),
            }
        }
        Field::Param(name) => keyed(clause, "parameter", format!("params.{}", key(name))),
        Field::Tag(name) if name == tags::NAME && clause.value != Value::Nothing => {
            textual(clause, "tag", "attributes.name", TEXTUAL)
        }
        Field::Tag(name) => keyed(clause, "tag", format!("tags.{}", key(name))),
        Field::Dataset(name) => dataset(clause, name),
        Field::Attribute(attribute @ (Attribute::StartTime | Attribute::EndTime)) => {
            allow(clause, NUMERIC)?;
            numeric(clause, attribute)
        }
        Field::Attribute(Attribute::RunId) => listed(clause, "attributes.run_id", "attributes"),
        Field::Attribute(Attribute::Status) => status(clause),
        Field::Attribute(Attribute::ArtifactUri) => artifact_uri(clause),
        Field::Attribute(attribute) => textual(clause, "attributes", attribute.field(), TEXTUAL),
    }
}

fn allow(clause: &Clause, comparators: &[&str]) -> Answer<()> {
    match comparators.contains(&clause.comparator.as_str()) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "Invalid comparator '{}' not one of '{}'",
            clause.comparator,
            comparators.join(", ")
        ))),
    }
}

/// A param or a tag, which a run may lack.
fn keyed(clause: &Clause, what: &str, field: String) -> Answer<String> {
    match clause.value {
        Value::Nothing => Ok(format!("{field} {}", clause.comparator)),
        _ => textual(clause, what, &field, TEXTUAL),
    }
}

fn textual(clause: &Clause, what: &str, field: &str, comparators: &[&str]) -> Answer<String> {
    allow(clause, comparators)?;
    match &clause.value {
        Value::Text(value) => Ok(format!("{field} {} {}", clause.comparator, text(value))),
        other => Err(Error::invalid(format!(
            "Expected a quoted string value for {what} (e.g. 'my-value'). Got value {}",
            other.shown()
        ))),
    }
}

/// What may be one of a list.
fn listed(clause: &Clause, field: &str, what: &str) -> Answer<String> {
    match (&clause.value, clause.comparator.as_str()) {
        (Value::Texts(values), "IN" | "NOT IN") => {
            let values = texts(values.iter().map(String::as_str));
            Ok(format!("{field} {} {values}", clause.comparator))
        }
        _ => textual(clause, what, field, TEXTUAL),
    }
}

/// Any of the inputs of a run counts, and one that has none is found by nothing. NOT IN finds runs of which no input
/// is one of these.
fn dataset(clause: &Clause, name: &str) -> Answer<String> {
    let field = format!("inputs.{name}");
    let found = listed(clause, &field, "dataset attributes")?;
    Ok(match clause.comparator.as_str() {
        "NOT IN" => format!("{found} AND {field} IS NOT NULL"),
        _ => found,
    })
}

fn numeric(clause: &Clause, attribute: Attribute) -> Answer<String> {
    let number = match &clause.value {
        Value::Number(number) => number.parse::<f64>().ok(),
        _ => None,
    };
    let Some(number) = number else {
        return Err(Error::invalid(format!(
            "Expected numeric value type for numeric attribute: {}. Found {}",
            clause.name.key,
            clause.value.shown()
        )));
    };
    let (field, comparator) = (attribute.field(), clause.comparator.as_str());
    // Times are whole milliseconds: what is compared with a fraction is compared with the whole one next to it.
    #[allow(clippy::cast_possible_truncation)]
    let floor = number.floor() as i64;
    let condition = match (number.fract() == 0.0, comparator) {
        (true, _) => time(field, comparator, floor),
        (false, "=") => Some(NEVER.to_owned()),
        (false, "!=") => Some(format!("{field} IS NOT NULL")),
        (false, "<" | "<=") => time(field, "<=", floor),
        (false, _) => time(field, ">", floor),
    };
    Ok(condition.unwrap_or_else(|| NEVER.to_owned()))
}

/// Statuses are in upper case there: another text is equal to none.
fn status(clause: &Clause) -> Answer<String> {
    let field = "attributes.status";
    let known = |value: &str| STATUSES.contains(&value);
    match (&clause.value, clause.comparator.as_str()) {
        (Value::Text(value), "=") if !known(value) => Ok(NEVER.to_owned()),
        (Value::Text(value), "!=") if !known(value) => Ok(format!("{field} IS NOT NULL")),
        (Value::Texts(_), _) => Err(Error::invalid(
            "Only ['run_id'] attributes support comparison with a list of quoted string values.",
        )),
        _ => textual(clause, "attributes", field, TEXTUAL),
    }
}

/// Where the files of a run are.
fn artifact_uri(clause: &Clause) -> Answer<String> {
    allow(clause, TEXTUAL)?;
    let Value::Text(value) = &clause.value else {
        return textual(clause, "attributes", "", TEXTUAL);
    };
    match clause.comparator.as_str() {
        "=" => Ok(artifact_uri::equal(value)),
        "!=" => Ok(artifact_uri::unequal(value)),
        like => artifact_uri::like(like, value),
    }
}

/// A number as every reader of numbers takes it.
fn plain(number: &str) -> String {
    number
        .parse::<f64>()
        .map_or_else(|_| number.to_owned(), |number| format!("{number:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        filter(text).unwrap()
    }

    fn wrong(text: &str) -> String {
        format!("{:?}", filter(text).unwrap_err())
    }

    #[test]
    fn what_stands_there_is_said_here() {
        for (theirs, ours) in [
            ("", ""),
            (
                "metrics.acc > 0.9 and params.lr = '0.01'",
                "metrics.`acc` > 0.9 AND params.`lr` = '0.01'",
            ),
            ("metric.`a b` <= 1e-3", "metrics.`a b` <= 0.001"),
            ("tags.\"k.e`y\" != \"it's\"", "tags.`k.e``y` != 'it''s'"),
            ("parameter.m ILIKE '%X%'", "params.`m` ILIKE '%X%'"),
            ("tags.x IS NOT NULL", "tags.`x` IS NOT NULL"),
            ("status = 'FINISHED'", "attributes.status = 'FINISHED'"),
            ("status = 'finished'", "attributes.run_id IS NULL"),
            (
                "attributes.run_id NOT IN ('a', \"b\")",
                "attributes.run_id NOT IN ('a', 'b')",
            ),
            ("`Run name` = 'x'", "attributes.name = 'x'"),
            ("tags.mlflow.runName = 'x'", "attributes.name = 'x'"),
            ("run.user_id LIKE 'a%'", "attributes.user LIKE 'a%'"),
            (
                "start_time = 5",
                "(attributes.started_at >= 5 AND attributes.started_at < 6)",
            ),
            ("end_time > 5", "attributes.ended_at >= 6"),
            ("datasets.context = 'train'", "inputs.context = 'train'"),
        ] {
            assert_eq!(of(theirs), ours);
        }
    }

    #[test]
    fn what_is_wrong_there_is_wrong_here() {
        for (text, says) in [
            ("metrics.a = '3'", "Expected numeric value type for metric"),
            (
                "params.a = 3",
                "Expected a quoted string value for parameter",
            ),
            ("params.a > '3'", "Invalid comparator '>'"),
            ("metrics.a = 1 OR metrics.b = 2", "Invalid clause(s)"),
            ("(metrics.a = 1)", "Invalid clause(s)"),
            ("model.a = 1", "Invalid entity type 'model'"),
            ("attribute.x = 'y'", "Invalid attribute key 'x'"),
            ("metrics.a IS NULL", "only supported for tags and params"),
            ("status IN ('FINISHED')", "Only ['run_id']"),
            ("run_id IN ()", "empty list"),
            ("params.a = b", "not quoted"),
            ("dataset.size = 'x'", "Invalid dataset key"),
            ("metrics.a =", "ends too early"),
        ] {
            let said = wrong(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    #[test]
    fn orders_end_with_the_start_and_the_id() {
        let orders = |asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(|&text| text.to_owned()).collect();
            super::orders(&asked)
        };
        let last = "attributes.run_id";
        assert_eq!(orders(&[]).unwrap(), ["attributes.started_at desc", last]);
        assert_eq!(
            orders(&["metrics.`a b` DESC", "params.x"]).unwrap(),
            [
                "metrics.`a b` desc",
                "params.`x` as text",
                "attributes.started_at desc",
                last
            ]
        );
        assert_eq!(
            orders(&["start_time ASC"]).unwrap(),
            ["attributes.started_at", last]
        );
        for wrong in ["metrics.a b", "metrics.a >", "datasets.name", "x y z", ""] {
            assert!(orders(&[wrong]).is_err(), "{wrong}");
        }
        assert!(orders(&["metrics.a", "metrics.a desc"]).is_err());
    }
}
