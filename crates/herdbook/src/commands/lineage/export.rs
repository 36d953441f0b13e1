//! `herdbook lineage export`.

use std::{fs, io::Write as _, path::PathBuf};

use clap::{Args, ValueEnum};
use herdbook_proto::lineage::v1::{ExportFormat, ExportPedigreeRequest};

use super::{client, moment::Moment, resolve};
use crate::{connection::Connection, exit::Failure};

/// Write a pedigree in a format that others read.
///
/// Example: herdbook lineage export fraud-detector@Production --format dot | dot -Tsvg > pedigree.svg
#[derive(Debug, Args)]
pub(crate) struct Options {
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
    #[command(flatten)]
    moment: Moment,
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
    /// OpenLineage, an event a line.
    Openlineage,
    /// CycloneDX, a bill of materials.
    Cyclonedx,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::JsonGraph,
            Format::Dot => Self::Dot,
            Format::Mermaid => Self::Mermaid,
            Format::Prov => Self::ProvJson,
            Format::Openlineage => Self::Openlineage,
            Format::Cyclonedx => Self::Cyclonedx,
        }
    }
}

pub(super) async fn run(connection: Connection, options: Options) -> Result<(), Failure> {
    let request = ExportPedigreeRequest {
        node: resolve(&connection, options.node).await?,
        format: ExportFormat::from(options.format).into(),
        descendants: options.descendants,
        depth: options.depth,
        known_at: options.moment.known_at(),
        held_at: options.moment.held_at(),
    };
    let mut parts = client(connection)
        .export_pedigree(request)
        .await?
        .into_inner();
    let mut text = Vec::new();
    while let Some(part) = parts.message().await? {
        text.extend(part.chunk);
    }
    match options.out {
        Some(file) => fs::write(&file, text)
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display()))),
        None => Ok(std::io::stdout().write_all(&text)?),
    }
}
