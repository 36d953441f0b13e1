//! Lineage over real gRPC, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod columns;
mod descents;
mod facets;
mod identity;
mod kinds;
mod narrowed;
mod past;
mod questions;
mod random;
mod record;
mod search;
mod walks;
