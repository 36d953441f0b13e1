//! `herdbook lineage tags`.

use clap::Args;
use herdbook_proto::lineage::v1::{
    GetInheritedTagsRequest, GetInheritedTagsResponse, InheritedTag,
};

use super::{client, moment::Moment, resolve};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

/// List the tags of something and of all it came from, with the nearest that has each.
///
/// Example: herdbook lineage tags fraud-detector@Production
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A version such as model@Production or model/3, or a node such as run:<id>.
    node: String,
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let request = GetInheritedTagsRequest {
        node: resolve(&connection, options.node).await?,
        known_at: options.moment.known_at(),
        held_at: options.moment.held_at(),
    };
    let found = client(connection)
        .get_inherited_tags(request)
        .await?
        .into_inner();
    let name = "herdbook.lineage.v1.GetInheritedTagsResponse";
    output::print(output, name, &found, shown)
}

fn shown(found: &GetInheritedTagsResponse) -> String {
    if found.tags.is_empty() {
        return "neither it nor anything it came from has a tag".to_owned();
    }
    let row = |tag: &InheritedTag| {
        let key = tag.carrier.clone().unwrap_or_default();
        let others = match tag.carriers {
            0 | 1 => String::new(),
            carriers => format!("and {} more", carriers - 1),
        };
        let steps = match tag.depth {
            0 => "itself".to_owned(),
            1 => "1 step".to_owned(),
            steps => format!("{steps} steps"),
        };
        let version = output::short(&key.version);
        let carrier = format!("{} {} {version}", key.kind, key.name);
        vec![
            tag.tag.clone(),
            carrier.trim_end().to_owned(),
            steps,
            others,
        ]
    };
    output::table(
        &["tag", "nearest", "distance", ""],
        found.tags.iter().map(row),
    )
}

/// The tags in a line for a tree; `None` if there are none.
pub(super) fn line(found: &GetInheritedTagsResponse) -> Option<String> {
    let tag = |tag: &InheritedTag| {
        let key = tag.carrier.clone().unwrap_or_default();
        match tag.depth {
            0 => format!("#{}", tag.tag),
            _ => format!("#{} (by {} {})", tag.tag, key.kind, key.name),
        }
    };
    let tags: Vec<_> = found.tags.iter().map(tag).collect();
    (!tags.is_empty()).then(|| format!("tags: {}", tags.join(", ")))
}
