//! Requests that know of which call they are.

use bytes::Bytes;
use herdbook_core::limits::MESSAGE_BYTES;
use tonic::{
    Response, Status,
    body::Body,
    client::GrpcService,
    codegen::{Body as HttpBody, StdError},
};

/// What carries calls, such as a channel.
pub trait Transport:
    GrpcService<
        Body,
        ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
        Future: Send,
    > + Send
{
}

impl<T> Transport for T where
    T: GrpcService<
            Body,
            ResponseBody: HttpBody<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
            Future: Send,
        > + Send
{
}

/// A request of a call that has one answer. Each request of the contract belongs to one call.
pub trait Call: Clone + Send + 'static {
    /// The answer.
    type Answer: Send;

    /// The key by which a repeat does nothing twice, where the call has one, and nothing else in the request
    /// is such a key.
    fn request_id(&mut self) -> Option<&mut String>;

    /// Makes the call.
    fn send<T: Transport>(
        self,
        transport: T,
    ) -> impl Future<Output = Result<Response<Self::Answer>, Status>> + Send;
}

include!(concat!(env!("OUT_DIR"), "/calls.rs"));
