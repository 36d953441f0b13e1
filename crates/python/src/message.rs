//! Messages of the contract as Python objects: read by attribute, made from dicts. What a newer server says in
//! fields that this contract does not have is kept, and goes back with the message.

use prost_reflect::{DynamicMessage, EnumDescriptor, MessageDescriptor, ReflectMessage as _};
use pyo3::{
    exceptions::{PyAttributeError, PyTypeError, PyValueError},
    prelude::*,
    types::PyDict,
};

mod read;
mod write;

pub(crate) use write::build;

/// A message, which never changes.
#[pyclass(frozen, eq, module = "herdbook", name = "Message")]
#[derive(Clone, PartialEq)]
pub(crate) struct Message(DynamicMessage);

impl From<DynamicMessage> for Message {
    fn from(message: DynamicMessage) -> Self {
        Self(message)
    }
}

impl Message {
    /// The message, if it is of this type.
    pub(crate) fn of_type(&self, wanted: &MessageDescriptor) -> PyResult<DynamicMessage> {
        let own = self.0.descriptor();
        match own == *wanted {
            true => Ok(self.0.clone()),
            false => Err(PyTypeError::new_err(format!(
                "a {} is wanted here, not a {}",
                wanted.name(),
                own.name()
            ))),
        }
    }
}

#[pymethods]
impl Message {
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let own = self.0.descriptor();
        let Some(field) = own.get_field_by_name(name) else {
            let problem = format!("a {} has no field {name:?}", own.name());
            return Err(PyAttributeError::new_err(problem));
        };
        read::field(py, &self.0, &field, false)
    }

    fn __dir__(&self) -> Vec<String> {
        let own = self.0.descriptor();
        let fields = own.fields().map(|field| field.name().to_owned());
        let methods = ["message_name", "to_dict", "which"].map(str::to_owned);
        fields.chain(methods).collect()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let dict = self.to_dict(py)?;
        Ok(format!("{}({})", self.0.descriptor().name(), dict.repr()?))
    }

    /// Name of the message in the contract, such as `herdbook.tracking.v1.Run`.
    fn message_name(&self) -> String {
        self.0.descriptor().full_name().to_owned()
    }

    /// Name of the field that is set of a choice of which only one can be; `None` if none is.
    fn which(&self, choice: &str) -> PyResult<Option<String>> {
        let own = self.0.descriptor();
        let mut choices = own.oneofs();
        let Some(choice) = choices.find(|found| found.name() == choice) else {
            let problem = format!("a {} has no choice {choice:?}", own.name());
            return Err(PyValueError::new_err(problem));
        };
        let mut fields = choice.fields();
        let set = fields.find(|field| self.0.has_field(field));
        Ok(set.map(|field| field.name().to_owned()))
    }

    /// All that is set, as a dict, which can be a request again.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        read::dict(py, &self.0)
    }
}

/// An enum's value as Python has it: without what all names of the enum begin with.
fn short<'a>(kind: &EnumDescriptor, name: &'a str) -> &'a str {
    let mut prefix = String::new();
    for letter in kind.name().chars() {
        if letter.is_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.extend(letter.to_uppercase());
    }
    prefix.push('_');
    name.strip_prefix(&prefix).unwrap_or(name)
}
