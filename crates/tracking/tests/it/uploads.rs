//! Uploads in parts: the file is there whole, or not at all.

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    AbortUploadRequest, CompleteUploadRequest, CreateRunRequest, CreateUploadRequest,
    DeleteRunRequest, DownloadArtifactRequest, ListArtifactsRequest, PartHeader, UploadPartRequest,
    UploadedPart, download_artifact_response::Message as Download, upload_part_request::Message,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::{Code, Status};

use crate::cluster::Cluster;

async fn begun(cluster: &Cluster, run: &str) -> String {
    let request = CreateUploadRequest {
        run_id: run.to_owned(),
        path: "model/weights.bin".to_owned(),
        ..Default::default()
    };
    let created = cluster.uploads().create_upload(request).await.unwrap();
    created.into_inner().upload_id
}

async fn put(
    cluster: &Cluster,
    upload: &str,
    number: u32,
    content: &[u8],
) -> Result<UploadedPart, Status> {
    let header = PartHeader {
        upload_id: upload.to_owned(),
        number,
        size: Some(content.len() as i64),
        ..Default::default()
    };
    let chunks = content
        .chunks(1 << 20)
        .map(|chunk| Message::Chunk(chunk.to_vec().into()));
    let messages: Vec<_> = std::iter::once(Message::Header(header))
        .chain(chunks)
        .map(|message| UploadPartRequest {
            message: Some(message),
        })
        .collect();
    let mut uploads = cluster.uploads();
    let put = uploads.upload_part(futures::stream::iter(messages)).await?;
    Ok(put.into_inner().part.unwrap())
}

async fn complete(cluster: &Cluster, upload: &str, parts: &[UploadedPart]) -> Result<i64, Status> {
    let request = CompleteUploadRequest {
        upload_id: upload.to_owned(),
        parts: parts.to_vec(),
        ..Default::default()
    };
    let completed = cluster.uploads().complete_upload(request).await?;
    Ok(completed.into_inner().file.unwrap().size)
}

async fn content(cluster: &Cluster, run: &str) -> Vec<u8> {
    let request = DownloadArtifactRequest {
        run_id: run.to_owned(),
        path: "model/weights.bin".to_owned(),
        ..Default::default()
    };
    let mut answers = cluster
        .artifacts()
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

async fn files(cluster: &Cluster, run: &str) -> usize {
    let request = ListArtifactsRequest {
        run_id: run.to_owned(),
        ..Default::default()
    };
    let listed = cluster.artifacts().list_artifacts(request).await.unwrap();
    listed.into_inner().files.len()
}

#[tokio::test]
async fn parts_in_any_order_become_one_file() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let whole: Vec<u8> = (0..25_u32 << 20).map(|n| (n % 251) as u8).collect();
    let upload = begun(&cluster, &run).await;
    let mut parts = Vec::new();
    for number in [3, 1, 2] {
        let from = (number as usize - 1) * (10 << 20);
        let part = &whole[from..whole.len().min(from + (10 << 20))];
        parts.push(put(&cluster, &upload, number, part).await.unwrap());
    }
    assert_eq!(files(&cluster, &run).await, 0);
    parts.sort_by_key(|part| part.number);
    // The caller may not have seen the first answer.
    for _ in 0..2 {
        assert_eq!(complete(&cluster, &upload, &parts).await.unwrap(), 25 << 20);
        assert!(content(&cluster, &run).await == whole);
    }
    let late = put(&cluster, &upload, 4, b"x").await.unwrap_err();
    assert_eq!(reason(&late).1, "UPLOAD_COMPLETE");
}

#[tokio::test]
async fn parts_that_are_missing_or_not_named_or_other_ones_are_told() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let upload = begun(&cluster, &run).await;
    let first = put(&cluster, &upload, 1, b"one").await.unwrap();
    let third = put(&cluster, &upload, 3, b"three").await.unwrap();
    let other = UploadedPart {
        digest: third.digest.clone(),
        ..first.clone()
    };
    let second = UploadedPart {
        number: 2,
        ..first.clone()
    };
    for (named, field) in [
        (vec![], "parts"),
        (vec![first.clone()], "parts"),
        (vec![first.clone(), third.clone()], "parts[1].number"),
        (
            vec![first.clone(), second.clone(), third.clone()],
            "parts[1].number",
        ),
        (vec![other], "parts[0].digest"),
    ] {
        let refused = complete(&cluster, &upload, &named).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert_eq!(fields(&refused)[0], field, "{refused}");
    }
    assert_eq!(files(&cluster, &run).await, 0);
    let second = put(&cluster, &upload, 2, b"two").await.unwrap();
    assert_eq!(
        complete(&cluster, &upload, &[first, second, third])
            .await
            .unwrap(),
        11
    );
    assert_eq!(content(&cluster, &run).await, b"onetwothree");
}

#[tokio::test]
async fn an_aborted_upload_is_gone_and_one_of_a_deleted_run_makes_no_file() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let upload = begun(&cluster, &run).await;
    let part = put(&cluster, &upload, 1, b"one").await.unwrap();
    let abort = AbortUploadRequest {
        upload_id: upload.clone(),
    };
    for _ in 0..2 {
        cluster.uploads().abort_upload(abort.clone()).await.unwrap();
    }
    for refused in [
        put(&cluster, &upload, 1, b"one").await.map(|_| ()),
        complete(&cluster, &upload, &[part]).await.map(|_| ()),
        complete(&cluster, "none", &[]).await.map(|_| ()),
    ] {
        assert_eq!(reason(&refused.unwrap_err()).1, "UPLOAD_NOT_FOUND");
    }
    let upload = begun(&cluster, &run).await;
    let part = put(&cluster, &upload, 1, b"one").await.unwrap();
    let delete = DeleteRunRequest {
        run_id: run.clone(),
    };
    cluster.runs().delete_run(delete).await.unwrap();
    let refused = complete(&cluster, &upload, &[part]).await.unwrap_err();
    assert_eq!(reason(&refused).1, "RUN_DELETED");
    assert_eq!(files(&cluster, &run).await, 0);
}

#[tokio::test]
async fn numbers_sizes_and_paths_are_checked() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let upload = begun(&cluster, &run).await;
    for number in [0, 10_001] {
        let refused = put(&cluster, &upload, number, b"x").await.unwrap_err();
        assert_eq!(fields(&refused), ["header.number"]);
    }
    let short = PartHeader {
        upload_id: upload.clone(),
        number: 1,
        size: Some(2),
        ..Default::default()
    };
    let messages = [
        Message::Header(short),
        Message::Chunk(b"x".as_slice().into()),
    ];
    let messages = messages.map(|message| UploadPartRequest {
        message: Some(message),
    });
    let sent = cluster
        .uploads()
        .upload_part(futures::stream::iter(messages))
        .await;
    assert_eq!(reason(&sent.unwrap_err()).1, "SIZE_MISMATCH");
    assert_eq!(
        fields(&complete(&cluster, &upload, &[]).await.unwrap_err()),
        ["parts"]
    );
    let outwards = CreateUploadRequest {
        run_id: run,
        path: "../x".to_owned(),
        ..Default::default()
    };
    let refused = cluster.uploads().create_upload(outwards).await.unwrap_err();
    assert_eq!(fields(&refused), ["path"]);
}
