//! `herdbook models download`: several files side by side, taken up again where a download was cut short,
//! and put in place only when all of them are what the manifest says.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use clap::Args;
use futures::{Stream, StreamExt as _, TryStreamExt as _, future::Either};
use herdbook_core::Digest;
use herdbook_proto::{
    common::v1::File,
    registry::v1::{
        DownloadVersionFileRequest, PresignVersionFilesRequest, ResolveVersionResponse,
        download_version_file_response::Message as Download,
        serving_service_client::ServingServiceClient, version_service_client::VersionServiceClient,
    },
};
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use tokio::{
    fs,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

use super::files::{entries, resolve};
use crate::{
    cli::Output, commands::artifacts::progress, connection::Connection, exit::Failure, output,
};

/// Files on their way at the same time.
const AT_ONCE: usize = 4;
/// Bytes read from disk at a time.
const PIECE: usize = 1 << 20;
/// Files whose URLs are asked for at a time: as many as the server gives.
const URLS: usize = 1_000;

/// Download the files of a version, and check them all before any is put in place.
///
/// A download that was cut short leaves files ending in `.part`; run again, it checks what is there and
/// fetches the rest. What is in place already stays. Ends with 8 if bytes are not what they should be.
///
/// Example: herdbook models download fraud-detector@Production --to ./model
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The version, such as model/3, model@Production or model://workspace/model@champion.
    pub(super) reference: String,
    /// The file; all, if none is named.
    path: Option<String>,
    /// The folder to put them in.
    #[arg(long, alias = "out", default_value = ".", value_name = "DIR")]
    to: PathBuf,
    /// Read from the bucket itself, by URLs that the server gives: faster where the bucket is near.
    #[arg(long)]
    presigned: bool,
}

