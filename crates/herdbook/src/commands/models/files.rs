//! `herdbook models resolve`, and the other commands about the files of versions.

use clap::Subcommand;
use herdbook_core::Digest;
use herdbook_proto::{
    common::v1::File,
    registry::v1::{
        ResolveVersionRequest, ResolveVersionResponse, serving_service_client::ServingServiceClient,
    },
};

use super::{download, sign};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show which version a reference means now, and its files.
    ///
    /// Example: herdbook models resolve model://risk/fraud-detector@Production
    Resolve {
        /// The version, such as model/3, model@Production or model://workspace/model@champion.
        reference: String,
    },
    Download(download::Options),
    Sign(sign::Sign),
    /// List the signatures of a version.
    ///
    /// Example: herdbook models signatures fraud-detector@Production
    Signatures {
        /// The version, such as model/3 or model@Production.
        reference: String,
    },
    Verify(sign::Verify),
}

impl Command {
    /// The reference that it is about.
    pub(super) fn reference(&self) -> &str {
        match self {
            Self::Resolve { reference } | Self::Signatures { reference } => reference,
            Self::Download(options) => &options.reference,
            Self::Sign(options) => &options.reference,
            Self::Verify(options) => &options.reference,
        }
    }
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    command: Command,
) -> Result<(), Failure> {
    match command {
        Command::Resolve { reference } => {
            let found = resolve(connection, reference).await?;
            let name = "herdbook.registry.v1.ResolveVersionResponse";
            output::print(output, name, &found, shown)
        }
        Command::Download(options) => download::run(connection, output, options).await,
        Command::Sign(options) => sign::sign(connection, output, options).await,
        Command::Signatures { reference } => sign::list(connection, output, reference).await,
        Command::Verify(options) => sign::verify(connection, options).await,
    }
}

/// What a reference means.
pub(super) async fn resolve(
    connection: Connection,
    reference: String,
) -> Result<ResolveVersionResponse, Failure> {
    let mut client = ServingServiceClient::new(connection);
    let request = ResolveVersionRequest { reference };
    Ok(client.resolve_version(request).await?.into_inner())
}

/// The files of a manifest: path, size in bytes, digest.
pub(super) fn entries(files: &[File]) -> Result<Vec<(&str, u64, Digest)>, Failure> {
    let mut entries = Vec::with_capacity(files.len());
    for file in files {
        let size = u64::try_from(file.size).map_err(Failure::failed)?;
        let digest = file.digest.parse().map_err(Failure::failed)?;
        entries.push((file.path.as_str(), size, digest));
    }
    Ok(entries)
}

fn shown(found: &ResolveVersionResponse) -> String {
    let head = [&found.label, &found.stage, &found.digest];
    let head = head.into_iter().filter(|text| !text.is_empty());
    let head = head.map(|text| format!("  {text}")).collect::<String>();
    let row = |file: &File| {
        let size = output::size(file.size);
        vec![file.path.clone(), size, file.digest.clone()]
    };
    let files = output::table(&["path", "size", "digest"], found.files.iter().map(row));
    format!("{}/{}{head}\n\n{files}", found.model, found.version)
}
