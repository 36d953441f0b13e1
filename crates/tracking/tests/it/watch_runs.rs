//! Runs of an experiment, followed as they change.

use std::time::Duration;

use herdbook_proto::tracking::v1::{
    CreateRunRequest, DeleteRunRequest, LogBatchRequest, Metric, RunStatus, UpdateRunRequest,
    WatchRunsRequest, WatchRunsResponse,
};
use herdbook_testkit::grpc::fields;
use tonic::Streaming;

use crate::{cluster::Cluster, search_settled::settle};

/// The next response that has something in it.
async fn next(stream: &mut Streaming<WatchRunsResponse>) -> WatchRunsResponse {
    let patience = Duration::from_secs(30);
    let response = tokio::time::timeout(patience, stream.message()).await;
    response.expect("a response").unwrap().unwrap()
}

#[tokio::test]
async fn runs_are_told_when_they_are_new_change_or_are_deleted() {
    let cluster = Cluster::start().await;
    let old = cluster.create_run(CreateRunRequest::default()).await.id;
    settle(&cluster).await;
    let request = WatchRunsRequest {
        experiment_ids: vec![0],
        columns: vec!["attributes.status".to_owned(), "metrics.loss".to_owned()],
    };
    let mut stream = cluster
        .runs()
        .watch_runs(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(next(&mut stream).await, WatchRunsResponse::default());

    let new = cluster.create_run(CreateRunRequest {
        name: "not asked for".to_owned(),
        ..Default::default()
    });
    let new = new.await.id;
    let told = next(&mut stream).await.runs;
    assert_eq!(
        (told[0].id.as_str(), told[0].name.as_str()),
        (new.as_str(), "")
    );

    let log = LogBatchRequest {
        run_id: old.clone(),
        metrics: vec![Metric {
            key: "loss".to_owned(),
            value: 0.5,
            ..Default::default()
        }],
        ..Default::default()
    };
    cluster.log(log).await.unwrap();
    let told = next(&mut stream).await.runs;
    assert_eq!(
        (told[0].id.as_str(), told[0].metrics[0].latest),
        (old.as_str(), 0.5)
    );

    let finish = UpdateRunRequest {
        run: Some(herdbook_proto::tracking::v1::Run {
            id: old.clone(),
            status: RunStatus::Finished.into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["status".to_owned()],
        }),
    };
    cluster.runs().update_run(finish).await.unwrap();
    let told = next(&mut stream).await.runs;
    assert_eq!(told[0].status(), RunStatus::Finished);

    let delete = DeleteRunRequest {
        run_id: old.clone(),
    };
    cluster.runs().delete_run(delete).await.unwrap();
    assert_eq!(next(&mut stream).await.deleted_run_ids, [old]);
}

#[tokio::test]
async fn a_watch_names_its_experiments() {
    let cluster = Cluster::start().await;
    let refused = cluster.runs().watch_runs(WatchRunsRequest::default()).await;
    assert_eq!(fields(&refused.unwrap_err()), ["experiment_ids"]);
}
