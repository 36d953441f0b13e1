//! The tracking service over real gRPC, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod artifacts;
mod batches;
mod chosen;
mod cluster;
mod curves;
mod disk_full;
mod engine;
mod experiments;
mod folders;
mod limits;
mod logged_model_search;
mod logged_models;
mod metrics;
mod pedigree;
mod purge;
mod quota;
mod run_fields;
mod runs;
mod sampling;
mod search;
mod search_groups;
mod search_model;
mod search_settled;
mod stream;
mod uploads;
mod values;
mod watch_runs;
