//! `herdbook lineage prove`.

use std::{fs, path::PathBuf};

use clap::Args;
use herdbook_proto::lineage::v1::{ExportProofRequest, ProveRequest, ProveResponse, Verdict};

use super::{Client, client, moment::Moment, resolve, way};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

/// Decide whether something descends from any of some suspects.
///
/// Example: herdbook lineage prove fraud-detector@Production --suspect dataset:dataset_v2 --save proof.json
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A version or a node.
    node: String,
    /// What it must not descend from; may be repeated.
    #[arg(long = "suspect", value_name = "NODE")]
    suspects: Vec<String>,
    /// A tag that none of its ancestors may have; may be repeated.
    #[arg(long = "suspect-tag", value_name = "TAG")]
    suspect_tags: Vec<String>,
    /// File to keep the proof in, for `lineage verify`: lines of JSON.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let request = ProveRequest {
        node: resolve(&connection, options.node).await?,
        suspects: options.suspects,
        suspect_tags: options.suspect_tags,
        known_at: options.moment.known_at(),
        held_at: options.moment.held_at(),
    };
    let mut lineage = client(connection);
    if let Some(file) = options.save {
        let text = fetch(&mut lineage, request.clone()).await?;
        fs::write(&file, text)
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    }
    let found = lineage.prove(request).await?.into_inner();
    output::print(output, "herdbook.lineage.v1.ProveResponse", &found, shown)?;
    match found.verdict() {
        Verdict::Clean => Ok(()),
        _ => Err(Failure::refused("it is not proved clean")),
    }
}

/// The proof as it is kept.
pub(super) async fn fetch(client: &mut Client, question: ProveRequest) -> Result<String, Failure> {
    let request = ExportProofRequest {
        question: Some(question),
    };
    let mut parts = client.export_proof(request).await?.into_inner();
    let mut text = Vec::new();
    while let Some(part) = parts.message().await? {
        text.extend(part.chunk);
    }
    String::from_utf8(text).map_err(Failure::failed)
}

fn shown(proof: &ProveResponse) -> String {
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
