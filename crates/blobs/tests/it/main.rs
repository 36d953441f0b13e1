//! Blobs on a local folder and a real Postgres.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bytes;
mod collection;
mod place;
mod references;
