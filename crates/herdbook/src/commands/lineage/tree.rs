//! `herdbook lineage tree`.

use clap::Args;
use herdbook_proto::lineage::v1::{
    GetAncestorsRequest, GetAncestorsResponse, GetInheritedTagsRequest, NodeFilter,
};

use super::{client, moment::Moment, resolve, tags};
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
    /// Only what is of this kind, such as dataset; may be repeated.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only what has this tag; may be repeated.
    #[arg(long = "tag", value_name = "TAG")]
    with_tags: Vec<String>,
    /// Only what does not have this tag; may be repeated.
    #[arg(long = "without-tag", value_name = "TAG")]
    without_tags: Vec<String>,
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let title = options.node;
    let node = resolve(&connection, title.clone()).await?;
    let request = GetAncestorsRequest {
        node,
        depth: options.depth,
        kinds: options.kinds,
        filter: Some(NodeFilter {
            with_tags: options.with_tags,
            without_tags: options.without_tags,
            ..Default::default()
        }),
        known_at: options.moment.known_at(),
        held_at: options.moment.held_at(),
        ..Default::default()
    };
    let mut lineage = client(connection);
    let tags = GetInheritedTagsRequest {
        node: request.node.clone(),
        known_at: request.known_at,
        held_at: request.held_at,
    };
    let found = lineage.get_ancestors(request).await?.into_inner();
    let tags = match output {
        Output::Json => None,
        Output::Table => tags::line(&lineage.get_inherited_tags(tags).await?.into_inner()),
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
