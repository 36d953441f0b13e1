//! `herdbook artifacts`.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use futures::{Stream, StreamExt as _};
use herdbook_proto::{
    common::v1::File,
    tracking::v1::{
        ArtifactHeader, DownloadArtifactRequest, ListArtifactsRequest, UploadArtifactRequest,
        artifact_service_client::ArtifactServiceClient, download_artifact_response,
        upload_artifact_request::Message as Upload,
    },
};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};
use tokio::{fs, io::AsyncReadExt as _, io::AsyncWriteExt as _};
use tonic::Status;

use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    output,
};

/// Bytes that are read and sent at a time.
const CHUNK: usize = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the files of a run.
    ///
    /// Example: herdbook artifacts list 0198c0de… model
    List {
        /// The run.
        run: String,
        /// Only those below this path.
        #[arg(default_value = "")]
        path: String,
    },
    /// Download a file of a run, and check its digest.
    ///
    /// Example: herdbook artifacts get 0198c0de… model/weights.bin --to weights.bin
    Get {
        /// The run.
        run: String,
        /// The file's path in the run.
        path: String,
        /// Where to put it [default: its own name, here].
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Upload a file to a run.
    ///
    /// Example: herdbook artifacts put 0198c0de… weights.bin --as model/weights.bin
    Put {
        /// The run.
        run: String,
        /// The file.
        file: PathBuf,
        /// Its path in the run [default: its own name].
        #[arg(long = "as", value_name = "PATH")]
        path: Option<String>,
    },
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let mut client = ArtifactServiceClient::new(connect(&options).await?);
    match command {
        Command::List { run, path } => {
            let request = ListArtifactsRequest {
                run_id: run,
                path,
                page_size: 1_000,
                ..Default::default()
            };
            let found = client.list_artifacts(request).await?.into_inner();
            let name = "herdbook.tracking.v1.ListArtifactsResponse";
            output::print(options.output, name, &found, |found| {
                let row = |file: &File| {
                    vec![
                        file.path.clone(),
                        output::size(file.size),
                        output::short(&file.digest),
                    ]
                };
                output::table(&["path", "size", "digest"], found.files.iter().map(row))
            })
        }
        Command::Get { run, path, to } => {
            let own_name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let to = to.unwrap_or_else(|| PathBuf::from(own_name));
            let request = DownloadArtifactRequest {
                run_id: run,
                path,
                ..Default::default()
            };
            let answers = client.download_artifact(request).await?.into_inner();
            let pieces = answers.map(|answer| {
                Ok(match answer?.message {
                    Some(download_artifact_response::Message::File(file)) => Piece::File(file),
                    Some(download_artifact_response::Message::Chunk(chunk)) => {
                        Piece::Chunk(chunk.into())
                    }
                    None => Piece::Chunk(Vec::new()),
                })
            });
            receive(pieces, &to).await
        }
        Command::Put { run, file, path } => put(&mut client, &options, run, file, path).await,
    }
}

/// What comes of a download.
pub(super) enum Piece {
    File(File),
    Chunk(Vec<u8>),
}

/// Writes a download to `to`, which appears only when all of it is there and has its digest, if the
/// file has one.
pub(super) async fn receive(
    pieces: impl Stream<Item = Result<Piece, Status>>,
    to: &Path,
) -> Result<(), Failure> {
    let mut pieces = std::pin::pin!(pieces);
    let Some(Piece::File(expected)) = pieces.next().await.transpose()? else {
        return Err(Failure::failed("the server sent no file"));
    };
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).await?;
    }
    let mut beside = to.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let bar = progress(&expected.path, expected.size);
    let mut hash = Sha256::new();
    let mut file = fs::File::create(&beside).await?;
    while let Some(piece) = pieces.next().await {
        if let Piece::Chunk(chunk) = piece? {
            hash.update(&chunk);
            file.write_all(&chunk).await?;
            bar.inc(chunk.len() as u64);
        }
    }
    file.sync_all().await?;
    bar.finish_and_clear();
    let found = herdbook_core::Digest(hash.finalize().into()).to_string();
    if !expected.digest.is_empty() && found != expected.digest {
        fs::remove_file(&beside).await?;
        let wanted = expected.digest;
        return Err(Failure::damaged(format!(
            "{}: has the digest {found}, not {wanted}",
            to.display()
        )));
    }
    fs::rename(&beside, to).await?;
    Ok(())
}

async fn put(
    client: &mut ArtifactServiceClient<Connection>,
    options: &ClientOptions,
    run: String,
    file: PathBuf,
    path: Option<String>,
) -> Result<(), Failure> {
    let unreadable =
        |error: std::io::Error| Failure::failed(format!("{}: {error}", file.display()));
    let own_name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let path = path.or(own_name).unwrap_or_default();
    let source = fs::File::open(&file).await.map_err(unreadable)?;
    let size = source.metadata().await.map_err(unreadable)?.len();
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    let bar = progress(&path, size);
    let header = ArtifactHeader {
        run_id: run,
        path,
        size: Some(size),
        ..Default::default()
    };
    let first = UploadArtifactRequest {
        message: Some(Upload::Header(header)),
    };
    let counting = bar.clone();
    let rest = futures::stream::unfold(source, move |mut source| {
        let bar = counting.clone();
        async move {
            let mut chunk = vec![0; CHUNK];
            // A file that fails to be read ends short of its size, which the server refuses.
            let count = source.read(&mut chunk).await.unwrap_or_default();
            chunk.truncate(count);
            bar.inc(count as u64);
            let message = UploadArtifactRequest {
                message: Some(Upload::Chunk(chunk.into())),
            };
            (count > 0).then_some((message, source))
        }
    });
    let messages = futures::stream::once(std::future::ready(first)).chain(rest);
    let kept = client
        .upload_artifact(messages)
        .await?
        .into_inner()
        .file
        .unwrap_or_default();
    bar.finish_and_clear();
    output::print(options.output, "herdbook.common.v1.File", &kept, |file| {
        format!(
            "{}  {}  {}",
            file.path,
            output::size(file.size),
            file.digest
        )
    })
}

/// A bar on standard error, if that is a terminal.
pub(super) fn progress(name: &str, size: i64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(size).unwrap_or_default());
    let style =
        ProgressStyle::with_template("{msg}  {bar:30}  {bytes}/{total_bytes}  {bytes_per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.with_message(name.to_owned())
}
