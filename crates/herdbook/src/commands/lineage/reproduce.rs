//! `herdbook lineage reproduce`.

mod folder;
mod readme;
mod script;

use std::path::PathBuf;

use clap::Args;
use futures::StreamExt as _;
use herdbook_proto::{
    lineage::v1::{GetReproductionRequest, Reproduction, ReproductionGap},
    tracking::v1::{
        DownloadArtifactRequest, ListArtifactsRequest,
        artifact_service_client::ArtifactServiceClient,
        download_artifact_response::Message as Download,
    },
};

use super::{client, moment::Moment, resolve};
use crate::{
    cli::Output,
    commands::artifacts::{Piece, receive},
    connection::Connection,
    exit::Failure,
    output,
};
use folder::Folder;

const REPRODUCTION: &str = "herdbook.lineage.v1.Reproduction";
/// The changes to the commit, in the folder.
const DIFF: &str = "source.diff";

/// Write everything that is needed to make a version again, with a script that does.
///
/// The folder has manifest.json, requirements.txt, params.json, README.md and reproduce.sh, which checks out
/// the commit, installs the packages, fetches the data and checks its digests, runs the command, and compares
/// what comes out. Ends with 4 if not everything that is needed is known; what is known is written all the same.
///
/// Example: herdbook lineage reproduce fraud-detector@Production --out ./again && ./again/reproduce.sh
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A version such as model@Production or model/3, or a node such as run:<id>.
    node: String,
    /// The folder to write to; nothing is written elsewhere.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write into a folder that has something in it.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let node = resolve(&connection, options.node).await?;
    let found = client(connection.clone())
        .get_reproduction(GetReproductionRequest {
            node,
            known_at: options.moment.known_at(),
            held_at: options.moment.held_at(),
        })
        .await?
        .into_inner();
    let mut reproduction = found.reproduction.unwrap_or_default();
    let folder = Folder::open(options.out, options.force)?;
    if !fetch_diff(connection, &reproduction, &folder).await? {
        reproduction.missing.push(ReproductionGap {
            what: "the changes that the commit lacks are not among the artifacts of the run"
                .to_owned(),
            remedy: "upload the output of git diff HEAD --binary as an artifact of the run"
                .to_owned(),
        });
    }
    write(&reproduction, &folder)?;
    output::print(output, REPRODUCTION, &reproduction, |found| {
        shown(found, &folder)
    })?;
    match reproduction.missing.len() {
        0 => Ok(()),
        1 => Err(Failure::refused("something that is needed is not known")),
        count => Err(Failure::refused(format!(
            "{count} things that are needed are not known"
        ))),
    }
}

fn write(reproduction: &Reproduction, folder: &Folder) -> Result<(), Failure> {
    let manifest = output::json_sorted(REPRODUCTION, reproduction)?;
    folder.write("manifest.json", &manifest)?;
    let params: std::collections::BTreeMap<_, _> = reproduction.params.iter().collect();
    let params = serde_json::to_string_pretty(&params).map_err(Failure::failed)?;
    folder.write("params.json", &format!("{params}\n"))?;
    let requirements = requirements(reproduction);
    folder.write("requirements.txt", &requirements)?;
    folder.write("README.md", &readme::write(reproduction))?;
    folder.write_program("reproduce.sh", &script::write(reproduction))
}

/// Packages alone: a line that is an option would have pip look elsewhere for them.
fn requirements(reproduction: &Reproduction) -> String {
    let environment = reproduction.environment.iter();
    let lines = environment.flat_map(|environment| &environment.requirements);
    let packages = lines.filter(|line| {
        line.starts_with(|c: char| c.is_ascii_alphanumeric()) && !line.contains(char::is_control)
    });
    packages.map(|line| format!("{line}\n")).collect()
}

/// Writes the changes that the commit lacks, if the run has them as an artifact; `false` if they are known
/// by their digest alone.
async fn fetch_diff(
    connection: Connection,
    reproduction: &Reproduction,
    folder: &Folder,
) -> Result<bool, Failure> {
    let code = reproduction.code.clone().unwrap_or_default();
    if code.diff_digest.is_empty() {
        return Ok(true);
    }
    let output = reproduction.outputs.iter();
    let mut known = output.filter(|output| output.digest == code.diff_digest);
    let Some(diff) = known.next() else {
        return Ok(false);
    };
    let mut client = ArtifactServiceClient::new(connection);
    let run_id = reproduction.run_id.clone();
    let list = ListArtifactsRequest {
        run_id: run_id.clone(),
        path: diff.path.clone(),
        ..Default::default()
    };
    let files = client.list_artifacts(list).await?.into_inner().files;
    if !files.iter().any(|file| file.digest == code.diff_digest) {
        return Ok(false);
    }
    let request = DownloadArtifactRequest {
        run_id,
        path: diff.path.clone(),
        ..Default::default()
    };
    let answers = client.download_artifact(request).await?.into_inner();
    let pieces = answers.map(|answer| {
        Ok(match answer?.message {
            Some(Download::File(file)) => Piece::File(file),
            Some(Download::Chunk(chunk)) => Piece::Chunk(chunk.into()),
            None => Piece::Chunk(Vec::new()),
        })
    });
    receive(pieces, &folder.clear(DIFF)?).await?;
    Ok(true)
}

fn shown(found: &Reproduction, folder: &Folder) -> String {
    let mut lines = vec![format!(
        "{}: {} data sets, {} params, {} outputs; run {}",
        folder.path().display(),
        found.data.len(),
        found.params.len(),
        found.outputs.len(),
        folder.path().join("reproduce.sh").display()
    )];
    for gap in &found.missing {
        lines.push(format!("  missing: {}\n    -> {}", gap.what, gap.remedy));
    }
    lines.join("\n")
}
