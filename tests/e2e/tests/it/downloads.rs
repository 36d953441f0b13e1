//! Files of a version come whole or not at all, from a folder and from a bucket.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use herdbook_e2e::{Herdbook, S3Server, folder};
use herdbook_proto::{
    registry::v1::{
        CreateModelRequest, CreateVersionRequest, Version,
        model_service_client::ModelServiceClient, version_service_client::VersionServiceClient,
    },
    tracking::v1::{
        ArtifactHeader, CreateRunRequest, UploadArtifactRequest,
        artifact_service_client::ArtifactServiceClient, run_service_client::RunServiceClient,
        upload_artifact_request::Message as Upload,
    },
};
use tempfile::TempDir;

/// Large enough for some messages.
const LARGE: usize = 5 << 20;

/// A Herdbook with the version `m/1` of three files.
struct Library {
    herdbook: Herdbook,
    version: Version,
    /// Of Herdbook, and `to`, where downloads go.
    folder: TempDir,
}

fn content(path: &str) -> Vec<u8> {
    let byte = path.len() as u8;
    match path {
        "large.bin" => (0..LARGE).map(|n| (n / 7 % 251) as u8).collect(),
        "empty" => Vec::new(),
        _ => vec![byte; 10],
    }
}

const PATHS: [&str; 3] = ["code/model.py", "empty", "large.bin"];

impl Library {
    async fn of(herdbook: Herdbook, folder: TempDir) -> Self {
        let channel = herdbook.channel().await;
        let mut runs = RunServiceClient::new(channel.clone());
        let run = runs.create_run(CreateRunRequest::default()).await.unwrap();
        let run_id = run.into_inner().run.unwrap().id;
        let message = |message| UploadArtifactRequest {
            message: Some(message),
        };
        for path in PATHS {
            let header = ArtifactHeader {
                run_id: run_id.clone(),
                path: format!("model/{path}"),
                ..Default::default()
            };
            let content = content(path);
            let chunks = content.chunks(1 << 20);
            let chunks = chunks.map(|chunk| message(Upload::Chunk(chunk.to_vec().into())));
            let first = std::iter::once(message(Upload::Header(header)));
            let messages: Vec<_> = first.chain(chunks).collect();
            let mut artifacts = ArtifactServiceClient::new(channel.clone());
            let messages = futures::stream::iter(messages);
            artifacts.upload_artifact(messages).await.unwrap();
        }
        let request = CreateModelRequest {
            name: "m".to_owned(),
            ..Default::default()
        };
        let mut models = ModelServiceClient::new(channel.clone());
        models.create_model(request).await.unwrap();
        let request = CreateVersionRequest {
            model: "m".to_owned(),
            source: format!("runs:/{run_id}/model"),
            ..Default::default()
        };
        let mut versions = VersionServiceClient::new(channel);
        let version = versions.create_version(request).await.unwrap();
        Self {
            herdbook,
            version: version.into_inner().version.unwrap(),
            folder,
        }
    }

    async fn on_a_folder() -> Self {
        let folder = folder();
        let herdbook = Herdbook::up(&folder.path().join("data")).await;
        Self::of(herdbook, folder).await
    }

    /// Ends with this code, and says this on standard error.
    async fn download(&self, options: &[&str]) -> (Option<i32>, String) {
        let to = self.to();
        let command = [
            "download",
            "model://default/m@latest",
            "--to",
            to.to_str().unwrap(),
        ];
        self.models(&[&command, options].concat()).await
    }

