//! `herdbook lineage merge`.

use clap::Args;
use herdbook_proto::lineage::v1::{MergeNodesRequest, MergeNodesResponse};

use super::{client, one};
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// Make two nodes one. The key of the first means the second from then on, forever.
///
/// Example: herdbook lineage merge dataset:s3.loans@sha256:00ff dataset:loans@sha256:00ff --reason "one table"
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The node that is folded into the other.
    from: String,
    /// The node that stays.
    into: String,
    /// Why.
    #[arg(long)]
    reason: String,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let mut lineage = client(connection);
    let request = MergeNodesRequest {
        from: Some(one(&mut lineage, options.from).await?),
        into: Some(one(&mut lineage, options.into).await?),
        reason: options.reason,
    };
    let found = lineage.merge_nodes(request).await?.into_inner();
    let shown = |found: &MergeNodesResponse| found.node.as_ref().map(describe).unwrap_or_default();
    let name = "herdbook.lineage.v1.MergeNodesResponse";
    output::print(output, name, &found, shown)
}
