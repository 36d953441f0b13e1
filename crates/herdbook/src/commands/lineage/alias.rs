//! `herdbook lineage alias`.

use clap::Args;
use herdbook_proto::lineage::v1::{NodeKey, SetAliasRequest, SetAliasResponse};

use super::{client, key, one};
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// Let another key mean a node, forever.
///
/// Example: herdbook lineage alias dataset:warehouse.loans@sha256:00ff dataset:loans@sha256:00ff
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The other key, such as dataset:warehouse.loans@sha256:00ff; its version begins at the last @.
    #[arg(value_parser = key)]
    alias: NodeKey,
    /// The node that it means.
    node: String,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let mut lineage = client(connection);
    let request = SetAliasRequest {
        node: Some(one(&mut lineage, options.node).await?),
        alias: Some(options.alias),
    };
    let found = lineage.set_alias(request).await?.into_inner();
    let shown = |found: &SetAliasResponse| found.node.as_ref().map(describe).unwrap_or_default();
    let name = "herdbook.lineage.v1.SetAliasResponse";
    output::print(output, name, &found, shown)
}
