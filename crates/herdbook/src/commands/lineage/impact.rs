//! `herdbook lineage impact`.

use clap::Args;
use herdbook_proto::lineage::v1::{FindImpactRequest, FindImpactResponse, Impact};

use super::{Client, resolve, way};
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// List the versions that descend from something, and how.
///
/// Example: herdbook lineage impact dataset:dataset_v2 --stage Production
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A node, such as dataset:dataset_v2, or a version.
    node: String,
    /// Only versions in this stage.
    #[arg(long, default_value = "")]
    stage: String,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let Options { node, stage } = options;
    let node = resolve(&connection, node).await?;
    let found = Client::new(connection)
        .find_impact(FindImpactRequest { node, stage })
        .await?
        .into_inner();
    let name = "herdbook.lineage.v1.FindImpactResponse";
    output::print(output, name, &found, shown)
}

fn shown(found: &FindImpactResponse) -> String {
    if found.impacts.is_empty() {
        return "no version descends from it".to_owned();
    }
    found
        .impacts
        .iter()
        .map(impact)
        .collect::<Vec<_>>()
        .join("\n")
}

fn impact(impact: &Impact) -> String {
    let version = impact.version.as_ref().map(describe).unwrap_or_default();
    let path = impact.path.as_ref().map(way).unwrap_or_default();
    format!(
        "{version}\n{}",
        path.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    )
}
