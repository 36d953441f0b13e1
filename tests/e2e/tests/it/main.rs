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
mod delivery;
mod downloads;
mod faults;
mod histories;
mod logging;
mod models;
mod startup;
mod values;
mod watch;

/// A seed that is told, so that a failure can be had again: HERDBOOK_TEST_SEED sets it.
fn seed() -> u64 {
    let given = std::env::var("HERDBOOK_TEST_SEED");
    let seed = given.map_or_else(|_| rand::random(), |text| text.parse().unwrap());
    println!("HERDBOOK_TEST_SEED={seed}");
    seed
}
