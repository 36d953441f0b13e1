//! The Rust client: logs metric points from a training loop without ever holding it up.
//!
//! ```no_run
//! use herdbook_client::{Client, CreateRunRequest, Options, RunStatus};
//!
//! # fn main() -> Result<(), herdbook_client::ClientError> {
//! let client = Client::connect(Options::new("http://127.0.0.1:5757").spool("/var/tmp/herdbook"))?;
//! let created = client.create_run(CreateRunRequest::default()).wait()?;
//! let run = client.run(&created.id)?;
//! for step in 0..1_000 {
//!     run.log(step, &[("loss", 0.3), ("accuracy", 0.9)])?;
//! }
//! run.flush().wait()?;
//! # Ok(())
//! # }
//! ```
//!
//! Points gather in columns in memory and are sent by a thread of the client as numbered batches, which
//! the server acknowledges once they are on its disk. After a loss of the connection or an end of the
//! server, the client connects again by itself and goes on from what is committed. When memory gets
//! short, and at the end, batches go to a *spool*, a file, which the next process with the same folder
//! sends: nothing is lost, nothing counts twice.
//!
//! With a folder, the rest of a run is as durable: [`Client::start_run`] begins one without waiting for the server,
//! under an id that the client chooses, and what is asked of it stands in a *journal* beside the spool until the
//! server has done it.
//!
//! Everything else is for async programs: [`Herdbook`] makes any call of the contract, carries files,
//! resolves references and follows the registry.
//!
//! ```no_run
//! use herdbook_client::{Herdbook, Options};
//! use herdbook_proto::{registry::v1::WatchRequest, tracking::v1::GetRunRequest};
//!
//! # async fn example(run_id: String) -> Result<(), herdbook_client::Error> {
//! let herdbook = Herdbook::connect(Options::from_env())?;
//! let run = herdbook.call(GetRunRequest { run_id }).await?.run;
//! let version = herdbook.resolve("fraud-detector@Production").await?;
//! let mut changes = herdbook.watch(WatchRequest { model: version.model, ..Default::default() });
//! println!("{:?}", changes.next().await?);
//! # Ok(())
//! # }
//! ```

mod acts;
mod batch;
mod calls;
mod client;
mod connection;
mod engine;
mod error;
mod event;
mod gathering;
mod journal;
mod lane;
mod link;
mod options;
mod reply;
mod retry;
mod run;
mod script;
mod services;
mod spool;
mod system;
mod writer;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use client::Client;
pub use connection::{Connection, Credentials, endpoint};
pub use engine::Closed;
pub use error::ClientError;
pub use event::Event;
pub use herdbook_proto::{
    Call,
    tracking::v1::{CreateRunRequest, Run, RunStatus},
};
pub use options::{Durability, Options, default_spool};
pub use reply::Reply;
pub use run::RunHandle;
pub use services::{Error, Failed, FieldProblem, Herdbook, RuleFailure, Watch};
pub use system::SystemSampler;
