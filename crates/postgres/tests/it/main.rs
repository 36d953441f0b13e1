//! Tests against a real Postgres.

mod embedded;
mod migrations;
mod outbox;
