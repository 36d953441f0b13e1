//! `herdbook lineage search`.

use clap::Args;
use herdbook_proto::lineage::v1::{FoundName, SearchNodesRequest, SearchNodesResponse};

use super::client;
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// Find nodes by part of a name, or by the beginning of a digest or a commit.
///
/// Example: herdbook lineage search loans --kind dataset
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Part of a name, in any case, or the beginning of a version.
    text: String,
    /// Only nodes of this kind; may be repeated.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Names at most, 1 to 100.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u32,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let request = SearchNodesRequest {
        text: options.text,
        kinds: options.kinds,
        limit: options.limit,
    };
    let found = client(connection).search_nodes(request).await?.into_inner();
    let name = "herdbook.lineage.v1.SearchNodesResponse";
    output::print(output, name, &found, shown)
}

fn shown(found: &SearchNodesResponse) -> String {
    if found.names.is_empty() {
        return "nothing is recorded under a name like that".to_owned();
    }
    let row = |found: &FoundName| {
        let node = found.latest.clone().unwrap_or_default();
        let kind = node.key.as_ref().map(|key| key.kind.clone());
        vec![
            kind.unwrap_or_default(),
            describe(&node),
            found.versions.to_string(),
        ]
    };
    let table = output::table(&["kind", "latest", "versions"], found.names.iter().map(row));
    match found.more {
        true => format!("{table}\nmore are like that: a longer text finds fewer"),
        false => table,
    }
}
