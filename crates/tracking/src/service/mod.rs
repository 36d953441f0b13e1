//! The rpcs: decode, call, encode.

pub(crate) mod artifacts;
mod curves;
mod definitions;
pub(crate) mod experiment_search;
pub(crate) mod experiments;
mod log_batch;
mod logged_model_search;
pub(crate) mod logged_models;
mod metric_stream;
pub(crate) mod metrics;
pub(crate) mod quota;
mod read_metrics;
mod run_fields;
mod run_search;
pub(crate) mod runs;
pub(crate) mod uploads;
pub(crate) mod values;
mod watch_runs;

use herdbook_rpc::answer;
