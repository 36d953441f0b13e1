//! Bytes by the digest of their content, in any store that `object_store` speaks to.
//!
//! A blob is written once and never changes; the same bytes are stored once. When a blob is
//! acknowledged it is durable: on a local disk its file and folder are flushed, a bucket is durable by
//! its own promise. Postgres counts the manifest entries that name each blob, in the transactions that
//! write them; one that nothing names is collected after a time of grace.
//!
//! Every process that has manifests links this crate, and it alone touches the schema `blobs`.

mod blob_store;
mod bucket;
mod collector;
mod error;
mod object;
mod store;
mod transfer;
mod upload;

use sqlx::migrate::Migrator;

pub use blob_store::{Blob, BlobStore};
pub use collector::{Collector, Manifests, Owner};
pub use error::BlobError;
pub use store::references::References;
pub use transfer::{InvalidRange, byte_range, chunks};
pub use upload::Blobs;

/// The schema of this crate.
pub const SCHEMA: &str = "blobs";
/// Its migrations.
pub static MIGRATIONS: Migrator = sqlx::migrate!();
