//! `herdbook lineage`.

use std::{fs, io::Write as _, path::PathBuf};

use clap::{Subcommand, ValueEnum};
use herdbook_proto::{
    lineage::v1::{
        ExportFormat, ExportPedigreeRequest, FindImpactRequest, FindPathRequest,
        GetAncestorsRequest, Impact, Path, ProveRequest, ProveResponse, TagNodeRequest, Verdict,
        lineage_service_client::LineageServiceClient,
    },
    registry::v1::{GetVersionRequest, version_service_client::VersionServiceClient},
};

use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    output,
    tree::{describe, draw},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Draw everything that something came from.
    ///
    /// Example: herdbook lineage tree fraud-detector@Production
    Tree {
        /// A version such as model@Production or model/3, or a node such as run:<id>.
        node: String,
        /// Steps to go back at most; all, if 0.
        #[arg(long, default_value_t = 0)]
        depth: u32,
    },
    /// List the versions that descend from something, and how.
    ///
    /// Example: herdbook lineage impact dataset:dataset_v2 --stage Production
    Impact {
        /// A node, such as dataset:dataset_v2, or a version.
        node: String,
        /// Only versions in this stage.
        #[arg(long, default_value = "")]
        stage: String,
    },
    /// Show a shortest way from an ancestor to a descendant.
    ///
    /// Example: herdbook lineage path dataset:dataset_v1 fraud-detector@Production
    Path {
        /// The ancestor.
        from: String,
        /// The descendant.
        to: String,
    },
    /// Decide whether something descends from any of some suspects.
    ///
    /// Example: herdbook lineage prove fraud-detector@Production --suspect dataset:dataset_v2
    Prove {
        /// A version or a node.
        node: String,
        /// What it must not descend from; may be repeated.
        #[arg(long = "suspect", value_name = "NODE")]
        suspects: Vec<String>,
        /// A tag that none of its ancestors may have; may be repeated.
        #[arg(long = "suspect-tag", value_name = "TAG")]
        suspect_tags: Vec<String>,
    },
    /// Write a pedigree in a format that others read.
    ///
    /// Example: herdbook lineage export fraud-detector@Production --format dot | dot -Tsvg > pedigree.svg
    Export {
        /// A version such as model@Production or model/3, or a node such as run:<id>.
        node: String,
        /// The format.
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
        /// What came of it, instead of what it came from.
        #[arg(long)]
        descendants: bool,
        /// Steps to go at most; all, if 0.
        #[arg(long, default_value_t = 0)]
        depth: u32,
        /// File to write to, instead of standard output.
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Put tags on a node, or take them off.
    ///
    /// Example: herdbook lineage tag dataset:dataset_v2 --add biased
    Tag {
        /// The node.
        node: String,
        /// A tag to put on; may be repeated.
        #[arg(long)]
        add: Vec<String>,
        /// A tag to take off; may be repeated.
        #[arg(long)]
        remove: Vec<String>,
    },
}

/// A format to export to.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// JSON Graph Format: all that is known.
    Json,
    /// Graphviz.
    Dot,
    /// A flowchart of Mermaid.
    Mermaid,
    /// W3C PROV-JSON.
    Prov,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::JsonGraph,
            Format::Dot => Self::Dot,
            Format::Mermaid => Self::Mermaid,
            Format::Prov => Self::ProvJson,
        }
    }
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let connection = connect(&options).await?;
    let mut client = LineageServiceClient::new(connection.clone());
    let output = options.output;
    match command {
        Command::Tree { node, depth } => {
            let title = node.clone();
            let node = resolve(&connection, node).await?;
            let request = GetAncestorsRequest {
                node,
                depth,
                ..Default::default()
            };
            let found = client.get_ancestors(request).await?.into_inner();
            output::print(
                output,
                "herdbook.lineage.v1.GetAncestorsResponse",
                &found,
                |found| {
                    let graph = found.graph.clone().unwrap_or_default();
                    let start = graph.nodes.iter().find(|node| node.depth == 0);
                    let start = start.and_then(|node| node.node.as_ref()).map(describe);
                    draw(&start.unwrap_or(title), &graph)
                },
            )
        }
        Command::Impact { node, stage } => {
            let node = resolve(&connection, node).await?;
            let found = client
                .find_impact(FindImpactRequest { node, stage })
                .await?
                .into_inner();
            output::print(
                output,
                "herdbook.lineage.v1.FindImpactResponse",
                &found,
                |found| {
                    if found.impacts.is_empty() {
                        return "no version descends from it".to_owned();
                    }
                    found
                        .impacts
                        .iter()
                        .map(impact)
                        .collect::<Vec<_>>()
                        .join("\n")
                },
            )
        }
        Command::Path { from, to } => {
            let from = resolve(&connection, from).await?;
            let to = resolve(&connection, to).await?;
            let found = client
                .find_path(FindPathRequest { from, to })
                .await?
                .into_inner();
            output::print(
                output,
                "herdbook.lineage.v1.FindPathResponse",
                &found,
                |found| {
                    found
                        .path
                        .as_ref()
                        .map_or_else(|| "there is no way".to_owned(), way)
                },
            )?;
            match found.path {
                Some(_) => Ok(()),
                None => Err(Failure::refused("the one does not descend from the other")),
            }
        }
        Command::Prove {
            node,
            suspects,
            suspect_tags,
        } => {
            let node = resolve(&connection, node).await?;
            let request = ProveRequest {
                node,
                suspects,
                suspect_tags,
            };
            let found = client.prove(request).await?.into_inner();
            output::print(output, "herdbook.lineage.v1.ProveResponse", &found, proof)?;
            match found.verdict() {
                Verdict::Clean => Ok(()),
                _ => Err(Failure::refused("it is not proved clean")),
            }
        }
        Command::Export {
            node,
            format,
            descendants,
            depth,
            out,
        } => {
            let request = ExportPedigreeRequest {
                node: resolve(&connection, node).await?,
                format: ExportFormat::from(format).into(),
                descendants,
                depth,
            };
            let mut parts = client.export_pedigree(request).await?.into_inner();
            let mut text = Vec::new();
            while let Some(part) = parts.message().await? {
                text.extend(part.chunk);
            }
            match out {
                Some(file) => fs::write(&file, text)
                    .map_err(|error| Failure::failed(format!("{}: {error}", file.display()))),
                None => Ok(std::io::stdout().write_all(&text)?),
            }
        }
        Command::Tag { node, add, remove } => {
            let found = client
                .tag_node(TagNodeRequest { node, add, remove })
                .await?
                .into_inner();
            output::print(
                output,
                "herdbook.lineage.v1.TagNodeResponse",
                &found,
                |found| {
                    found
                        .nodes
                        .iter()
                        .map(describe)
                        .collect::<Vec<_>>()
                        .join("\n")
                },
            )
        }
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

fn proof(proof: &ProveResponse) -> String {
    let examined = proof.examined.len();
    let mut lines = vec![match proof.verdict() {
        Verdict::Clean => {
            format!("clean: it descends from none of them ({examined} nodes examined)")
        }
        Verdict::Tainted => "tainted: it descends from a suspect".to_owned(),
        _ => format!(
            "incomplete: from none of them as far as is known ({examined} nodes examined), but"
        ),
    }];
    lines.extend(proof.evidence.iter().map(way));
    lines.extend(proof.unknowns.iter().map(|unknown| {
        let key = unknown.node.clone().unwrap_or_default();
        format!("  {} {}: {}", key.kind, key.name, unknown.missing)
    }));
    lines.push(format!("digest {}", proof.digest));
    lines.join("\n")
}
