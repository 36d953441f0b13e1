//! Brings what other trackers hold into a running Herdbook: experiments, runs with all their points, files, logged
//! models and the registry, with their ids and times.
//!
//! ```text
//! source/  reads a store: a server, a database, a folder    bring/  writes what is missing, in the order in which
//! files    reads the files behind an artifact URI                   one thing names another
//! record   what both sides talk of                          check/  compares both sides
//!                                                           destination/  the generated clients of Herdbook
//! ```

mod bring;
mod check;
mod destination;
mod error;
mod files;
mod ledger;
mod record;
mod source;

use herdbook_client::Connection;

pub use check::{Comparison, Difference};
pub use error::ImportError;
pub use ledger::{Counts, Ledger, LeftOut, Report};
pub use source::SourceOptions;

use bring::Import;
use destination::Destination;

/// What to bring.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the source is read.
    pub source: SourceOptions,
    /// Names of the experiments to bring or compare, without the registry; everything if empty.
    pub experiments: Vec<String>,
    /// Whether to bring or compare files too.
    pub artifacts: bool,
}

impl Options {
    fn takes(&self, experiment: &str) -> bool {
        self.experiments.is_empty() || self.experiments.iter().any(|name| name == experiment)
    }
}

/// Brings what the MLflow at `from` holds. What is here already stays as it is; the same import again goes on where
/// one was interrupted, and changes nothing when all is here. Versions keep who registered them and where they stood,
/// which asks for an admin.
///
/// # Errors
///
/// If the source cannot be read, or Herdbook cannot be reached or does not let the caller in. What is wrong with one
/// record is in the report.
pub async fn import_mlflow(
    from: &str,
    to: Connection,
    options: &Options,
    ledger: &Ledger,
) -> Result<Report, ImportError> {
    let source = source::open(from, &options.source).await?;
    let to = Destination::new(to);
    Import::new(source.as_ref(), to, ledger, options)
        .run()
        .await
}

/// Counts what an import would have to bring, if nothing of it is here.
///
/// # Errors
///
/// If the source cannot be read.
pub async fn plan_mlflow(
    from: &str,
    to: Connection,
    options: &Options,
    ledger: &Ledger,
) -> Result<Report, ImportError> {
    let source = source::open(from, &options.source).await?;
    let to = Destination::new(to);
    Import::new(source.as_ref(), to, ledger, options)
        .plan()
        .await
}

/// Compares what the MLflow at `from` holds with what is here.
///
/// # Errors
///
/// If one of the sides cannot be read.
pub async fn check_mlflow(
    from: &str,
    to: Connection,
    options: &Options,
    compared: &Ledger,
) -> Result<Comparison, ImportError> {
    let source = source::open(from, &options.source).await?;
    let to = Destination::new(to);
    check::Check::new(source.as_ref(), to, options, compared)
        .run()
        .await
}
