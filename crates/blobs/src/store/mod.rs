//! The schema `blobs`.
//!
//! What is stored: a row a blob, with the number of manifest entries that name it. Why durable: a count
//! that is too low would cost bytes that somebody needs. What must be fast: taking and giving back
//! references, two statements for any number of blobs, in the transaction that writes the manifest.
//! On failure: a blob whose upload or collection was cut short keeps its row, by which the next
//! collector finds it.
//!
//! Order of locks: blobs come after the rows of the manifests that name them, by their digests.

pub(crate) mod collection;
pub(crate) mod references;
pub(crate) mod staging;

use std::time::Duration;

/// How long a collector may take to remove the bytes of blobs that it marked: afterwards it must not
/// touch them, and they may be uploaded anew.
pub(crate) const COLLECTION: Duration = Duration::from_secs(20);
