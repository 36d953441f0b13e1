//! `herdbook lineage columns`.

use clap::Args;
use herdbook_proto::lineage::v1::{
    Column, ColumnImpact, FindColumnImpactRequest, FindColumnImpactResponse, FoundColumn,
    GetColumnLineageRequest, GetColumnLineageResponse,
};

use super::Client;
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// List what a column came from, or what comes of it.
///
/// Example: herdbook lineage columns dataset:orders#amount --impact --stage Production
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A data set and a column of it, such as dataset:orders#amount; all columns without one.
    column: String,
    /// What comes of it, model versions too, instead of what it came from.
    #[arg(long)]
    impact: bool,
    /// Only versions in this stage.
    #[arg(long, default_value = "", requires = "impact")]
    stage: String,
    /// Links to follow at most; all, if 0.
    #[arg(long, default_value_t = 0, conflicts_with = "impact")]
    depth: u32,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    // The name of a data set may have a # too, that of a column seldom.
    let (node, field) = options
        .column
        .rsplit_once('#')
        .unwrap_or((&options.column, ""));
    let (node, field) = (node.to_owned(), field.to_owned());
    let mut client = Client::new(connection);
    if options.impact {
        let request = FindColumnImpactRequest {
            node,
            field,
            stage: options.stage,
        };
        let found = client.find_column_impact(request).await?.into_inner();
        let name = "herdbook.lineage.v1.FindColumnImpactResponse";
        output::print(output, name, &found, reached)
    } else {
        let request = GetColumnLineageRequest {
            node,
            field,
            depth: options.depth,
            descendants: false,
        };
        let found = client.get_column_lineage(request).await?.into_inner();
        let name = "herdbook.lineage.v1.GetColumnLineageResponse";
        output::print(output, name, &found, origins)
    }
}

/// Columns, each further in than what it is an origin of.
fn origins(found: &GetColumnLineageResponse) -> String {
    let mut lines: Vec<String> = found.columns.iter().map(line).collect();
    if found.truncated {
        lines.push("(there is more)".to_owned());
    }
    lines.join("\n")
}

fn reached(found: &FindColumnImpactResponse) -> String {
    let mut lines: Vec<String> = found.columns.iter().map(line).collect();
    lines.push(String::new());
    if found.impacts.is_empty() {
        lines.push("no version descends from it".to_owned());
    }
    lines.extend(found.impacts.iter().map(impact));
    lines.join("\n")
}

fn impact(impact: &ColumnImpact) -> String {
    let version = impact.version.as_ref().map(describe).unwrap_or_default();
    let way: Vec<String> = impact.path.iter().map(written).collect();
    format!("{version}\n    {}", way.join(" -> "))
}

fn line(found: &FoundColumn) -> String {
    let indent = usize::try_from(found.depth).unwrap_or_default() * 2;
    let column = found.column.as_ref().map(written).unwrap_or_default();
    format!("{:indent$}{column}", "")
}

/// A column as one writes it.
fn written(column: &Column) -> String {
    let key = column.node.clone().unwrap_or_default();
    let mut text = format!("{}:{}", key.kind, key.name);
    for (mark, part) in [('@', &key.version), ('#', &column.field)] {
        if !part.is_empty() {
            text.push(mark);
            text.push_str(part);
        }
    }
    text
}
