//! `herdbook lineage tree`.

use clap::Args;
use herdbook_proto::lineage::v1::{GetAncestorsRequest, GetAncestorsResponse};

use super::{Client, resolve};
use crate::{
    cli::Output,
    connection::Connection,
    exit::Failure,
    output,
    tree::{describe, draw},
};

/// Draw everything that something came from.
///
/// Example: herdbook lineage tree fraud-detector@Production
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A version such as model@Production or model/3, or a node such as run:<id>.
    node: String,
    /// Steps to go back at most; all, if 0.
    #[arg(long, default_value_t = 0)]
    depth: u32,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let Options { node: title, depth } = options;
    let node = resolve(&connection, title.clone()).await?;
    let request = GetAncestorsRequest {
        node,
        depth,
        ..Default::default()
    };
    let found = Client::new(connection)
        .get_ancestors(request)
        .await?
        .into_inner();
    let drawn = |found: &GetAncestorsResponse| {
        let graph = found.graph.clone().unwrap_or_default();
        let start = graph.nodes.iter().find(|node| node.depth == 0);
        let start = start.and_then(|node| node.node.as_ref()).map(describe);
        draw(&start.unwrap_or(title), &graph)
    };
    let name = "herdbook.lineage.v1.GetAncestorsResponse";
    output::print(output, name, &found, drawn)
}
