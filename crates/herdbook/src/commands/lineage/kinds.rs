//! `herdbook lineage kinds`.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use herdbook_proto::lineage::v1::{
    DefineKindRequest, DeleteKindRequest, Kind, KindSort, ListKindsRequest, ListKindsResponse,
};

use super::client;
use crate::{cli::Output, connection::Connection, exit::Failure, output};

const KIND: &str = "herdbook.lineage.v1.Kind";

/// List the kinds of nodes, or define and delete own ones.
///
/// Example: herdbook lineage kinds define -f notebook.yaml
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Define a kind, or define it anew.
    ///
    /// The file has name, description, sort (KIND_SORT_ENTITY, _ACTIVITY or _AGENT), attributes (a list of
    /// name and type, such as ATTRIBUTE_TYPE_NUMBER), edges_in and edges_out (lists such as [EDGE_TYPE_USED]).
    ///
    /// Example: herdbook lineage kinds define -f notebook.yaml
    Define {
        /// YAML with the kind.
        #[arg(long, short, value_name = "FILE")]
        file: PathBuf,
    },
    /// Delete a kind of which nothing is recorded.
    ///
    /// Example: herdbook lineage kinds delete notebook
    Delete {
        /// Its name.
        name: String,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let mut lineage = client(connection);
    match options.change {
        None => {
            let found = lineage.list_kinds(ListKindsRequest {}).await?.into_inner();
            let name = "herdbook.lineage.v1.ListKindsResponse";
            output::print(output, name, &found, shown)
        }
        Some(Change::Define { file }) => {
            let text = fs::read_to_string(&file)
                .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
            let request = DefineKindRequest {
                kind: Some(output::read_yaml(KIND, &text)?),
            };
            let kind = lineage.define_kind(request).await?.into_inner().kind;
            let kind = kind.unwrap_or_default();
            output::print(output, KIND, &kind, |kind| format!("defined {}", kind.name))
        }
        Some(Change::Delete { name }) => {
            lineage.delete_kind(DeleteKindRequest { name }).await?;
            Ok(())
        }
    }
}

fn shown(found: &ListKindsResponse) -> String {
    let row = |kind: &Kind| {
        let sort = match kind.sort() {
            KindSort::Unspecified => "as its edges tell",
            KindSort::Entity => "entity",
            KindSort::Activity => "activity",
            KindSort::Agent => "agent",
        };
        let attributes = kind
            .attributes
            .iter()
            .map(|attribute| attribute.name.as_str());
        vec![
            kind.name.clone(),
            sort.to_owned(),
            attributes.collect::<Vec<_>>().join(", "),
            kind.description.clone(),
        ]
    };
    output::table(
        &["kind", "is", "must have", "description"],
        found.kinds.iter().map(row),
    )
}
