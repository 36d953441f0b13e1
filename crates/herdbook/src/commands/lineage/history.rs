//! `herdbook lineage history`.

use clap::Args;
use herdbook_proto::lineage::v1::{FormerEdge, GetHistoryRequest, GetHistoryResponse, NodeState};

use super::{client, resolve};
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// Show what a node was at all times, and who took it back or merged it and why.
///
/// Example: herdbook lineage history model_version:fraud-detector@3
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A node, or a version such as model/3.
    node: String,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let node = resolve(&connection, options.node).await?;
    let found = client(connection)
        .get_history(GetHistoryRequest { node })
        .await?
        .into_inner();
    let name = "herdbook.lineage.v1.GetHistoryResponse";
    output::print(output, name, &found, shown)
}

fn shown(found: &GetHistoryResponse) -> String {
    let nodes = found.states.iter().map(state);
    let edges = found.edges.iter().map(former_edge);
    let rows: Vec<_> = nodes.chain(edges).collect();
    output::table(&["from", "until", "what", "attributes", "ended"], rows)
}

fn state(state: &NodeState) -> Vec<String> {
    let node = state.node.clone().unwrap_or_default();
    let tags = node.tags.iter().map(|tag| format!("#{tag}"));
    let facts = tags.chain([output::pairs(&node.attributes)]);
    vec![
        output::time(state.known_from.as_ref()),
        output::time(state.known_until.as_ref()),
        describe(&node),
        facts.collect::<Vec<_>>().join(" "),
        ended(&state.ended_by, &state.reason),
    ]
}

fn former_edge(former: &FormerEdge) -> Vec<String> {
    let edge = former.edge.clone().unwrap_or_default();
    let name = |key: Option<herdbook_proto::lineage::v1::NodeKey>| {
        let key = key.unwrap_or_default();
        format!("{}:{}", key.kind, key.name)
    };
    vec![
        output::time(former.known_from.as_ref()),
        output::time(former.known_until.as_ref()),
        format!("{} -> {}", name(edge.source), name(edge.target)),
        edge.label,
        ended(&former.ended_by, &former.reason),
    ]
}

fn ended(by: &str, reason: &str) -> String {
    match by {
        "" => String::new(),
        by => format!("by {by}: {reason}"),
    }
}
