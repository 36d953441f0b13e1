//! MLflow's REST protocol, as its own clients speak it, in calls of the three services.
//!
//! A request becomes a [`call::Call`]: who calls, in which workspace, with which fields. Its endpoint reads
//! them (`wire`), asks the services on the caller's behalf, and answers MLflow's JSON; what goes wrong
//! becomes MLflow's error (`error`). Nothing is kept here.
//!
//! The one list of endpoints is made from those that each subject brings (`endpoint`), below every prefix.

mod artifacts;
mod call;
mod conventions;
mod endpoint;
mod error;
mod experiments;
mod inputs;
mod logged_models;
mod logging;
mod metrics;
mod model_versions;
mod registered_models;
mod routes;
mod runs;
mod search;
mod server_info;
mod unsupported;
mod webhooks;
mod wire;
mod workspaces;

pub(crate) use routes::routes;

use endpoint::Endpoint;

/// All endpoints: a line for each subject.
fn endpoints() -> Vec<Endpoint> {
    [
        experiments::endpoints(),
        search::experiments::endpoints(),
        runs::endpoints(),
        search::runs::endpoints(),
        logging::endpoints(),
        inputs::endpoints(),
        metrics::endpoints(),
        logged_models::endpoints(),
        artifacts::endpoints(),
        registered_models::endpoints(),
        model_versions::endpoints(),
        webhooks::endpoints(),
        server_info::endpoints(),
        workspaces::endpoints(),
        unsupported::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
