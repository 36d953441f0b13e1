//! Access over real gRPC, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod callers;
mod cluster;
mod members;
mod provider;
mod sign_in;
