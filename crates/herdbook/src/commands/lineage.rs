//! `herdbook lineage`, a file a subject.

mod columns;
mod completeness;
mod diff;
mod export;
mod facets;
mod impact;
mod path;
mod prove;
mod reproduce;
mod tag;
mod tree;
mod verify;

use clap::Subcommand;
use herdbook_proto::{
    lineage::v1::{Path, lineage_service_client::LineageServiceClient},
    registry::v1::{GetVersionRequest, version_service_client::VersionServiceClient},
};

use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    tree::describe,
};

type Client = LineageServiceClient<Connection>;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tree(tree::Options),
    Impact(impact::Options),
    Path(path::Options),
    Prove(prove::Options),
    Verify(verify::Options),
    Diff(diff::Options),
    Completeness(completeness::Options),
    Reproduce(reproduce::Options),
    Columns(columns::Options),
    Facets(facets::Options),
    Export(export::Options),
    Tag(tag::Options),
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let output = options.output;
    let connection = async || connect(&options).await;
    match command {
        Command::Tree(options) => tree::run(connection().await?, output, options).await,
        Command::Impact(options) => impact::run(connection().await?, output, options).await,
        Command::Path(options) => path::run(connection().await?, output, options).await,
        Command::Prove(options) => prove::run(connection().await?, output, options).await,
        // It may do without a server.
        Command::Verify(command) => verify::run(&options, command).await,
        Command::Diff(options) => diff::run(connection().await?, output, options).await,
        Command::Completeness(options) => {
            completeness::run(connection().await?, output, options).await
        }
        Command::Reproduce(options) => reproduce::run(connection().await?, output, options).await,
        Command::Columns(options) => columns::run(connection().await?, output, options).await,
        Command::Facets(options) => facets::run(connection().await?, output, options).await,
        Command::Export(options) => export::run(connection().await?, options).await,
        Command::Tag(options) => tag::run(connection().await?, output, options).await,
    }
}

/// A node as lineage writes it: `kind:name` stays, a reference to a version is resolved.
async fn resolve(connection: &Connection, text: String) -> Result<String, Failure> {
    let reference = text.strip_prefix("model://").unwrap_or(&text);
    if reference.contains(':') {
        return Ok(text);
    }
    let request = GetVersionRequest {
        reference: reference.to_owned(),
    };
    let found = VersionServiceClient::new(connection.clone())
        .get_version(request)
        .await?;
    let version = found.into_inner().version.unwrap_or_default();
    Ok(format!(
        "model_version:{}@{}",
        version.model, version.number
    ))
}

/// A path, a node a line.
fn way(path: &Path) -> String {
    let step = |(index, node)| {
        let start = if index == 0 { "" } else { "-> " };
        format!(
            "{:indent$}{start}{}",
            "",
            describe(node),
            indent = 2 * index
        )
    };
    path.nodes
        .iter()
        .enumerate()
        .map(step)
        .collect::<Vec<_>>()
        .join("\n")
}
