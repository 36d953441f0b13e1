//! `herdbook lineage walk`.

use std::io::Write as _;

use clap::Args;
use herdbook_proto::lineage::v1::{GraphNode, WalkGraphRequest};

use super::{Client, moment::Moment, resolve};
use crate::{
    cli::Output,
    connection::Connection,
    exit::Failure,
    output::{json_line, plain},
};

/// List everything something came from, or that came of it, as it is found: its depth and what it is.
///
/// JSON has a line for each part of the answer, the edges among them.
///
/// Example: herdbook lineage walk dataset:dataset_v2 --descendants --kind model_version
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A version such as model@Production or model/3, or a node such as run:<id>.
    node: String,
    /// What came of it, instead of what it came from.
    #[arg(long)]
    descendants: bool,
    /// Steps to go at most; all, if 0.
    #[arg(long, default_value_t = 0)]
    depth: u32,
    /// Show only nodes of this kind, such as dataset; may be given several times.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let request = WalkGraphRequest {
        node: resolve(&connection, options.node).await?,
        descendants: options.descendants,
        depth: options.depth,
        kinds: options.kinds,
        known_at: options.moment.known_at(),
        held_at: options.moment.held_at(),
    };
    let mut parts = Client::new(connection)
        .walk_graph(request)
        .await?
        .into_inner();
    let mut out = std::io::stdout().lock();
    let mut end = None;
    while let Some(part) = parts.message().await? {
        match output {
            Output::Table => {
                for node in &part.nodes {
                    writeln!(out, "{}", plain(&line(node)))?;
                }
            }
            Output::Json => {
                let line = json_line("herdbook.lineage.v1.WalkGraphResponse", &part)?;
                writeln!(out, "{line}")?;
            }
        }
        end = part.end;
    }
    match end {
        None => Err(Failure::failed("the answer broke off; ask again")),
        Some(end) if end.truncated && output == Output::Table => {
            Ok(writeln!(out, "… and what is further than --depth")?)
        }
        Some(_) => Ok(()),
    }
}

/// The depth, and the reference by which other commands know the node.
fn line(node: &GraphNode) -> String {
    let key = node.node.as_ref().and_then(|node| node.key.clone());
    let key = key.unwrap_or_default();
    let at = if key.version.is_empty() { "" } else { "@" };
    format!(
        "{:>4}  {}:{}{at}{}",
        node.depth, key.kind, key.name, key.version
    )
}
