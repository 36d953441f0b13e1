//! What people do together, over real gRPC, on a real Postgres, beside the real other services.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod activity;
mod cluster;
mod comments;
mod mentions;
mod preferences;
mod reports;
mod views;
