//! The rpcs: decode, call, encode.

pub(crate) mod artifacts;
mod curves;
mod definitions;
pub(crate) mod experiments;
mod log_batch;
mod metric_stream;
pub(crate) mod metrics;
mod read_metrics;
mod run_search;
pub(crate) mod runs;
pub(crate) mod values;

use tonic::{Response, Status};

use crate::TrackingError;

/// A domain result as the answer of an rpc.
fn answer<T>(result: Result<T, TrackingError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(herdbook_rpc::status)
}
