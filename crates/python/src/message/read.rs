//! Fields as Python values: texts, numbers, lists, dicts, times, other messages.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use pyo3::{
    IntoPyObjectExt as _,
    prelude::*,
    types::{PyBytes, PyDict, PyList},
};

use super::{Message, short};

/// All fields that are set.
pub(super) fn dict<'py>(py: Python<'py>, message: &DynamicMessage) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (field, _) in message.fields() {
        dict.set_item(field.name(), self::field(py, message, &field, true)?)?;
    }
    Ok(dict)
}

/// A field; `None` if it may be absent and is. With `plain`, messages in it are dicts.
pub(super) fn field<'py>(
    py: Python<'py>,
    message: &DynamicMessage,
    field: &FieldDescriptor,
    plain: bool,
) -> PyResult<Bound<'py, PyAny>> {
    if field.supports_presence() && !message.has_field(field) {
        return Ok(py.None().into_bound(py));
    }
    value(py, &message.get_field(field), &field.kind(), plain)
}

fn value<'py>(
    py: Python<'py>,
    found: &Value,
    kind: &Kind,
    plain: bool,
) -> PyResult<Bound<'py, PyAny>> {
    match found {
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::I32(value) => value.into_bound_py_any(py),
        Value::I64(value) => value.into_bound_py_any(py),
        Value::U32(value) => value.into_bound_py_any(py),
        Value::U64(value) => value.into_bound_py_any(py),
        Value::F32(value) => value.into_bound_py_any(py),
        Value::F64(value) => value.into_bound_py_any(py),
        Value::String(value) => value.into_bound_py_any(py),
        Value::Bytes(value) => Ok(PyBytes::new(py, value).into_any()),
        Value::EnumNumber(number) => match kind {
            Kind::Enum(kind) => match kind.get_value(*number) {
                Some(value) => short(kind, value.name()).into_bound_py_any(py),
                // Of a newer server.
                None => number.into_bound_py_any(py),
            },
            _ => number.into_bound_py_any(py),
        },
        Value::Message(message) => nested(py, message, plain),
        Value::List(values) => {
            let list = PyList::empty(py);
            for one in values {
                list.append(value(py, one, kind, plain)?)?;
            }
            Ok(list.into_any())
        }
        Value::Map(values) => {
            let of = match kind {
                Kind::Message(entry) => entry.map_entry_value_field().kind(),
                _ => kind.clone(),
            };
            let dict = PyDict::new(py);
            for (key, one) in values {
                dict.set_item(self::key(py, key)?, value(py, one, &of, plain)?)?;
            }
            Ok(dict.into_any())
        }
    }
}

fn key<'py>(py: Python<'py>, key: &MapKey) -> PyResult<Bound<'py, PyAny>> {
    match key {
        MapKey::Bool(key) => key.into_bound_py_any(py),
        MapKey::I32(key) => key.into_bound_py_any(py),
        MapKey::I64(key) => key.into_bound_py_any(py),
        MapKey::U32(key) => key.into_bound_py_any(py),
        MapKey::U64(key) => key.into_bound_py_any(py),
        MapKey::String(key) => key.into_bound_py_any(py),
    }
}

fn nested<'py>(
    py: Python<'py>,
    message: &DynamicMessage,
    plain: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let number = |name: &str| match message.get_field_by_name(name).as_deref() {
        Some(Value::I64(number)) => *number,
        Some(Value::I32(number)) => i64::from(*number),
        _ => 0,
    };
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let datetime = py.import("datetime")?;
            let utc = datetime.getattr("timezone")?.getattr("utc")?;
            let epoch = datetime
                .getattr("datetime")?
                .call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
            let since = datetime.getattr("timedelta")?;
            epoch.add(since.call1((0, number("seconds"), number("nanos") / 1_000))?)
        }
        "google.protobuf.Duration" => {
            let span = py.import("datetime")?.getattr("timedelta")?;
            span.call1((0, number("seconds"), number("nanos") / 1_000))
        }
        "google.protobuf.FieldMask" => match message.get_field_by_name("paths") {
            Some(paths) => value(py, &paths, &Kind::String, plain),
            None => Ok(PyList::empty(py).into_any()),
        },
        _ if plain => Ok(dict(py, message)?.into_any()),
        _ => Message(message.clone()).into_bound_py_any(py),
    }
}
