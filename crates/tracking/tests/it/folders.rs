//! Folders of runs and logged models: a level at a time, and deleted with what is in them.

use herdbook_proto::tracking::v1::{
    ArtifactHeader, CreateExperimentRequest, CreateLoggedModelRequest, CreateRunRequest,
    DeleteArtifactsRequest, DeleteExperimentRequest, DeleteLoggedModelRequest, ListFolderRequest,
    PresignArtifactRequest, PurgeExperimentRequest, folder_entry::Entry,
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::{Code, Status};

use crate::{
    artifacts::{put_artifact, upload},
    cluster::Cluster,
    logged_models::create,
};

/// What lies in a folder, by pages of two: folders with a slash behind them, files with their size.
async fn level(cluster: &Cluster, run: &str, model: &str, path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListFolderRequest {
            run_id: run.to_owned(),
            logged_model_id: model.to_owned(),
            path: path.to_owned(),
            page_size: 2,
            page_token,
        };
        let page = cluster.artifacts().list_folder(request).await.unwrap();
        let page = page.into_inner();
        names.extend(page.entries.into_iter().map(|entry| match entry.entry {
            Some(Entry::File(file)) => format!("{} {}", file.path, file.size),
            Some(Entry::Folder(path)) => format!("{path}/"),
            None => String::new(),
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

async fn delete(cluster: &Cluster, run: &str, model: &str, path: &str) -> Result<i64, Status> {
    let request = DeleteArtifactsRequest {
        run_id: run.to_owned(),
        logged_model_id: model.to_owned(),
        path: path.to_owned(),
    };
    let deleted = cluster.artifacts().delete_artifacts(request).await?;
    Ok(deleted.into_inner().deleted)
}

async fn put_model_file(cluster: &Cluster, model: &str, path: &str, content: &[u8]) {
    let header = ArtifactHeader {
        logged_model_id: model.to_owned(),
        path: path.to_owned(),
        ..Default::default()
    };
    upload(cluster, header, content).await.unwrap();
}

/// How many entries name each blob, of those that any or none does.
async fn references(cluster: &Cluster) -> Vec<(i64, i64)> {
    sqlx::query_as("SELECT size, reference_count FROM blobs.blobs ORDER BY size")
        .fetch_all(cluster.database.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_level_has_files_and_folders_without_what_is_in_them() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    for path in [
        "model",
        "model/a/1",
        "model/a/2",
        "model/b",
        "model-x/1",
        "model.txt",
        "model/é/ü/1",
        "model/é/ü/2",
        "model0",
        "z",
    ] {
        put_artifact(&cluster, &run, path, b"x").await;
    }
    assert_eq!(
        level(&cluster, &run, "", "").await,
        [
            "model 1",
            "model-x/",
            "model.txt 1",
            "model/",
            "model0 1",
            "z 1"
        ]
    );
    assert_eq!(
        level(&cluster, &run, "", "model").await,
        ["model/a/", "model/b 1", "model/é/"]
    );
    assert_eq!(level(&cluster, &run, "", "model/é/").await, ["model/é/ü/"]);
    assert_eq!(
        level(&cluster, &run, "", "model/é/ü").await,
        ["model/é/ü/1 1", "model/é/ü/2 1"]
    );
    assert!(level(&cluster, &run, "", "mode").await.is_empty());
}

#[tokio::test]
async fn files_of_runs_and_models_are_deleted_apart() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    let made = create(&cluster, CreateLoggedModelRequest::default()).await;
    let model = made.unwrap().id;
    for path in ["a/1", "a/2", "ab", "b"] {
        put_artifact(&cluster, &run, path, b"1").await;
        put_model_file(&cluster, &model, path, b"1").await;
    }
    put_model_file(&cluster, &model, "b", b"22").await;
    assert_eq!(references(&cluster).await, [(1, 7), (2, 1)]);
    assert_eq!(delete(&cluster, &run, "", "a").await.unwrap(), 2);
    assert_eq!(delete(&cluster, &run, "", "a").await.unwrap(), 0);
    assert_eq!(level(&cluster, &run, "", "").await, ["ab 1", "b 1"]);
    assert_eq!(delete(&cluster, "", &model, "b").await.unwrap(), 1);
    assert_eq!(level(&cluster, "", &model, "").await, ["a/", "ab 1"]);
    assert_eq!(references(&cluster).await, [(1, 5), (2, 0)]);
    assert_eq!(delete(&cluster, "", &model, "").await.unwrap(), 3);
    assert_eq!(references(&cluster).await, [(1, 2), (2, 0)]);

    let refused = delete(&cluster, &run, "", "../x").await.unwrap_err();
    assert_eq!(fields(&refused), ["path"]);
    let refused = delete(&cluster, &run, &model, "a").await.unwrap_err();
    assert_eq!(fields(&refused), ["logged_model_id"]);
}

#[tokio::test]
async fn a_deleted_model_keeps_its_files_and_takes_none() {
    let cluster = Cluster::start().await;
    let made = create(&cluster, CreateLoggedModelRequest::default()).await;
    let model = made.unwrap().id;
    put_model_file(&cluster, &model, "a", b"1").await;
    let model_id = model.clone();
    let gone = DeleteLoggedModelRequest { model_id };
    let deleted = cluster.logged_models().delete_logged_model(gone).await;
    deleted.unwrap();
    assert_eq!(level(&cluster, "", &model, "").await, ["a 1"]);
    let refused = delete(&cluster, "", &model, "a").await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "LOGGED_MODEL_DELETED".into())
    );
}

#[tokio::test]
async fn a_purged_experiment_gives_the_files_of_its_models_back() {
    let cluster = Cluster::start().await;
    let name = "short-lived".to_owned();
    let request = CreateExperimentRequest {
        name,
        ..Default::default()
    };
    let made = cluster.experiments().create_experiment(request).await;
    let id = made.unwrap().into_inner().experiment.unwrap().id;
    let request = CreateLoggedModelRequest {
        experiment_id: id,
        ..Default::default()
    };
    let model = create(&cluster, request).await.unwrap().id;
    put_model_file(&cluster, &model, "a", b"1").await;
    let gone = DeleteExperimentRequest { id };
    let deleted = cluster.experiments().delete_experiment(gone).await;
    deleted.unwrap();
    let purge = PurgeExperimentRequest { id };
    let purged = cluster.experiments().purge_experiment(purge).await;
    purged.unwrap();
    assert_eq!(references(&cluster).await, [(1, 0)]);
}

#[tokio::test]
async fn only_buckets_make_urls() {
    let cluster = Cluster::start().await;
    let run_id = cluster.create_run(CreateRunRequest::default()).await.id;
    put_artifact(&cluster, &run_id, "a", b"1").await;
    let request = PresignArtifactRequest {
        run_id,
        path: "a".to_owned(),
        ..Default::default()
    };
    let refused = cluster.artifacts().presign_artifact(request.clone()).await;
    assert_eq!(reason(&refused.unwrap_err()).1, "NOT_PRESIGNED");
    let path = "b".to_owned();
    let missing = PresignArtifactRequest { path, ..request };
    let refused = cluster.artifacts().presign_artifact(missing).await;
    assert_eq!(reason(&refused.unwrap_err()).1, "ARTIFACT_NOT_FOUND");
}
