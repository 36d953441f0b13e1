//! `herdbook lineage impact`.

use clap::Args;
use herdbook_proto::lineage::v1::{FindImpactRequest, FindImpactResponse, Impact};

use super::{client, moment::Moment, resolve, way};
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// Versions asked for at a time: each comes with its whole path.
const PAGE: u32 = 100;

/// List the versions that descend from something, and how.
///
/// Example: herdbook lineage impact dataset:dataset_v2 --stage Production
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A node, such as dataset:dataset_v2, or a version.
    #[arg(required_unless_present = "tag", conflicts_with = "tag")]
    node: Option<String>,
    /// Everything that has this tag, instead of a node.
    #[arg(long)]
    tag: Option<String>,
    /// Only versions in this stage.
    #[arg(long, default_value = "")]
    stage: String,
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let Options {
        node,
        tag,
        stage,
        moment,
    } = options;
    let node = match node {
        Some(node) => resolve(&connection, node).await?,
        None => String::new(),
    };
    let mut lineage = client(connection);
    let mut request = FindImpactRequest {
        node,
        stage,
        tag: tag.unwrap_or_default(),
        page_size: PAGE,
        known_at: moment.known_at(),
        held_at: moment.held_at(),
        ..Default::default()
    };
    let mut found = FindImpactResponse::default();
    loop {
        let page = lineage.find_impact(request.clone()).await?.into_inner();
        found.impacts.extend(page.impacts);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
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
