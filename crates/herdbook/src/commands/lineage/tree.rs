//! `herdbook lineage tree`.

use clap::Args;
use herdbook_proto::lineage::v1::{
    GetAncestorsRequest, GetAncestorsResponse, GetInheritedTagsRequest,
};

use super::{Client, moment::Moment, resolve, tags};
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
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let Options {
        node: title,
        depth,
        moment,
    } = options;
    let node = resolve(&connection, title.clone()).await?;
    let request = GetAncestorsRequest {
        node,
        depth,
        known_at: moment.known_at(),
        held_at: moment.held_at(),
        ..Default::default()
    };
    let mut client = Client::new(connection);
    let tags = GetInheritedTagsRequest {
        node: request.node.clone(),
        known_at: request.known_at,
        held_at: request.held_at,
    };
    let found = client.get_ancestors(request).await?.into_inner();
    let tags = match output {
        Output::Json => None,
        _ => tags::line(&client.get_inherited_tags(tags).await?.into_inner()),
    };
    let drawn = |found: &GetAncestorsResponse| {
        let graph = found.graph.clone().unwrap_or_default();
        let start = graph.nodes.iter().find(|node| node.depth == 0);
        let start = start.and_then(|node| node.node.as_ref()).map(describe);
        let tree = draw(&start.unwrap_or(title), &graph);
        tree + &tags.map(|tags| format!("\n{tags}")).unwrap_or_default()
    };
    let name = "herdbook.lineage.v1.GetAncestorsResponse";
    output::print(output, name, &found, drawn)
}
