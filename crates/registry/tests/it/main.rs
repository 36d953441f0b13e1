//! The registry over real gRPC, with tracking and lineage beside it, on a real Postgres.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod blobs;
mod cards;
mod checks;
mod cluster;
mod compare;
mod deletion;
mod frozen;
mod pedigree;
mod policies;
mod promotion;
mod requests;
mod rollback;
mod rules;
mod search;
mod search_pages;
mod serving;
mod signatures;
mod sources;
mod versions;
mod watch;
mod webhooks;
