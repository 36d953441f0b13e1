//! A naive search over runs in memory, and random questions to ask it.

use std::cmp::Ordering;

use herdbook_proto::tracking::v1::{Run, RunStatus};
use proptest::prelude::*;

pub(crate) const PARAMS: [&str; 10] = [
    "1", "2.5", "10", "abc", "Abc", "a%b", " 3 ", "nan", "1e3", "inf",
];
pub(crate) const TAGS: [&str; 4] = ["x", "X", "xyz", "é_\\"];
pub(crate) const INPUTS: [&str; 3] = ["d1", "d2", "data"];
pub(crate) const NUMBERS: [f64; 8] = [
    -1.0,
    0.0,
    0.5,
    1.0,
    10.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Is(&'static str, &'static str, Value),
    In(&'static str, Vec<Value>),
    Null(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Text(String),
}

/// Fields by what they compare with.
const METRICS: [&str; 5] = [
    "metrics.m0",
    "metrics.m1",
    "metrics.m0.min",
    "metrics.m1.max",
    "metrics.never",
];
const MIXED: [&str; 3] = ["params.p0", "params.p1", "params.p2"];
const STATUS: &str = "attributes.status";
const TEXTS: [&str; 7] = [
    "tags.t0",
    "tags.t1",
    "attributes.name",
    "attributes.run_id",
    "parent_run_id",
    "inputs.name",
    "inputs.digest",
];

fn number() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![-1.0, 0.0, 0.5, 1.0, 2.5, 3.0, 10.0, 1000.0]).prop_map(Value::Number)
}

fn text() -> impl Strategy<Value = Value> {
    let texts = PARAMS.iter().chain(&TAGS).chain(&INPUTS);
    let mut texts: Vec<&str> = texts.copied().collect();
    texts.extend(["run-3", "run-1", "RUNNING", "FINISHED", "0", "z"]);
    prop::sample::select(texts).prop_map(|text| Value::Text(text.to_owned()))
}

/// As people may write them.
fn status() -> impl Strategy<Value = Value> {
    let texts = ["RUNNING", "finished", "Failed", "killed"];
    prop::sample::select(texts.to_vec()).prop_map(|text| Value::Text(text.to_owned()))
}

fn pattern() -> impl Strategy<Value = Value> {
    "[aAbx1rR%_]{0,2}%?[cn%_]{0,2}".prop_map(Value::Text)
}

/// A random filter.
pub(crate) fn expr() -> impl Strategy<Value = Expr> {
    let operator = || prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let like = || prop::sample::select(vec!["LIKE", "ILIKE"]);
    let texts = || prop::sample::select(TEXTS.to_vec());
    let mixed = || prop::sample::select(MIXED.to_vec());
    let metrics = || prop::sample::select(METRICS.to_vec());
    let is = |(field, operator, value)| Expr::Is(field, operator, value);
    let any = || prop_oneof![number(), text()];
    let leaf = prop_oneof![
        (metrics(), operator(), number()).prop_map(is),
        (mixed(), operator(), any()).prop_map(is),
        (mixed(), like(), pattern()).prop_map(is),
        (texts(), operator(), text()).prop_map(is),
        (texts(), like(), pattern()).prop_map(is),
        (Just(STATUS), like(), pattern()).prop_map(is),
        (
            Just(STATUS),
            prop::sample::select(vec!["=", "!="]),
            status()
        )
            .prop_map(is),
        (Just(STATUS), prop::collection::vec(status(), 1..3)).prop_map(|(f, v)| Expr::In(f, v)),
        (mixed(), prop::collection::vec(any(), 1..5)).prop_map(|(f, v)| Expr::In(f, v)),
        (texts(), prop::collection::vec(text(), 1..5)).prop_map(|(f, v)| Expr::In(f, v)),
        (metrics(), prop::collection::vec(number(), 1..5)).prop_map(|(f, v)| Expr::In(f, v)),
        prop_oneof![metrics(), mixed(), texts(), Just(STATUS)].prop_map(Expr::Null),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::Or),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

/// A random order: fields, and whether they descend.
pub(crate) fn orders() -> impl Strategy<Value = Vec<(&'static str, bool)>> {
    let fields =
        METRICS
            .iter()
            .chain(&MIXED)
            .chain(&TEXTS)
            .chain(&[STATUS, "started_at", "ended_at"]);
    let fields: Vec<_> = fields.copied().collect();
    prop::collection::vec((prop::sample::select(fields), any::<bool>()), 0..3)
}

impl Value {
    fn show(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
        }
    }
}

impl Expr {
    /// As it is asked.
    pub(crate) fn show(&self) -> String {
        let joined = |parts: &[Self], joiner: &str| {
            let parts: Vec<_> = parts.iter().map(Self::show).collect();
            format!("({})", parts.join(joiner))
        };
        match self {
            Self::And(parts) => joined(parts, " AND "),
            Self::Or(parts) => joined(parts, " or "),
            Self::Not(inner) => format!("NOT {}", inner.show()),
            Self::Is(field, operator, value) => format!("{field} {operator} {}", value.show()),
            Self::In(field, values) => {
                let values: Vec<_> = values.iter().map(Value::show).collect();
                format!("{field} IN ({})", values.join(", "))
            }
            Self::Null(field) => format!("{field} IS NULL"),
        }
    }

    /// Whether it finds the run.
    pub(crate) fn finds(&self, run: &Run) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.finds(run)),
            Self::Or(parts) => parts.iter().any(|part| part.finds(run)),
            Self::Not(inner) => !inner.finds(run),
            Self::Is(field, operator, value) => cells(field, run)
                .iter()
                .any(|cell| fits(field, cell, operator, value)),
            Self::In(field, values) => cells(field, run)
                .iter()
                .any(|cell| values.iter().any(|value| fits(field, cell, "=", value))),
            Self::Null(field) => cells(field, run).is_empty(),
        }
    }
}

