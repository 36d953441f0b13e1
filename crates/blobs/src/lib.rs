//! Bytes by the digest of their content, in any store that `object_store` speaks to.
//!
//! A blob is written once and never changes; the same bytes are stored once. When a blob is
//! acknowledged it is durable: on a local disk its file and folder are flushed, a bucket is durable by
//! its own promise.

mod error;
mod object;
mod store;
mod transfer;

pub use error::BlobError;
pub use store::{Blob, BlobStore};
pub use transfer::{InvalidRange, byte_range, chunks};
