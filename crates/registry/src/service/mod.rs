//! The rpcs: decode, call, encode.

pub(crate) mod models;
pub(crate) mod transitions;
pub(crate) mod versions;

use tonic::{Response, Status};

use crate::RegistryError;

/// A domain result as the answer of an rpc.
fn answer<T>(result: Result<T, RegistryError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(herdbook_rpc::status)
}
