//! Lineage over real gRPC, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod columns;
mod facets;
mod questions;
mod random;
mod record;
