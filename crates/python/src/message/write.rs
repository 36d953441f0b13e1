//! Messages from dicts, with errors that name the field.

use std::collections::HashMap;

use herdbook_proto::json::descriptor;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyString},
};

use super::{Message, short};

/// The message of this name that a dict describes.
pub(crate) fn build(name: &str, dict: &Bound<'_, PyDict>) -> PyResult<DynamicMessage> {
    let wanted = descriptor(name).map_err(|error| PyValueError::new_err(error.to_string()))?;
    filled(&wanted, dict, wanted.name())
}

fn filled(
    wanted: &MessageDescriptor,
    dict: &Bound<'_, PyDict>,
    at: &str,
) -> PyResult<DynamicMessage> {
    let mut message = DynamicMessage::new(wanted.clone());
    for (name, value) in dict.iter() {
        let name: String = name.extract()?;
        let Some(field) = wanted.get_field_by_name(&name) else {
            let known: Vec<_> = wanted
                .fields()
                .map(|field| field.name().to_owned())
                .collect();
            return Err(PyValueError::new_err(format!(
                "{at} has no field {name:?}; it has {}",
                known.join(", ")
            )));
        };
        if !value.is_none() {
            let at = format!("{at}.{name}");
            message.set_field(&field, whole(&field, &value, &at)?);
        }
    }
    Ok(message)
}

/// A field's value: one, a list or a map.
fn whole(field: &FieldDescriptor, value: &Bound<'_, PyAny>, at: &str) -> PyResult<Value> {
    let wrong = |wanted: &str| PyTypeError::new_err(format!("{at} is to be {wanted}"));
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else {
            return Err(wrong("a dict"));
        };
        let dict = value.cast::<PyDict>().map_err(|_| wrong("a dict"))?;
        let (keys, values) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let mut map = HashMap::new();
        for (key, value) in dict.iter() {
            let at = format!("{at}[{key}]");
            map.insert(
                map_key(&keys.kind(), &key, &at)?,
                one(&values.kind(), &value, &at)?,
            );
        }
        return Ok(Value::Map(map));
    }
    if field.is_list() {
        if value.is_instance_of::<PyString>() {
            return Err(wrong("a list"));
        }
        let values = value.try_iter().map_err(|_| wrong("a list"))?;
        let mut list = Vec::new();
        for (index, value) in values.enumerate() {
            list.push(one(&field.kind(), &value?, &format!("{at}[{index}]"))?);
        }
        return Ok(Value::List(list));
    }
    one(&field.kind(), value, at)
}

fn one(kind: &Kind, value: &Bound<'_, PyAny>, at: &str) -> PyResult<Value> {
    let wrong = |wanted: &str| {
        let problem = format!("{at} is to be {wanted}, not {}", value.get_type());
        PyTypeError::new_err(problem)
    };
    Ok(match kind {
        Kind::Bool => Value::Bool(value.extract().map_err(|_| wrong("a bool"))?),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(
            value
                .extract()
                .map_err(|_| wrong("an integer of 32 bits"))?,
        ),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(
            value
                .extract()
                .map_err(|_| wrong("an integer of 64 bits"))?,
        ),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(
            value
                .extract()
                .map_err(|_| wrong("a natural number of 32 bits"))?,
        ),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(
            value
                .extract()
                .map_err(|_| wrong("a natural number of 64 bits"))?,
        ),
        Kind::Float => Value::F32(value.extract().map_err(|_| wrong("a number"))?),
        Kind::Double => Value::F64(value.extract().map_err(|_| wrong("a number"))?),
        Kind::String => Value::String(value.extract().map_err(|_| wrong("a text"))?),
        Kind::Bytes => {
            let bytes: Vec<u8> = value.extract().map_err(|_| wrong("bytes"))?;
            Value::Bytes(bytes.into())
        }
        Kind::Enum(kind) => Value::EnumNumber(number(kind, value, at)?),
        Kind::Message(wanted) => Value::Message(nested(wanted, value, at)?),
    })
}

fn map_key(kind: &Kind, key: &Bound<'_, PyAny>, at: &str) -> PyResult<MapKey> {
    Ok(match one(kind, key, at)? {
        Value::Bool(key) => MapKey::Bool(key),
        Value::I32(key) => MapKey::I32(key),
        Value::I64(key) => MapKey::I64(key),
        Value::U32(key) => MapKey::U32(key),
        Value::U64(key) => MapKey::U64(key),
        Value::String(key) => MapKey::String(key),
        _ => return Err(PyTypeError::new_err(format!("{at} cannot be a key"))),
    })
}

/// The number of an enum's value by its name, whole or short, or by itself.
fn number(kind: &EnumDescriptor, value: &Bound<'_, PyAny>, at: &str) -> PyResult<i32> {
    if let Ok(number) = value.extract::<i32>() {
        return Ok(number);
    }
    let name: String = value.extract()?;
    let named = |known: &str| known == name || short(kind, known) == name;
    if let Some(found) = kind.values().find(|known| named(known.name())) {
        return Ok(found.number());
    }
    let known: Vec<_> = kind
        .values()
        .map(|known| short(kind, known.name()).to_owned())
        .collect();
    let known = known.join(", ");
    Err(PyValueError::new_err(format!(
        "{at} cannot be {name:?}; it is one of {known}"
    )))
}

fn nested(
    wanted: &MessageDescriptor,
    value: &Bound<'_, PyAny>,
    at: &str,
) -> PyResult<DynamicMessage> {
    if let Ok(message) = value.cast::<Message>() {
        return message.get().of_type(wanted);
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return filled(wanted, dict, at);
    }
    let mut message = DynamicMessage::new(wanted.clone());
    let mut set = |name: &str, value: Value| message.set_field_by_name(name, value);
    match wanted.full_name() {
        "google.protobuf.Timestamp" => {
            let (seconds, nanos) = time(value).map_err(|_| {
                PyTypeError::new_err(format!("{at} is to be a datetime that knows its time zone"))
            })?;
            set("seconds", Value::I64(seconds));
            set("nanos", Value::I32(nanos));
        }
        "google.protobuf.Duration" => {
            let (seconds, nanos) = span(value)
                .map_err(|_| PyTypeError::new_err(format!("{at} is to be a timedelta")))?;
            set("seconds", Value::I64(seconds));
            set("nanos", Value::I32(nanos));
        }
        "google.protobuf.FieldMask" => {
            let paths: Vec<String> = value.extract()?;
            let paths = paths.into_iter().map(Value::String).collect();
            set("paths", Value::List(paths));
        }
        name => {
            let problem = format!("{at} is to be a dict or a Message of {name}");
            return Err(PyTypeError::new_err(problem));
        }
    }
    Ok(message)
}

/// Seconds and nanoseconds since 1970 UTC.
fn time(value: &Bound<'_, PyAny>) -> PyResult<(i64, i32)> {
    let datetime = value.py().import("datetime")?;
    let utc = datetime.getattr("timezone")?.getattr("utc")?;
    let epoch = datetime
        .getattr("datetime")?
        .call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
    span(&value.sub(epoch)?)
}

fn span(value: &Bound<'_, PyAny>) -> PyResult<(i64, i32)> {
    let days: i64 = value.getattr("days")?.extract()?;
    let seconds: i64 = value.getattr("seconds")?.extract()?;
    let micros: i32 = value.getattr("microseconds")?.extract()?;
    Ok((days * 86_400 + seconds, micros * 1_000))
}
