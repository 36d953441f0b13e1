//! End-to-end tests against the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod blobs;
mod charts;
mod clients;
mod downloads;
mod faults;
mod logging;
mod startup;
mod values;
mod watch;
