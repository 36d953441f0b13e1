//! `herdbook lineage retract`.

use clap::Args;
use herdbook_proto::lineage::v1::{Edge, GetDescendantsRequest, RetractRequest, RetractResponse};

use super::{Client, client, keys, one};
use crate::{
    cli::Output,
    connection::Connection,
    exit::Failure,
    output::{self, counted},
};

/// Take nodes or edges back that were recorded by mistake. They stay in what was known before.
///
/// Example: herdbook lineage retract dataset:loans@sha256:00ff --with-edges --reason "the wrong bucket"
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Nodes; without a version all of that name.
    #[arg(required_unless_present = "edge")]
    nodes: Vec<String>,
    /// Edges from the one node to the other.
    #[arg(long, num_args = 2, value_names = ["SOURCE", "TARGET"])]
    edge: Vec<String>,
    /// All edges of the nodes too.
    #[arg(long)]
    with_edges: bool,
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
    let mut nodes = Vec::new();
    for node in options.nodes {
        nodes.extend(keys(&mut lineage, node).await?);
    }
    let request = RetractRequest {
        nodes,
        edges: between(&mut lineage, &options.edge).await?,
        with_edges: options.with_edges,
        reason: options.reason,
    };
    let found = lineage.retract(request).await?.into_inner();
    let shown = |found: &RetractResponse| {
        let (nodes, edges) = (found.retracted_nodes, found.retracted_edges);
        let (nodes, edges) = (counted(nodes, "node"), counted(edges, "edge"));
        format!("retracted {nodes} and {edges}")
    };
    output::print(output, "herdbook.lineage.v1.RetractResponse", &found, shown)
}

/// All edges from the one to the other of `ends`, if there are any.
async fn between(lineage: &mut Client, ends: &[String]) -> Result<Vec<Edge>, Failure> {
    let [source, target] = ends else {
        return Ok(Vec::new());
    };
    let (from, to) = (
        one(lineage, source.clone()).await?,
        one(lineage, target.clone()).await?,
    );
    let request = GetDescendantsRequest {
        node: source.clone(),
        depth: 1,
        ..Default::default()
    };
    let graph = lineage.get_descendants(request).await?.into_inner().graph;
    let mut edges = graph.unwrap_or_default().edges;
    edges.retain(|edge| edge.source.as_ref() == Some(&from) && edge.target.as_ref() == Some(&to));
    match edges.is_empty() {
        true => Err(Failure::failed(format!(
            "no edge leads from {source} to {target}"
        ))),
        false => Ok(edges),
    }
}
