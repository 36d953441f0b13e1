//! Versions: numbered without a gap, of files that never change, found by any of their names.

use std::{collections::BTreeMap, sync::Arc};

use futures::StreamExt as _;
use herdbook_proto::{
    registry::v1::{
        CreateModelRequest, CreateVersionRequest, DeleteAliasRequest, DownloadVersionFileRequest,
        GetModelRequest, SetAliasRequest, VerifyAuditRequest,
        download_version_file_response::Message as Download,
    },
    tracking::v1::DeleteRunRequest,
};
use herdbook_testkit::grpc::{elsewhere, fields, reason};
use tonic::Code;

use crate::cluster::{Cluster, MODEL};

fn from(run: &str) -> CreateVersionRequest {
    CreateVersionRequest {
        model: MODEL.to_owned(),
        source: format!("runs:/{run}/model"),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_version_is_a_snapshot_of_its_run() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    let version = cluster.create_version(from(&run)).await.unwrap();
    assert_eq!(
        (version.number, &*version.stage, &*version.run_id),
        (1, "None", &*run)
    );
    assert_eq!(
        (&*version.files[0].path, version.files[0].size),
        ("weights.bin", 1_000)
    );
    assert_eq!(version.metrics["acc"], 0.9);
    cluster
        .runs()
        .delete_run(DeleteRunRequest { run_id: run })
        .await
        .unwrap();
    let request = DownloadVersionFileRequest {
        reference: format!("{MODEL}/1"),
        path: "weights.bin".to_owned(),
        offset: 10,
        length: 20,
    };
    let mut answers = cluster
        .versions()
        .download_version_file(request)
        .await
        .unwrap()
        .into_inner();
    let mut content = Vec::new();
    while let Some(answer) = answers.next().await {
        if let Some(Download::Chunk(chunk)) = answer.unwrap().message {
            content.extend_from_slice(&chunk);
        }
    }
    assert_eq!(content, [7; 20]);
}

#[tokio::test]
async fn eight_at_once_are_numbered_without_a_gap_and_repeats_make_none() {
    let cluster = Arc::new(Cluster::start().await);
    let run = cluster.create_run(0.9).await;
    let tasks = (0..16).map(|n| {
        let (cluster, mut request) = (cluster.clone(), from(&run));
        request.request_id = format!("r{}", n / 2);
        tokio::spawn(async move { cluster.create_version(request).await.unwrap().number })
    });
    let mut numbers = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn of_many_at_once_one_that_is_refused_keeps_no_other_from_it() {
    let cluster = Arc::new(Cluster::start().await);
    let other = CreateModelRequest {
        name: "churn".to_owned(),
        tags: [("team".to_owned(), "growth".to_owned())].into(),
        ..Default::default()
    };
    cluster.models().create_model(other).await.unwrap();
    let run = cluster.create_run(0.9).await;
    let tasks = (0..60).map(|n| {
        let (cluster, mut request) = (cluster.clone(), from(&run));
        match n % 6 {
            0 => request.model = "misspelt".to_owned(),
            1 => request.label = "v1.0.0".to_owned(),
            2 => request.model = "churn".to_owned(),
            3 => request.label = format!("v2.0.{n}"),
            _ => request.tags = [("n".to_owned(), n.to_string())].into(),
        }
        let asked = request.clone();
        tokio::spawn(async move { (asked, cluster.create_version(request).await) })
    });
    let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks.collect::<Vec<_>>() {
        match task.await.unwrap() {
            (asked, Ok(version)) => {
                assert_eq!((version.label, version.tags), (asked.label, asked.tags));
                numbers
                    .entry(version.model)
                    .or_default()
                    .push(version.number);
            }
            (_, Err(status)) => *refused.entry(reason(&status).1).or_default() += 1,
        }
    }
    numbers
        .values_mut()
        .for_each(|numbers| numbers.sort_unstable());
    assert_eq!(numbers[MODEL], (1..=31).collect::<Vec<_>>());
    assert_eq!(numbers["churn"], (1..=10).collect::<Vec<_>>());
    let expected = [("LABEL_TAKEN", 9), ("MODEL_NOT_FOUND", 10)];
    assert_eq!(
        refused,
        expected.map(|(why, times)| (why.to_owned(), times)).into()
    );

    let records = cluster.audit().await;
    let revisions: Vec<i64> = records.iter().map(|record| record.revision).collect();
    assert_eq!(revisions, (1..=43).collect::<Vec<_>>());
    let told = records
        .iter()
        .filter(|record| record.model == "churn" && record.version > 0)
        .map(|record| (record.version, &*record.tags["team"]));
    assert!(told.eq((1..=10).map(|n| (n, "growth"))));
    let request = VerifyAuditRequest::default();
    let verified = cluster.transitions().verify_audit(request).await.unwrap();
    assert_eq!(verified.into_inner().broken_at, None);
}

#[tokio::test]
async fn a_model_names_the_newest_hundred_versions_of_a_stage() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    for _ in 0..103 {
        cluster.create_version(from(&run)).await.unwrap();
    }
    cluster.promote(1, "Staging").await.unwrap();
    let newest: Vec<i64> = (4..=103).collect();
    assert_eq!(cluster.in_stage("None").await, newest);
    assert_eq!(cluster.in_stage("Staging").await, [1]);
    assert_eq!(cluster.model().await.latest_version, 103);
}

#[tokio::test]
async fn each_name_of_a_version_finds_it() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    let request = CreateVersionRequest {
        label: "v1.2.0".to_owned(),
        ..from(&run)
    };
    cluster.create_version(request.clone()).await.unwrap();
    cluster.register(0.8).await;
    cluster.promote(1, "Production").await.unwrap();
    let alias = SetAliasRequest {
        model: MODEL.into(),
        alias: "champion".into(),
        version: 1,
    };
    cluster.models().set_alias(alias).await.unwrap();
    for name in [
        "/1",
        "@Production",
        "@production",
        "@champion",
        "@v1.2.0",
        "@1.2.0",
    ] {
        assert_eq!(
            cluster
                .resolve(&format!("model://{MODEL}{name}"))
                .await
                .unwrap()
                .number,
            1,
            "{name}"
        );
    }
    assert_eq!(
        cluster
            .resolve(&format!("{MODEL}@latest"))
            .await
            .unwrap()
            .number,
        2
    );
    let refused = cluster
        .resolve(&format!("{MODEL}@Staging"))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "VERSION_NOT_FOUND".into())
    );
    let refused = cluster.resolve("nonsense").await.unwrap_err();
    assert_eq!(fields(&refused), ["reference"]);
    let refused = cluster.create_version(request).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "LABEL_TAKEN".into())
    );

    let delete = DeleteAliasRequest {
        model: MODEL.into(),
        alias: "champion".into(),
    };
    cluster.models().delete_alias(delete.clone()).await.unwrap();
    let refused = cluster.models().delete_alias(delete).await.unwrap_err();
    assert_eq!(reason(&refused).1, "ALIAS_NOT_FOUND");
    for alias in ["latest", "Production", "123", "a b"] {
        let set = SetAliasRequest {
            model: MODEL.into(),
            alias: alias.into(),
            version: 1,
        };
        let refused = cluster.models().set_alias(set).await.unwrap_err();
        assert_eq!(fields(&refused), ["alias"], "{alias}");
    }
}