fn fits(field: &str, cell: &Value, operator: &str, value: &Value) -> bool {
    let value = &match value {
        Value::Text(text) if field == STATUS && matches!(operator, "=" | "!=") => {
            Value::Text(text.to_uppercase())
        }
        value => value.clone(),
    };
    let ordering = match (cell, value) {
        (Value::Number(cell), Value::Number(value)) => {
            if cell.is_nan() {
                return operator == "!=";
            }
            cell.partial_cmp(value)
        }
        (Value::Text(cell), Value::Text(value)) => match operator {
            "LIKE" => return like(&chars(value), &chars(cell)),
            "ILIKE" => return like(&chars(&value.to_lowercase()), &chars(&cell.to_lowercase())),
            _ => Some(cell.cmp(value)),
        },
        // A param is a number where it can be read as one.
        (Value::Text(cell), Value::Number(value)) if field.starts_with("params.") => {
            match cell.trim().parse::<f64>() {
                Ok(number) => number.partial_cmp(value),
                Err(_) => None,
            }
        }
        _ => None,
    };
    let Some(ordering) = ordering else {
        return false;
    };
    match operator {
        "=" => ordering.is_eq(),
        "!=" => ordering.is_ne(),
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        ">=" => ordering.is_ge(),
        _ => false,
    }
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('%', rest)), _) => (0..=text.len()).any(|taken| like(rest, &text[taken..])),
        (Some(('_', rest)), Some((_, others))) => like(rest, others),
        (Some((c, rest)), Some((found, others))) => c == found && like(rest, others),
        _ => false,
    }
}

/// What a run has of a field.
pub(crate) fn cells(field: &str, run: &Run) -> Vec<Value> {
    let text = |text: &String| Value::Text(text.clone());
    let seconds = |time: &prost_types::Timestamp| {
        Value::Number(time.seconds as f64 + f64::from(time.nanos / 1_000) / 1e6)
    };
    let (entity, key) = field.split_once('.').unwrap_or(("", field));
    match (entity, key) {
        ("metrics", key) => {
            let (key, aspect) = match key.rsplit_once('.') {
                Some((key, aspect)) => (key, aspect),
                None => (key, "latest"),
            };
            let metric = run.metrics.iter().find(|metric| metric.key == key);
            let value = metric.and_then(|metric| match aspect {
                "min" => metric.min,
                "max" => metric.max,
                _ => Some(metric.latest),
            });
            value.map(Value::Number).into_iter().collect()
        }
        ("params", key) => run.params.get(key).map(text).into_iter().collect(),
        ("tags", key) => run.tags.get(key).map(text).into_iter().collect(),
        ("inputs", key) => {
            let inputs = run.inputs.iter().filter_map(|input| input.dataset.as_ref());
            inputs
                .map(|dataset| match key {
                    "name" => text(&dataset.name),
                    _ => text(&dataset.digest),
                })
                .collect()
        }
        (_, "name") => vec![text(&run.name)],
        (_, "run_id") => vec![text(&run.id)],
        (_, "status") => {
            let name = RunStatus::try_from(run.status).unwrap().as_str_name();
            vec![Value::Text(name.replace("RUN_STATUS_", ""))]
        }
        (_, "parent_run_id") => match run.parent_run_id.as_str() {
            "" => vec![],
            id => vec![Value::Text(id.to_owned())],
        },
        (_, "started_at") => run.started_at.iter().map(seconds).collect(),
        (_, "ended_at") => run.ended_at.iter().map(seconds).collect(),
        other => panic!("no such field: {other:?}"),
    }
}

/// What a run is ordered by.
fn sort_value(field: &str, run: &Run) -> Option<Value> {
    if field == STATUS {
        return Some(Value::Number(run.status.into()));
    }
    let cells = cells(field, run).into_iter().map(|cell| match cell {
        // Where it can be read as one, by the number.
        Value::Text(text) if field.starts_with("params.") => match text.trim().parse::<f64>() {
            Ok(number) if !number.is_nan() => Value::Number(number),
            _ => Value::Text(text),
        },
        cell => cell,
    });
    cells
        .filter(|cell| !matches!(cell, Value::Number(number) if number.is_nan()))
        .min_by(|a, b| compare(a, b, false))
}

/// Numbers, then texts, each in their order or against it.
fn compare(a: &Value, b: &Value, descending: bool) -> Ordering {
    let ascending = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b).unwrap(),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Number(_), Value::Text(_)) => return Ordering::Less,
        (Value::Text(_), Value::Number(_)) => return Ordering::Greater,
    };
    if descending {
        ascending.reverse()
    } else {
        ascending
    }
}

/// Ids of the runs that `filter` finds, in the order asked; `runs` come in the order of their creation.
pub(crate) fn search(runs: &[Run], filter: &Expr, orders: &[(&str, bool)]) -> Vec<String> {
    let newest_first = runs.iter().rev();
    let mut found: Vec<&Run> = newest_first.filter(|run| filter.finds(run)).collect();
    found.sort_by(|a, b| {
        let by_order = orders.iter().map(|(field, descending)| {
            match (sort_value(field, a), sort_value(field, b)) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(a), Some(b)) => compare(&a, &b, *descending),
            }
        });
        by_order.fold(Ordering::Equal, Ordering::then)
    });
    found.into_iter().map(|run| run.id.clone()).collect()
}
