//! `herdbook lineage history`.

use std::collections::BTreeMap;

use clap::Args;
use herdbook_proto::lineage::v1::{
    FormerEdge, GetHistoryRequest, GetHistoryResponse, NodeKey, NodeState,
};

use super::{client, resolve};
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// Characters of a value: some are whole documents, which `--output json` has.
const SHOWN_CHARS: usize = 60;

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
    let nodes = found.states.iter().enumerate().map(|(place, newer)| {
        let older = found.states[place + 1..].iter();
        let same = |older: &&NodeState| key(older) == key(newer);
        state(newer, older.clone().find(same))
    });
    let edges = found.edges.iter().map(former_edge);
    let rows: Vec<_> = nodes.chain(edges).collect();
    output::table(&["from", "until", "what", "changed", "ended"], rows)
}

fn key(state: &NodeState) -> Option<&NodeKey> {
    state.node.as_ref()?.key.as_ref()
}

/// A state by its tags and what of it is other than in the one before.
fn state(state: &NodeState, before: Option<&NodeState>) -> Vec<String> {
    let node = state.node.clone().unwrap_or_default();
    let before = before
        .and_then(|before| before.node.clone())
        .unwrap_or_default();
    let changed = node
        .attributes
        .iter()
        .filter(|(name, value)| before.attributes.get(*name) != Some(value));
    let changed: BTreeMap<_, _> = changed
        .map(|(name, value)| (name.clone(), cut(value)))
        .collect();
    let tags = node.tags.iter().map(|tag| format!("#{tag}"));
    let facts = tags.chain([output::pairs(&changed)]);
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
    let name = |key: Option<NodeKey>| {
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

fn cut(value: &str) -> String {
    match value.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

fn ended(by: &str, reason: &str) -> String {
    match by {
        "" => String::new(),
        by => format!("by {by}: {reason}"),
    }
}
