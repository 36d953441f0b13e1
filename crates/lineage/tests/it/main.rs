//! Lineage over real gRPC, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod descents;
mod narrowed;
mod questions;
mod random;
mod record;
mod walks;
