//! Fields of JSON and YAML as MLflow writes them: numbers as numbers or as text, nothing as null, empty or missing.

use serde_json::Value;

use crate::record::Pairs;

/// Text of a field; empty if there is none.
pub(super) fn text(value: &Value, field: &str) -> String {
    match &value[field] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A number of a field.
pub(super) fn integer(value: &Value, field: &str) -> Option<i64> {
    match &value[field] {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A value of a metric.
pub(super) fn double(value: &Value, field: &str) -> f64 {
    match &value[field] {
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => number(text),
        _ => 0.0,
    }
}

/// A value of a metric in words: `NaN`, `Infinity` and `-inf` are among them, in any case.
pub(super) fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// Entries of a list; none if there is no such field.
pub(super) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

/// Entries `{"key": …, "value": …}` of a list.
pub(super) fn pairs(value: &Value, field: &str) -> Pairs {
    let pair = |entry| (text(entry, "key"), text(entry, "value"));
    list(value, field).iter().map(pair).collect()
}

/// Entries of an object.
pub(super) fn entries(value: &Value) -> Pairs {
    let keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
    keys.map(|key| (key.clone(), text(value, key))).collect()
}
