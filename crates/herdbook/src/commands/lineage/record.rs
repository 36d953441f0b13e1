//! `herdbook lineage record`.

use chrono::{DateTime, Utc};
use clap::Args;
use herdbook_proto::{
    lineage::v1::{Edge, EdgeType, Node, NodeKey, RecordRequest, RecordResponse},
    time::to_timestamp,
};

use super::{client, key, resolve};
use crate::{
    cli::Output,
    commands::pairs,
    connection::Connection,
    exit::Failure,
    output::{self, counted},
};

/// Record a node, and what it came from. Recorded again, attributes and edges are added.
///
/// Example: herdbook lineage record deployment:payments-eu@812 --used fraud-detector/3 --attribute
/// url=https://ci.example/812
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The node: kind:name or kind:name@version, whose version begins at the last @, or a version such as model/3.
    node: String,
    /// A fact about it; may be repeated.
    #[arg(long = "attribute", value_name = "KEY=VALUE")]
    attributes: Vec<String>,
    /// What it used, such as model/3 or dataset:loans@sha256:00ff; may be repeated.
    #[arg(long, value_name = "NODE")]
    used: Vec<String>,
    /// What it was derived from; may be repeated.
    #[arg(long, value_name = "NODE")]
    derived_from: Vec<String>,
    /// What it generated; may be repeated.
    #[arg(long, value_name = "NODE")]
    generated: Vec<String>,
    /// What it is part of; may be repeated.
    #[arg(long, value_name = "NODE")]
    part_of: Vec<String>,
    /// When it began to be, such as 2026-11-03T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    held_from: Option<DateTime<Utc>>,
    /// When it ceased to be.
    #[arg(long, value_name = "TIME")]
    held_until: Option<DateTime<Utc>>,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let node = named(&connection, options.node).await?;
    let mut edges = Vec::new();
    for (others, edge_type, is_source) in [
        (options.used, EdgeType::Used, false),
        (options.derived_from, EdgeType::DerivedFrom, false),
        (options.generated, EdgeType::Generated, true),
        (options.part_of, EdgeType::PartOf, true),
    ] {
        for other in others {
            let other = named(&connection, other).await?;
            let (source, target) = match is_source {
                true => (node.clone(), other),
                false => (other, node.clone()),
            };
            edges.push(Edge {
                source: Some(source),
                target: Some(target),
                r#type: edge_type.into(),
                ..Default::default()
            });
        }
    }
    let node = Node {
        key: Some(node),
        attributes: pairs(options.attributes)?,
        held_from: options.held_from.map(to_timestamp),
        held_until: options.held_until.map(to_timestamp),
        ..Default::default()
    };
    let request = RecordRequest {
        nodes: vec![node],
        edges,
        ..Default::default()
    };
    let recorded = client(connection).record(request).await?.into_inner();
    let shown = |recorded: &RecordResponse| {
        let (nodes, edges) = (recorded.new_nodes, recorded.new_edges);
        let (nodes, edges) = (counted(nodes, "node"), counted(edges, "edge"));
        format!("recorded; new are {nodes} and {edges}")
    };
    let name = "herdbook.lineage.v1.RecordResponse";
    output::print(output, name, &recorded, shown)
}

/// The key of a node that need not be there yet.
async fn named(connection: &Connection, node: String) -> Result<NodeKey, Failure> {
    key(&resolve(connection, node).await?).map_err(Failure::usage)
}
