//! The doors over real HTTP, to a real lineage service on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod exports;
mod malformed;
mod mlflow;
mod names;
mod orders;
mod recorded;
mod requests;
