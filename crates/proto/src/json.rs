//! Messages as JSON by the protobuf mapping, with the contract's field names and 64-bit numbers as numbers.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde::Serializer;

use crate::FILE_DESCRIPTOR_SET;

/// A message that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The contract has none of this name.
    #[error("the contract has no message {0}")]
    Unknown(String),
    /// It is not of the type named.
    #[error(transparent)]
    Decode(#[from] prost::DecodeError),
    /// The serializer failed.
    #[error("{0}")]
    Serialize(String),
}

/// The descriptor of a message, named such as `herdbook.tracking.v1.Run`.
pub fn descriptor(name: &str) -> Result<MessageDescriptor, JsonError> {
    let found = contract().get_message_by_name(name);
    found.ok_or_else(|| JsonError::Unknown(name.to_owned()))
}

/// The descriptors of the whole contract, decoded once.
pub fn contract() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap_or_default());
    &POOL
}

/// Writes the message `name`; fields that are not set are left out if `sparse`.
pub fn serialize<M: Message, S: Serializer>(
    name: &str,
    message: &M,
    sparse: bool,
    serializer: S,
) -> Result<S::Ok, JsonError> {
    let message = DynamicMessage::decode(descriptor(name)?, message.encode_to_vec().as_slice())?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false)
        .skip_default_fields(sparse);
    message
        .serialize_with_options(serializer, &options)
        .map_err(|error| JsonError::Serialize(error.to_string()))
}
