//! The client against the real tracking service.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod away;
mod journal;
mod quota;
mod server;
mod spool;
mod stream;
mod system;
