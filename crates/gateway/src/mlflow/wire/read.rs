//! Fields of requests.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::mlflow::error::{Answer, Error};

const SEE_DOCS: &str = "See the API docs for more information about request parameters.";

/// Fields in a query; one that is there more than once is a list.
pub(in crate::mlflow) fn from_query<T: DeserializeOwned>(query: &str) -> Answer<T> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = Value::String(value.into_owned());
        match fields.get_mut(&*name) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                fields.insert(name.into_owned(), value);
            }
        }
    }
    let fields = Value::Object(fields);
    serde_path_to_error::deserialize(&fields)
        .map_err(|error| wrong(&error.path().to_string(), &fields, &error))
}

/// Fields in a body; an empty one has none.
pub(in crate::mlflow) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    let body = if body.trim_ascii().is_empty() {
        b"{}"
    } else {
        body
    };
    serde_json::from_slice(body).map_err(|error| not_read::<T>(body, &error))
}

/// What is said of a body that cannot be read. It is read again for that: keeping track of where in it one is costs as much
/// as reading it.
fn not_read<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Error {
    let Ok(fields) = serde_json::from_slice::<Value>(body) else {
        return Error::invalid(format!("the body is not JSON: {error}"));
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Ok(_) => String::new(),
        Err(error) => error.path().to_string(),
    };
    match fields {
        // Some clients send the object as a text.
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(fields) => wrong(&path, &fields, error),
            Err(_) => Error::invalid(format!("the body is no JSON object: {error}")),
        },
        fields => wrong(&path, &fields, error),
    }
}

fn wrong(path: &str, fields: &Value, error: &dyn fmt::Display) -> Error {
    let name = path.split(['.', '[']).next().unwrap_or_default();
    match fields.get(name) {
        Some(value) => Error::invalid(format!(
            "Invalid value {value} for parameter '{path}' supplied: Hint: Value was of type '{}'. {SEE_DOCS}",
            python_type(value)
        )),
        None => Error::invalid(format!("the fields cannot be read: {error}")),
    }
}

/// What Python calls the type of a value.
fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// A field that must be there.
pub(in crate::mlflow) fn required<T>(name: impl fmt::Display, value: Option<T>) -> Answer<T> {
    value.ok_or_else(|| missing(name))
}

/// A text that must be there, and not empty.
pub(in crate::mlflow) fn required_text(name: &str, value: Option<String>) -> Answer<String> {
    required(name, value.filter(|text| !text.is_empty()))
}

/// What is said of a field that must be there and is not.
pub(in crate::mlflow) fn missing(name: impl fmt::Display) -> Error {
    Error::invalid(format!(
        "Missing value for required parameter '{name}'. {SEE_DOCS}"
    ))
}

/// A whole number, in a string too.
pub(in crate::mlflow) fn int<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<i64>, D::Error> {
    struct Int;
    impl Visitor<'_> for Int {
        type Value = Option<i64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }
        fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }
        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
            i64::try_from(number).map(Some).map_err(E::custom)
        }
        fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
            // Protobuf takes 5.0 for 5; beyond 2^53 such a number says nothing exact.
            let whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
            match whole {
                #[allow(clippy::cast_possible_truncation)]
                true => Ok(Some(number as i64)),
                false => Err(E::custom("not a whole number")),
            }
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            text.parse().map(Some).map_err(E::custom)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    reader.deserialize_any(Int)
}

/// A number, in a string too; `NaN`, `Infinity` and `-Infinity` are always in one.
pub(in crate::mlflow) fn double<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<f64>, D::Error> {
    struct Double;
    impl Visitor<'_> for Double {
        type Value = Option<f64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }
        fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }
        #[allow(clippy::cast_precision_loss)]
        fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number as f64))
        }
        #[allow(clippy::cast_precision_loss)]
        fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number as f64))
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            text.parse().map(Some).map_err(E::custom)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    reader.deserialize_any(Double)
}

/// A yes or no, in a string too.
pub(in crate::mlflow) fn flag<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(reader)? {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(value)),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        _ => Err(D::Error::custom("neither true nor false")),
    }
}

/// A list of texts; one alone is a list of one, as queries have it.
pub(in crate::mlflow) fn texts<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<Vec<String>, D::Error> {
    struct Texts;
    impl<'de> Visitor<'de> for Texts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of texts")
        }
        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![text.to_owned()])
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut texts = Vec::with_capacity(seq.size_hint().unwrap_or_default());
            while let Some(text) = seq.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }
    reader.deserialize_any(Texts)
}