/// Where the bytes come from.
enum Source {
    Server {
        client: VersionServiceClient<Connection>,
        /// By number, so that all files are of one version whatever is promoted meanwhile.
        version: String,
    },
    Bucket {
        client: reqwest::Client,
        /// By path.
        urls: HashMap<String, String>,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let mut found = resolve(connection.clone(), options.reference).await?;
    let version = format!("{}/{}", found.model, found.version);
    check_manifest(&found)?;
    if let Some(path) = options.path {
        found.files.retain(|file| file.path == path);
        if found.files.is_empty() {
            return Err(Failure::not_found(format!(
                "{version} has no file {path:?}"
            )));
        }
    }
    let places = found.files.iter().map(|file| Place::of(file, &options.to));
    let places: Vec<Place> = places.collect::<Result<_, _>>()?;
    let source = match options.presigned {
        true => bucket(connection, &version, &found.files).await?,
        false => Source::Server {
            client: VersionServiceClient::new(connection),
            version: version.clone(),
        },
    };
    let bytes = found.files.iter().map(|file| file.size).sum();
    let bar = progress(&version, bytes);
    // Each in a task of its own, for hashing is work for more than one core.
    let source = Arc::new(source);
    let fetches = places.iter().map(|place| {
        let (place, source, bar) = (place.clone(), source.clone(), bar.clone());
        tokio::spawn(async move { place.fetch(&source, &bar).await })
    });
    let fetched = futures::stream::iter(fetches).buffer_unordered(AT_ONCE);
    let fetched = fetched.map(|done| done.map_err(Failure::failed)?);
    let fetched: Result<(), Failure> = fetched.try_collect().await;
    bar.finish_and_clear();
    fetched?;
    for place in &places {
        place.settle().await?;
    }
    let name = "herdbook.registry.v1.ResolveVersionResponse";
    output::print(output, name, &found, |found| {
        let count = found.files.len();
        format!(
            "{version}  {}  {count} files, {}  in {}",
            found.digest,
            output::size(bytes),
            options.to.display()
        )
    })
}

/// Checks that the files of a version are those of its digest.
fn check_manifest(found: &ResolveVersionResponse) -> Result<(), Failure> {
    let digest = herdbook_registry::manifest_digest(entries(&found.files)?);
    match digest.to_string() == found.digest {
        true => Ok(()),
        false => Err(Failure::damaged(format!(
            "{}/{}: its files have the digest {digest} together, not {}; nothing was fetched",
            found.model, found.version, found.digest
        ))),
    }
}

/// Reads all files of a version from the server, and checks that they are what they should be.
pub(super) async fn check_server(
    connection: Connection,
    found: &ResolveVersionResponse,
) -> Result<(), Failure> {
    check_manifest(found)?;
    let source = Source::Server {
        client: VersionServiceClient::new(connection),
        version: format!("{}/{}", found.model, found.version),
    };
    for file in &found.files {
        let mut hash = Sha256::new();
        let mut chunks = std::pin::pin!(source.read(file, 0).await?);
        while let Some(chunk) = chunks.next().await.transpose()? {
            hash.update(&chunk);
        }
        let digest = Digest(hash.finalize().into()).to_string();
        if digest != file.digest {
            let what = format!(
                "{}: came with the digest {digest}, not {}",
                file.path, file.digest
            );
            return Err(Failure::damaged(what));
        }
    }
    Ok(())
}

/// URLs of all `files`.
async fn bucket(connection: Connection, version: &str, files: &[File]) -> Result<Source, Failure> {
    let mut serving = ServingServiceClient::new(connection);
    let mut urls = HashMap::new();
    for files in files.chunks(URLS) {
        let request = PresignVersionFilesRequest {
            reference: version.to_owned(),
            paths: files.iter().map(|file| file.path.clone()).collect(),
            expires_in: None,
        };
        let answer = serving.presign_version_files(request).await?.into_inner();
        let presigned = answer.files.into_iter();
        urls.extend(presigned.filter_map(|file| Some((file.file?.path, file.url))));
    }
    // One may be there already, from another client of this process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .build()
        .map_err(Failure::failed)?;
    Ok(Source::Bucket { client, urls })
}

impl Source {
    /// The bytes of `file` from `offset` on.
    async fn read(
        &self,
        file: &File,
        offset: u64,
    ) -> Result<impl Stream<Item = Result<Bytes, Failure>> + use<>, Failure> {
        match self {
            Self::Server { client, version } => {
                let request = DownloadVersionFileRequest {
                    reference: version.clone(),
                    path: file.path.clone(),
                    offset: i64::try_from(offset).unwrap_or(i64::MAX),
                    length: 0,
                };
                let answers = client.clone().download_version_file(request).await?;
                let chunks = answers.into_inner().map(|answer| match answer?.message {
                    Some(Download::Chunk(chunk)) => Ok(chunk),
                    _ => Ok(Bytes::new()),
                });
                Ok(Either::Left(chunks))
            }
            Self::Bucket { client, urls } => {
                let url = urls.get(&file.path).map(String::as_str).unwrap_or_default();
                let request = client.get(url).header("range", format!("bytes={offset}-"));
                let response = request.send().await.map_err(|error| unread(file, &error))?;
                if response.status() == reqwest::StatusCode::NOT_FOUND {
                    let what = format!("{}: the bucket has no {}", file.path, file.digest);
                    return Err(Failure::damaged(what));
                }
                let response = response.error_for_status();
                let response = response.map_err(|error| unread(file, &error))?;
                let file = file.clone();
                let chunks = futures::stream::try_unfold(response, move |mut response| {
                    let file = file.clone();
                    async move {
                        let chunk = response.chunk().await;
                        let chunk = chunk.map_err(|error| unread(&file, &error))?;
                        Ok(chunk.map(|chunk| (chunk, response)))
                    }
                });
                Ok(Either::Right(chunks))
            }
        }
    }
}

/// A file of the bucket that could not be read. The URL, which lets anybody in, is not shown.
fn unread(file: &File, error: &reqwest::Error) -> Failure {
    let why = match error.status() {
        Some(status) => format!("the bucket answers {status}"),
        None => "the bucket cannot be reached or broke off".to_owned(),
    };
    Failure::failed(format!(
        "{}: {why}; run it again to go on, or without --presigned",
        file.path
    ))
}

/// Where a file goes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    file: File,
    digest: Digest,
    size: u64,
    /// Beside it until all are there. Named by the digest too, so that what is taken up again is the same.
    part: PathBuf,
    pub(super) whole: PathBuf,
}

/// What is on disk of a file.
struct Have {
    bytes: u64,
    hash: Sha256,
}

