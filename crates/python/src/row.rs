//! What training code logs as numbers, whatever type it has.

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyFloat, PyString},
};

/// Values of metrics by key, and what is wrong with the others.
pub(crate) struct Row<'py> {
    keys: Vec<(Bound<'py, PyString>, f64)>,
    /// What could not be taken, and why.
    pub(crate) refused: Vec<String>,
}

impl<'py> Row<'py> {
    /// Reads a dict of numbers. One in it of its own stands for metrics whose keys begin with its key and `/`.
    pub(crate) fn read(values: &Bound<'py, PyDict>) -> PyResult<Self> {
        let mut row = Self {
            keys: Vec::with_capacity(values.len()),
            refused: Vec::new(),
        };
        row.add(values, None)?;
        Ok(row)
    }

    fn add(&mut self, values: &Bound<'py, PyDict>, prefix: Option<&str>) -> PyResult<()> {
        // All of it before code of Python's runs, which could change it.
        let pairs: Vec<_> = values.iter().collect();
        for (key, value) in pairs {
            let Ok(key) = key.cast_into::<PyString>() else {
                self.refused.push("a key that is no text".to_owned());
                continue;
            };
            let key = match prefix {
                None => key,
                Some(prefix) => PyString::new(key.py(), &format!("{prefix}/{}", key.to_str()?)),
            };
            if let Ok(value) = value.cast_exact::<PyFloat>() {
                self.keys.push((key, value.value()));
            } else if let Ok(values) = value.cast::<PyDict>() {
                let prefix = key.to_str()?.to_owned();
                self.add(values, Some(&prefix))?;
            } else {
                match number(&value) {
                    Ok(value) => self.keys.push((key, value)),
                    Err(error) => {
                        let problem = error.value(key.py());
                        self.refused.push(format!("{:?}: {problem}", key.to_str()?));
                    }
                }
            }
        }
        Ok(())
    }

    /// Keys and values.
    pub(crate) fn values(&self) -> PyResult<Vec<(&str, f64)>> {
        let pairs = self.keys.iter();
        pairs
            .map(|(key, value)| Ok((key.to_str()?, *value)))
            .collect()
    }
}

/// The number that something is: of Python, NumPy, PyTorch or whoever else has `__float__`. Integers beyond 2^53 are
/// rounded to the nearest number that 64 bits of floating point have.
fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    if value.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("a text is no number"));
    }
    if let Ok(number) = value.extract::<f64>() {
        return Ok(number);
    }
    let item = value
        .call_method0("item")
        .and_then(|item| item.extract::<f64>());
    item.map_err(|_| {
        let kind = value.get_type();
        match kind.name() {
            Ok(kind) => PyTypeError::new_err(format!("a {kind} is no single number")),
            Err(error) => error,
        }
    })
}

/// A step: any integer of 64 bits.
pub(crate) fn step(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    value
        .extract()
        .map_err(|_| PyValueError::new_err(format!("the step {value} is no integer of 64 bits")))
}
