//! `herdbook lineage tag`.

use clap::Args;
use herdbook_proto::lineage::v1::{TagNodeRequest, TagNodeResponse};

use super::client;
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// Put tags on a node, or take them off.
///
/// Example: herdbook lineage tag dataset:dataset_v2 --add biased
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The node.
    node: String,
    /// A tag to put on; may be repeated.
    #[arg(long)]
    add: Vec<String>,
    /// A tag to take off; may be repeated.
    #[arg(long)]
    remove: Vec<String>,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let Options { node, add, remove } = options;
    let found = client(connection)
        .tag_node(TagNodeRequest { node, add, remove })
        .await?
        .into_inner();
    let shown = |found: &TagNodeResponse| {
        let nodes: Vec<_> = found.nodes.iter().map(describe).collect();
        nodes.join("\n")
    };
    let name = "herdbook.lineage.v1.TagNodeResponse";
    output::print(output, name, &found, shown)
}
