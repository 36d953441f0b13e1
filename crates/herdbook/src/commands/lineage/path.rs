//! `herdbook lineage path`.

use clap::Args;
use herdbook_proto::lineage::v1::{FindPathRequest, FindPathResponse};

use super::{client, moment::Moment, resolve, way};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

/// Show a shortest way from an ancestor to a descendant.
///
/// Example: herdbook lineage path dataset:dataset_v1 fraud-detector@Production
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The ancestor.
    from: String,
    /// The descendant.
    to: String,
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let from = resolve(&connection, options.from).await?;
    let to = resolve(&connection, options.to).await?;
    let request = FindPathRequest {
        from,
        to,
        known_at: options.moment.known_at(),
        held_at: options.moment.held_at(),
    };
    let found = client(connection).find_path(request).await?.into_inner();
    let shown = |found: &FindPathResponse| {
        let none = || "there is no way".to_owned();
        found.path.as_ref().map_or_else(none, way)
    };
    let name = "herdbook.lineage.v1.FindPathResponse";
    output::print(output, name, &found, shown)?;
    match found.path {
        Some(_) => Ok(()),
        None => Err(Failure::refused("the one does not descend from the other")),
    }
}
