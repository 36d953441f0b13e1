//! `herdbook models download`.

use std::path::PathBuf;

use clap::Args;

use crate::{commands::artifacts, connection::Connection, exit::Failure};

/// Download a file of a version, or all of them.
///
/// Example: herdbook models download fraud-detector@Production --to ./model
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The version.
    reference: String,
    /// The file; all, if none is named.
    path: Option<String>,
    /// The folder to put them in.
    #[arg(long, default_value = ".", value_name = "DIR")]
    to: PathBuf,
}

pub(super) async fn run(connection: Connection, options: Options) -> Result<(), Failure> {
    let Options {
        reference,
        path,
        to,
    } = options;
    artifacts::download_version(connection, reference, path, to).await
}
