//! Methods of the contract, by their names.

use bytes::Bytes;
use herdbook_proto::json::contract;
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MethodDescriptor, Value};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyAny, PyDict},
};
use uuid::Uuid;

use crate::message::{self, Message};

/// A method.
pub(crate) struct Method {
    descriptor: MethodDescriptor,
    path: PathAndQuery,
}

impl Method {
    /// The method `Service/Method`, with or without the service's package before it.
    pub(crate) fn find(name: &str, streams: bool) -> PyResult<Self> {
        let unknown = || {
            PyValueError::new_err(format!(
                "the contract has no method {name:?}; write RunService/GetRun"
            ))
        };
        let (service, method) = name.split_once('/').ok_or_else(unknown)?;
        let mut services = contract().services();
        let service = services
            .find(|found| found.full_name() == service || found.name() == service)
            .ok_or_else(unknown)?;
        let descriptor = service
            .methods()
            .find(|found| found.name() == method)
            .ok_or_else(unknown)?;
        if descriptor.is_client_streaming() {
            let problem = "takes a stream of requests, which goes by methods of runs alone";
            return Err(PyValueError::new_err(format!("{name} {problem}")));
        }
        if descriptor.is_server_streaming() != streams {
            let (is, by) = match streams {
                true => ("answers once", "call"),
                false => ("answers with a stream", "stream"),
            };
            return Err(PyValueError::new_err(format!("{name} {is}: use {by}()")));
        }
        let path = format!("/{}/{}", service.full_name(), descriptor.name());
        let path = path.parse().map_err(|_| unknown())?;
        Ok(Self { descriptor, path })
    }

    pub(crate) fn path(&self) -> PathAndQuery {
        self.path.clone()
    }

    /// The request from a dict or a message, with a key for safe repeats where it has none.
    pub(crate) fn request(&self, request: &Bound<'_, PyAny>) -> PyResult<Bytes> {
        let input = self.descriptor.input();
        let mut built = if let Ok(dict) = request.cast::<PyDict>() {
            message::build(input.full_name(), dict)?
        } else if let Ok(message) = request.cast::<Message>() {
            message.get().of_type(&input)?
        } else {
            return Err(PyTypeError::new_err("a request is a dict or a Message"));
        };
        if let Some(field) = input.get_field_by_name("request_id")
            && field.kind() == Kind::String
            && !built.has_field(&field)
        {
            let key = Uuid::now_v7().simple().to_string();
            built.set_field(&field, Value::String(key));
        }
        Ok(built.encode_to_vec().into())
    }

    /// The answer as a message.
    pub(crate) fn response(&self, content: &Bytes) -> PyResult<Message> {
        let decoded = DynamicMessage::decode(self.descriptor.output(), content.clone());
        let decoded = decoded.map_err(|error| {
            PyValueError::new_err(format!("the server's answer cannot be read: {error}"))
        })?;
        Ok(Message::from(decoded))
    }
}
