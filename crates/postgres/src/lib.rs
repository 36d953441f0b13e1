//! Postgres for every service: the pool, migrations per schema, the transactional outbox, advisory
//! locks, and the embedded cluster that `herdbook up` runs as its child.

pub mod advisory;
mod begin;
mod database;
pub mod embedded;
mod error;
mod kept;
mod migrate;
pub mod outbox;
mod sqlstate;

pub use begin::{begin, begin_snapshot};
pub use database::{ConnectError, Database};
pub use error::DatabaseError;
pub use kept::KeptConnection;
pub use migrate::{MigrationError, MigrationStatus, migrate, migration_status};
pub use outbox::Outbox;