impl Place {
    pub(super) fn of(file: &File, folder: &Path) -> Result<Self, Failure> {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
        let relative = Path::new(&file.path);
        if file.path.is_empty() || !relative.components().all(inside) {
            return Err(Failure::failed(format!(
                "{:?} does not stay within a folder; nothing was written",
                file.path
            )));
        }
        let digest: Digest = file.digest.parse().map_err(Failure::failed)?;
        let whole = folder.join(relative);
        let mut part = whole.clone().into_os_string();
        part.push(format!(".{}.part", digest.to_hex().split_at(12).0));
        Ok(Self {
            file: file.clone(),
            digest,
            size: u64::try_from(file.size).map_err(Failure::failed)?,
            part: PathBuf::from(part),
            whole,
        })
    }

    /// Sees to it that all bytes are on disk, in place or beside it.
    async fn fetch(&self, source: &Source, bar: &ProgressBar) -> Result<(), Failure> {
        if self.is_whole().await? {
            bar.inc(self.size);
            // Left by one that was cut short before another put the file in place.
            let _ = fs::remove_file(&self.part).await;
            return Ok(());
        }
        if let Some(folder) = self.part.parent() {
            fs::create_dir_all(folder).await?;
        }
        let have = self.have(&self.part).await?;
        let resumed = have.bytes > 0;
        if self.complete(source, have, bar).await? {
            return Ok(());
        }
        // What was there may have been damaged, and not what came now.
        fs::remove_file(&self.part).await?;
        let nothing = Have {
            bytes: 0,
            hash: Sha256::new(),
        };
        if resumed && self.complete(source, nothing, bar).await? {
            return Ok(());
        }
        let _ = fs::remove_file(&self.part).await;
        Err(Failure::damaged(format!(
            "{}: what came does not have the digest {}; nothing was put in place",
            self.file.path, self.file.digest
        )))
    }

    /// Whether the file is in place already.
    pub(super) async fn is_whole(&self) -> Result<bool, Failure> {
        let facts = fs::metadata(&self.whole).await;
        if !facts.is_ok_and(|facts| facts.is_file()) {
            return Ok(false);
        }
        let have = self.have(&self.whole).await?;
        Ok(have.bytes == self.size && self.is(have.hash))
    }

    fn is(&self, hash: Sha256) -> bool {
        <[u8; 32]>::from(hash.finalize()) == self.digest.0
    }

    /// Hashes what is at `path`; nothing if there is no file, or one that is too long.
    async fn have(&self, path: &Path) -> Result<Have, Failure> {
        let mut have = Have {
            bytes: 0,
            hash: Sha256::new(),
        };
        let length = fs::metadata(path).await.map_or(0, |facts| facts.len());
        if length == 0 || length > self.size {
            return Ok(have);
        }
        let mut file = fs::File::open(path).await?;
        let mut piece = vec![0; PIECE];
        loop {
            let count = file.read(&mut piece).await?;
            let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
                return Ok(have);
            };
            have.hash.update(read);
            have.bytes += count as u64;
        }
    }

    /// Fetches what is missing after `have`; whether the file is what it should be then.
    async fn complete(
        &self,
        source: &Source,
        mut have: Have,
        bar: &ProgressBar,
    ) -> Result<bool, Failure> {
        let mut options = fs::OpenOptions::new();
        options.create(true).append(true);
        let mut file = options.open(&self.part).await?;
        file.set_len(have.bytes).await?;
        bar.inc(have.bytes);
        if have.bytes < self.size {
            let mut chunks = std::pin::pin!(source.read(&self.file, have.bytes).await?);
            while let Some(chunk) = chunks.next().await.transpose()? {
                have.hash.update(&chunk);
                have.bytes += chunk.len() as u64;
                file.write_all(&chunk).await?;
                bar.inc(chunk.len() as u64);
            }
        }
        file.sync_all().await?;
        Ok(have.bytes == self.size && self.is(have.hash))
    }

    /// Puts the file in place.
    async fn settle(&self) -> Result<(), Failure> {
        match fs::rename(&self.part, &self.whole).await {
            // It was in place already.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            done => Ok(done?),
        }
    }
}
