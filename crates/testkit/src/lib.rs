//! What tests share: a database each on a real Postgres, and waiting on conditions.

#![allow(clippy::expect_used, clippy::panic)]

mod cluster;
mod database;
pub mod grpc;
mod wait;

pub use database::TestDatabase;
pub use wait::{wait_until, wait_up_to};
