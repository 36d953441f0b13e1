//! Artifacts: whole or not at all, by safe paths, in ranges.

use futures::StreamExt as _;
use herdbook_proto::{
    common::v1::File,
    tracking::v1::{
        ArtifactHeader, CreateRunRequest, DeleteRunRequest, DownloadArtifactRequest,
        ListArtifactsRequest, UploadArtifactRequest,
        download_artifact_response::Message as Download,
        upload_artifact_request::Message as Upload,
    },
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::{Code, Status};

use crate::cluster::Cluster;

pub(crate) async fn upload(
    cluster: &Cluster,
    header: ArtifactHeader,
    content: &[u8],
) -> Result<File, Status> {
    let message = |message| UploadArtifactRequest {
        message: Some(message),
    };
    let chunks = content
        .chunks(1 << 20)
        .map(|chunk| message(Upload::Chunk(chunk.to_vec().into())));
    let messages: Vec<_> = std::iter::once(message(Upload::Header(header)))
        .chain(chunks)
        .collect();
    let answer = cluster
        .artifacts()
        .upload_artifact(futures::stream::iter(messages))
        .await?;
    Ok(answer.into_inner().file.unwrap())
}

pub(crate) fn header(run: &str, path: &str) -> ArtifactHeader {
    ArtifactHeader {
        run_id: run.to_owned(),
        path: path.to_owned(),
        ..Default::default()
    }
}

/// Uploads a file of a run.
pub(crate) async fn put_artifact(cluster: &Cluster, run: &str, path: &str, content: &[u8]) {
    upload(cluster, header(run, path), content).await.unwrap();
}

async fn download(cluster: &Cluster, request: DownloadArtifactRequest) -> Result<Vec<u8>, Status> {
    let mut answers = cluster
        .artifacts()
        .download_artifact(request)
        .await?
        .into_inner();
    let mut content = Vec::new();
    while let Some(answer) = answers.next().await {
        if let Some(Download::Chunk(chunk)) = answer?.message {
            assert!(chunk.len() <= 1 << 20);
            content.extend_from_slice(&chunk);
        }
    }
    Ok(content)
}

async fn paths(cluster: &Cluster, run: &str, path: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListArtifactsRequest {
            run_id: run.to_owned(),
            path: path.to_owned(),
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let page = cluster
            .artifacts()
            .list_artifacts(request)
            .await
            .unwrap()
            .into_inner();
        paths.extend(page.files.into_iter().map(|file| file.path));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return paths;
        }
    }
}

#[tokio::test]
async fn a_file_of_twenty_megabytes_comes_back_whole_and_in_part() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let content: Vec<u8> = (0..20_u32 << 20).map(|n| (n % 251) as u8).collect();
    let file = upload(&cluster, header(&run, "model/weights.bin"), &content)
        .await
        .unwrap();
    assert_eq!((&*file.path, file.size), ("model/weights.bin", 20 << 20));
    let path = file.path;
    let whole = DownloadArtifactRequest {
        run_id: run,
        path,
        ..Default::default()
    };
    assert!(download(&cluster, whole.clone()).await.unwrap() == content);
    let part = DownloadArtifactRequest {
        offset: 5_000_000,
        length: 1_234,
        ..whole.clone()
    };
    assert_eq!(
        download(&cluster, part).await.unwrap(),
        content[5_000_000..5_001_234]
    );
    let past = DownloadArtifactRequest {
        offset: 21 << 20,
        ..whole
    };
    assert_eq!(
        fields(&download(&cluster, past).await.unwrap_err()),
        ["offset"]
    );
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_refused() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    for path in ["../secret", "/etc/passwd", "a//b", "a\\b", "", "a/../../b"] {
        let refused = upload(&cluster, header(&run, path), b"x")
            .await
            .unwrap_err();
        assert_eq!(reason(&refused).0, Code::InvalidArgument, "{path}");
        assert_eq!(fields(&refused), ["header.path"], "{path}");
    }
    assert!(paths(&cluster, &run, "").await.is_empty());
}

#[tokio::test]
async fn bytes_that_are_not_as_announced_are_not_kept() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let digest = format!("sha256:{}", "0".repeat(64));
    let wrong = ArtifactHeader {
        digest,
        ..header(&run, "a")
    };
    let refused = upload(&cluster, wrong, b"abc").await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::InvalidArgument, "DIGEST_MISMATCH".into())
    );
    let wrong = ArtifactHeader {
        size: Some(4),
        ..header(&run, "a")
    };
    let refused = upload(&cluster, wrong, b"abc").await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::InvalidArgument, "SIZE_MISMATCH".into())
    );
    assert!(paths(&cluster, &run, "").await.is_empty());
}

#[tokio::test]
async fn folders_list_what_is_below_them_and_nothing_beside() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    for path in ["a/b/1", "a/b/2", "a/c", "a-b/x", "a0", "a"] {
        upload(&cluster, header(&run, path), path.as_bytes())
            .await
            .unwrap();
    }
    assert_eq!(
        paths(&cluster, &run, "").await,
        ["a", "a-b/x", "a/b/1", "a/b/2", "a/c", "a0"]
    );
    assert_eq!(
        paths(&cluster, &run, "a").await,
        ["a", "a/b/1", "a/b/2", "a/c"]
    );
    assert_eq!(paths(&cluster, &run, "a/b/").await, ["a/b/1", "a/b/2"]);
    assert!(paths(&cluster, &run, "zzz").await.is_empty());
}

#[tokio::test]
async fn a_path_that_is_there_is_replaced() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    upload(&cluster, header(&run, "a"), b"old").await.unwrap();
    upload(&cluster, header(&run, "a"), b"new!").await.unwrap();
    let request = DownloadArtifactRequest {
        run_id: run,
        path: "a".into(),
        ..Default::default()
    };
    assert_eq!(download(&cluster, request).await.unwrap(), b"new!");
}

#[tokio::test]
async fn unknown_files_and_deleted_runs_are_told() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let request = DownloadArtifactRequest {
        run_id: run.clone(),
        path: "a".into(),
        ..Default::default()
    };
    let refused = download(&cluster, request).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "ARTIFACT_NOT_FOUND".into())
    );
    cluster
        .runs()
        .delete_run(DeleteRunRequest {
            run_id: run.clone(),
        })
        .await
        .unwrap();
    let refused = upload(&cluster, header(&run, "a"), b"x").await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "RUN_DELETED".into())
    );
}