#[tokio::test]
async fn bad_sources_and_names_are_refused_with_what_is_wrong() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    let empty = CreateVersionRequest {
        source: format!("runs:/{run}/nothing"),
        ..from(&run)
    };
    let refused = cluster.create_version(empty).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "SOURCE_EMPTY".into()));
    let refused = cluster
        .create_version(from("0198c0de000070008000000000000000"))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "RUN_NOT_FOUND".into()));
    let wrong = CreateVersionRequest {
        source: "s3://x".into(),
        label: "new".into(),
        ..from(&run)
    };
    let refused = cluster.create_version(wrong).await.unwrap_err();
    assert_eq!(fields(&refused), ["label", "source"]);
    let unknown = CreateVersionRequest {
        model: "unknown".to_owned(),
        ..from(&run)
    };
    let refused = cluster.create_version(unknown).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "MODEL_NOT_FOUND".into()));
    for name in ["", "a/b", "a@b", "a:b", "x\u{1}"] {
        let request = CreateModelRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        let refused = cluster.models().create_model(request).await.unwrap_err();
        assert_eq!(fields(&refused)[0], "name", "{name}");
    }
    let request = CreateModelRequest {
        name: MODEL.to_owned(),
        ..Default::default()
    };
    let refused = cluster.models().create_model(request).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "MODEL_EXISTS".into())
    );
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_it() {
    let cluster = Cluster::start().await;
    let request = elsewhere(GetModelRequest {
        name: MODEL.to_owned(),
        ..Default::default()
    });
    let refused = cluster.models().get_model(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}
