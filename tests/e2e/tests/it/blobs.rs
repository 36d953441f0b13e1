//! Crashes while blobs are uploaded and collected: what is named is there.

use std::{path::Path, time::Duration};

use futures::StreamExt as _;
use herdbook_e2e::{Herdbook, folder};
use herdbook_proto::tracking::v1::{
    ArtifactHeader, CreateRunRequest, DownloadArtifactRequest, UploadArtifactRequest,
    artifact_service_client::ArtifactServiceClient,
    download_artifact_response::Message as Download, run_service_client::RunServiceClient,
    upload_artifact_request::Message as Upload,
};
use herdbook_testkit::wait_until;
use tokio::sync::watch;
use tonic::transport::Channel;

const WRITERS: usize = 3;
/// Contents of a writer, and how often it uploads each before the next: by the time it returns to the
/// first, that was collected.
const CONTENTS: usize = 7;
const REPEATS: usize = 15;
const UPLOADS: usize = 3 * CONTENTS * REPEATS;

async fn up(data_dir: &Path) -> Herdbook {
    Herdbook::start(&mut Herdbook::command(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--blob-grace",
        "1s",
        "--data-dir",
        data_dir.to_str().unwrap(),
    ]))
    .await
}

fn content(writer: usize, upload: usize) -> Vec<u8> {
    format!("content {} of writer {writer}", upload / REPEATS % CONTENTS).into_bytes()
}

async fn upload(url: String, run: &str, path: &str, content: Vec<u8>) -> Option<()> {
    let header = ArtifactHeader {
        run_id: run.to_owned(),
        path: path.to_owned(),
        ..Default::default()
    };
    let message = |message| UploadArtifactRequest {
        message: Some(message),
    };
    let messages = [
        message(Upload::Header(header)),
        message(Upload::Chunk(content.into())),
    ];
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
        match upload(url, &run, &path, content(number, next)).await {
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

fn blobs(data_dir: &Path) -> usize {
    let folders = std::fs::read_dir(data_dir.join("blobs/blobs/sha256")).unwrap();
    let files = folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count());
    files.sum()
}

#[tokio::test]
async fn a_herdbook_killed_while_it_collects_keeps_what_is_named() {
    let folder = folder();
    let mut herdbook = up(folder.path()).await;
    let mut runs = RunServiceClient::new(herdbook.channel().await);
    let run = runs.create_run(CreateRunRequest::default()).await.unwrap();
    let run = run.into_inner().run.unwrap().id;
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
        (blobs(folder.path()) == WRITERS).then_some(())
    })
    .await;
    assert_eq!(
        download(&herdbook, &run, "0").await,
        content(0, UPLOADS - 1)
    );
}
