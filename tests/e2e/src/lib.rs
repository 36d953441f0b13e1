//! What end-to-end tests stand on: the real binary as processes, a real S3 server, and the trainers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod linearizable;
mod network;
mod program;
mod s3;
mod server;
mod writer;

pub use network::BadNetwork;
pub use program::{mlflow, node, python, run};
pub use s3::S3Server;
pub use server::{Herdbook, folder, postmaster};
pub use writer::DurableWriter;