    /// The same of any command of `herdbook models`.
    async fn models(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = Herdbook::command(&["models", "--server", &self.herdbook.address]);
        let output: Output = command.args(words).output().await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), error)
    }

    fn to(&self) -> PathBuf {
        self.folder.path().join("to")
    }

    /// The SHA-256 of a file, as hexadecimal digits.
    fn digest(&self, path: &str) -> &str {
        let mut files = self.version.files.iter();
        let file = files.find(|file| file.path == path).unwrap();
        file.digest.strip_prefix("sha256:").unwrap()
    }

    /// Where a download keeps what it has of a file.
    fn part(&self, path: &str) -> PathBuf {
        let digest = self.digest(path);
        self.to().join(format!("{path}.{}.part", &digest[..12]))
    }

    /// Where the store has the bytes of a file.
    fn blob(&self, path: &str) -> PathBuf {
        let digest = self.digest(path);
        let blobs = self.folder.path().join("data/blobs/blobs/sha256");
        blobs.join(&digest[..2]).join(digest)
    }

    fn assert_whole(&self) {
        for path in PATHS {
            let found = fs::read(self.to().join(path)).unwrap();
            assert!(found == content(path), "{path} is another");
            assert!(!self.part(path).exists(), "{path} has a part left");
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn all_files_come_and_what_is_there_is_kept() {
    let library = Library::on_a_folder().await;
    assert_eq!(library.download(&[]).await, (Some(0), String::new()));
    library.assert_whole();
    let large = library.to().join("large.bin");
    let before = fs::metadata(&large).unwrap();
    fs::write(library.to().join("code/model.py"), "changed").unwrap();
    // As one leaves it that is killed before another puts the file in place.
    fs::write(library.part("large.bin"), "begun").unwrap();
    assert_eq!(library.download(&[]).await.0, Some(0));
    library.assert_whole();
    let after = fs::metadata(&large).unwrap();
    assert_eq!(before.ino(), after.ino());
}

#[tokio::test]
async fn a_download_that_was_cut_short_goes_on_where_it_was() {
    let library = Library::on_a_folder().await;
    fs::create_dir(library.to()).unwrap();
    let part = library.part("large.bin");
    fs::write(&part, &content("large.bin")[..LARGE / 2]).unwrap();
    let begun = fs::metadata(&part).unwrap().ino();
    assert_eq!(library.download(&[]).await.0, Some(0));
    library.assert_whole();
    let large = library.to().join("large.bin");
    assert_eq!(fs::metadata(&large).unwrap().ino(), begun);

    // Of another content, and longer than the file.
    for part in [vec![9; LARGE / 2], vec![9; LARGE + 1]] {
        fs::remove_file(&large).unwrap();
        fs::write(library.part("large.bin"), part).unwrap();
        assert_eq!(library.download(&[]).await.0, Some(0));
        library.assert_whole();
    }
}

#[tokio::test]
async fn what_the_store_damaged_or_lost_is_named_and_nothing_is_put_in_place() {
    let library = Library::on_a_folder().await;
    let blob = library.blob("large.bin");
    let mut damaged = content("large.bin");
    damaged[LARGE - 1] ^= 1;
    let digest = library.version.files[2].digest.clone();
    for (bytes, what) in [
        (Some(&damaged[..]), "was damaged"),
        (Some(&damaged[..LARGE - 1]), "was damaged"),
        (None, "is missing"),
    ] {
        match bytes {
            Some(bytes) => fs::write(&blob, bytes).unwrap(),
            None => fs::remove_file(&blob).unwrap(),
        }
        let (code, error) = library.download(&[]).await;
        assert_eq!(code, Some(8), "{error}");
        assert!(error.contains(what) && error.contains(&digest), "{error}");
        let kept = files(&library.to());
        let part = |path: &PathBuf| path.extension().is_some_and(|end| end == "part");
        assert!(kept.iter().all(part), "{kept:?}");
    }
    fs::write(&blob, content("large.bin")).unwrap();
    assert_eq!(library.download(&[]).await.0, Some(0));
    library.assert_whole();
}

#[tokio::test]
async fn a_folder_gives_no_urls_and_a_bucket_does() {
    let library = Library::on_a_folder().await;
    let (code, error) = library.download(&["--presigned"]).await;
    assert_eq!(code, Some(4));
    assert!(error.contains("download through the server"), "{error}");

    let (folder, s3) = (folder(), S3Server::start().await);
    let mut command = Herdbook::command(&["up", "--listen", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(folder.path().join("data"));
    command.args(["--blobs", "s3://herdbook/files"]);
    let herdbook = Herdbook::start(command.envs(s3.environment())).await;
    let library = Library::of(herdbook, folder).await;
    fs::create_dir(library.to()).unwrap();
    fs::write(
        library.part("large.bin"),
        &content("large.bin")[..LARGE / 2],
    )
    .unwrap();
    assert_eq!(
        library.download(&["--presigned"]).await,
        (Some(0), String::new())
    );
    library.assert_whole();
    let digest = library.version.files[2].digest.replace("sha256:", "");
    let blob = s3
        .folder("files/blobs/sha256")
        .join(&digest[..2])
        .join(&digest);
    fs::remove_file(library.to().join("large.bin")).unwrap();
    fs::write(&blob, vec![9; LARGE]).unwrap();
    let (code, error) = library.download(&["--presigned"]).await;
    assert_eq!(code, Some(8), "{error}");
    fs::remove_file(&blob).unwrap();
    let (code, error) = library.download(&["--presigned"]).await;
    assert_eq!(code, Some(8), "{error}");
    assert!(error.contains("the bucket has no"), "{error}");
}

#[tokio::test]
async fn signatures_and_files_are_verified_by_commands_with_codes() {
    let library = Library::on_a_folder().await;
    let file = |name: &str| {
        library
            .folder
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (key, public, to) = (file("k.pem"), file("k.pem.pub"), file("to"));
    assert_eq!(library.models(&["keygen", &key]).await.0, Some(0));
    let mode = fs::metadata(&key).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o600);
    // A key that is there is not written over.
    assert_eq!(library.models(&["keygen", &key]).await.0, Some(1));
    assert_eq!(library.download(&[]).await.0, Some(0));
    let verify = ["verify", "m@1", "--files", &to, "--key", &public];
    let (code, error) = library.models(&verify).await;
    assert_eq!(code, Some(4), "{error}");
    let sign = ["sign", "m@1", "--key", &key, "--files", &to];
    fs::write(library.to().join("empty"), "x").unwrap();
    let (code, error) = library.models(&sign).await;
    assert_eq!(code, Some(8), "{error}");
    fs::write(library.to().join("empty"), "").unwrap();
    assert_eq!(library.models(&sign).await, (Some(0), String::new()));
    assert_eq!(library.models(&verify).await, (Some(0), String::new()));
    assert_eq!(
        library.models(&["verify", "m@1", "--key", &public]).await.0,
        Some(0)
    );
    fs::remove_file(library.to().join("empty")).unwrap();
    assert_eq!(library.models(&verify).await.0, Some(3));
    fs::write(library.blob("large.bin"), vec![9; LARGE]).unwrap();
    assert_eq!(library.models(&["verify", "m@1"]).await.0, Some(8));
}
