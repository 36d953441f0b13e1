//! `herdbook lineage`, a file a subject.

mod alias;
mod columns;
mod completeness;
mod diff;
mod duplicates;
mod export;
mod facets;
mod history;
mod impact;
mod kinds;
mod merge;
mod moment;
mod path;
mod prove;
mod record;
mod reproduce;
mod retract;
mod search;
mod tag;
mod tags;
mod tree;
mod verify;
mod walk;

use clap::Subcommand;
use herdbook_core::limits::MESSAGE_BYTES;
use herdbook_proto::{
    lineage::v1::{GetNodesRequest, NodeKey, Path, lineage_service_client::LineageServiceClient},
    registry::v1::{GetVersionRequest, version_service_client::VersionServiceClient},
};

use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    tree::describe,
};

type Client = LineageServiceClient<Connection>;

/// A client that takes answers as large as a server gives.
fn client(connection: Connection) -> Client {
    Client::new(connection).max_decoding_message_size(MESSAGE_BYTES)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Record(record::Options),
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
    Tags(tags::Options),
    Kinds(kinds::Options),
    History(history::Options),
    Retract(retract::Options),
    Alias(alias::Options),
    Merge(merge::Options),
    /// List data sets of one digest that are recorded under several names.
    ///
    /// Example: herdbook lineage duplicates
    Duplicates,
    Search(search::Options),
    Walk(walk::Options),
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let output = options.output;
    let connection = async || connect(&options).await;
    match command {
        Command::Record(options) => record::run(connection().await?, output, options).await,
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
        Command::Kinds(options) => kinds::run(connection().await?, output, options).await,
        Command::Tags(options) => tags::run(connection().await?, output, options).await,
        Command::History(options) => history::run(connection().await?, output, options).await,
        Command::Retract(options) => retract::run(connection().await?, output, options).await,
        Command::Alias(options) => alias::run(connection().await?, output, options).await,
        Command::Merge(options) => merge::run(connection().await?, output, options).await,
        Command::Duplicates => duplicates::run(connection().await?, output).await,
        Command::Search(options) => search::run(connection().await?, output, options).await,
        Command::Walk(options) => walk::run(connection().await?, output, options).await,
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

/// The key that a text such as `kind:name@version` writes.
fn key(text: &str) -> Result<NodeKey, String> {
    let (kind, rest) = text
        .split_once(':')
        .ok_or_else(|| "give kind:name or kind:name@version".to_owned())?;
    let (name, version) = rest.rsplit_once('@').unwrap_or((rest, ""));
    Ok(NodeKey {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// The keys of the nodes that a reference means.
async fn keys(client: &mut Client, node: String) -> Result<Vec<NodeKey>, Failure> {
    let nodes = client.get_nodes(GetNodesRequest { node }).await?;
    let nodes = nodes.into_inner().nodes.into_iter();
    Ok(nodes.filter_map(|node| node.key).collect())
}

/// The key of the one node that a reference means.
async fn one(client: &mut Client, node: String) -> Result<NodeKey, Failure> {
    let mut found = keys(client, node.clone()).await?;
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (_, more) => Err(Failure::usage(format!(
            "{node} means {} nodes; name one with its version",
            more + 1
        ))),
    }
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
