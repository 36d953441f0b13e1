//! Tests against a real Postgres.

#![allow(clippy::unwrap_used, clippy::panic)]

mod begin;
mod embedded;
mod migrations;
mod outbox;
