//! Crashes while blobs are uploaded and collected: what is named is there.

use std::{path::Path, time::Duration};

use futures::StreamExt as _;
use herdbook_e2e::{Herdbook, S3Server, folder};
use herdbook_proto::tracking::v1::{
    ArtifactHeader, CreateRunRequest, DownloadArtifactRequest, UploadArtifactRequest,
    artifact_service_client::ArtifactServiceClient,
    download_artifact_response::Message as Download, run_service_client::RunServiceClient,
    upload_artifact_request::Message as Upload,
};
use herdbook_testkit::wait_until;
use tokio::{process::Command, sync::watch};
use tonic::transport::Channel;

const WRITERS: usize = 3;
/// Contents of a writer, and how often it uploads each before the next: by the time it returns to the
/// first, that was collected.
const CONTENTS: usize = 7;
const REPEATS: usize = 15;
const UPLOADS: usize = 3 * CONTENTS * REPEATS;

fn command(data_dir: &Path) -> Command {
    let mut command = Herdbook::command(&["up", "--listen", "127.0.0.1:0", "--blob-grace", "1s"]);
    command.arg("--data-dir").arg(data_dir);
    command
}

async fn up(data_dir: &Path) -> Herdbook {
    Herdbook::start(&mut command(data_dir)).await
}

async fn create_run(herdbook: &Herdbook) -> String {
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    let run = runs.create_run(CreateRunRequest::default()).await.unwrap();
    run.into_inner().run.unwrap().id
}

fn content(writer: usize, upload: usize) -> Vec<u8> {
    format!("content {} of writer {writer}", upload / REPEATS % CONTENTS).into_bytes()
}

async fn upload(url: String, run: &str, path: &str, content: &[u8]) -> Option<()> {
    let header = ArtifactHeader {
        run_id: run.to_owned(),
        path: path.to_owned(),
        ..Default::default()
    };
    let message = |message| UploadArtifactRequest {
        message: Some(message),
    };
    let chunks = content.chunks(1 << 20);
    let chunks = chunks.map(|chunk| message(Upload::Chunk(chunk.to_vec().into())));
    let first = std::iter::once(message(Upload::Header(header)));
    let messages: Vec<_> = first.chain(chunks).collect();
    let channel = Channel::from_shared(url).unwrap().connect().await.ok()?;
    let mut client = ArtifactServiceClient::new(channel);
    let messages = futures::stream::iter(messages);
    client.upload_artifact(messages).await.ok().map(|_| ())
}

/// Uploads one file after the other to one path, each until it is acknowledged.
async fn write(
    number: usize,
    run: String,
    address: watch::Receiver<String>,
    acknowledged: watch::Sender<usize>,
) {
    let path = number.to_string();
    while *acknowledged.borrow() < UPLOADS {
        let (url, next) = (
            format!("http://{}", &*address.borrow()),
            *acknowledged.borrow(),
        );
        match upload(url, &run, &path, &content(number, next)).await {
            Some(()) => {
                acknowledged.send_replace(next + 1);
            }
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn download(herdbook: &Herdbook, run: &str, path: &str) -> Vec<u8> {
    let request = DownloadArtifactRequest {
        run_id: run.to_owned(),
        path: path.to_owned(),
        ..Default::default()
    };
    let mut client = ArtifactServiceClient::new(herdbook.channel().await);
    let mut answers = client
        .download_artifact(request)
        .await
        .unwrap()
        .into_inner();
    let mut content = Vec::new();
    while let Some(answer) = answers.next().await {
        if let Some(Download::Chunk(chunk)) = answer.unwrap().message {
            content.extend_from_slice(&chunk);
        }
    }
    content
}

/// Files in a folder, at any depth.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let files = entries.map(|entry| match entry.unwrap().path() {
        folder if folder.is_dir() => files(&folder),
        _ => 1,
    });
    files.sum()
}

#[tokio::test]
async fn a_herdbook_killed_while_it_collects_keeps_what_is_named() {
    let folder = folder();
    let mut herdbook = up(folder.path()).await;
    let run = create_run(&herdbook).await;
    let (address, current) = watch::channel(herdbook.address.clone());
    let writers = (0..WRITERS).map(|number| {
        let (sender, acknowledged) = watch::channel(0);
        let writing = write(number, run.clone(), current.clone(), sender);
        (acknowledged, tokio::spawn(writing))
    });
    let mut writers: Vec<_> = writers.collect();
    for kill in 1..=3 {
        for (acknowledged, _) in &mut writers {
            let some = |uploads: &usize| *uploads >= kill * UPLOADS / 4;
            acknowledged.wait_for(some).await.unwrap();
        }
        herdbook.kill().await;
        herdbook = up(folder.path()).await;
        address.send_replace(herdbook.address.clone());
    }
    for (_, task) in writers {
        task.await.unwrap();
    }
    for number in 0..WRITERS {
        let last = content(number, UPLOADS - 1);
        assert_eq!(download(&herdbook, &run, &number.to_string()).await, last);
    }
    wait_until("only what is named is left", async || {
        (files(&folder.path().join("blobs/blobs")) == WRITERS).then_some(())
    })
    .await;
    assert_eq!(
        download(&herdbook, &run, "0").await,
        content(0, UPLOADS - 1)
    );
    assert!(herdbook.stop().await.success());
}

#[tokio::test]
async fn a_bucket_is_rid_of_what_nothing_names() {
    let (folder, s3) = (folder(), S3Server::start().await);
    // As a process leaves it that is killed between the parts and the name.
    let uploads = s3.folder("files/uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    std::fs::write(uploads.join("0198"), b"cut short").unwrap();
    let mut command = command(folder.path());
    command.args(["--blobs", "s3://herdbook/files"]);
    let herdbook = Herdbook::start(command.envs(s3.environment())).await;
    let run = create_run(&herdbook).await;
    let large = vec![7; 9 << 20];
    for content in [&b"first"[..], &large, b"last"] {
        let url = format!("http://{}", herdbook.address);
        upload(url, &run, "a", content).await.unwrap();
    }
    wait_until("only what is named is left", async || {
        (files(&s3.folder("files")) == 1).then_some(())
    })
    .await;
    assert_eq!(download(&herdbook, &run, "a").await, b"last");
    assert!(herdbook.stop().await.success());
}
