//! The rpcs: decode, call, encode.

pub(crate) mod audit;
pub(crate) mod checks;
pub(crate) mod models;
pub(crate) mod policies;
pub(crate) mod requests;
pub(crate) mod transitions;
pub(crate) mod versions;
pub(crate) mod webhooks;

use herdbook_rpc::answer;
