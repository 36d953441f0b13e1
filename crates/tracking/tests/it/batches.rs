//! Batches with params, tags and points: one commit or none, whoever changes the run beside it.

use std::collections::BTreeMap;

use futures::future::join_all;
use herdbook_proto::tracking::v1::{
    CreateRunRequest, DeleteRunRequest, LogBatchRequest, Metric, Run, RunStatus, UpdateRunRequest,
};
use herdbook_testkit::{TestDatabase, grpc::reason};
use herdbook_tracking::Settings;
use tonic::Code;

use crate::cluster::Cluster;

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// A batch of a param, a tag and a point.
fn batch(run: &Run, key: &str, value: &str) -> LogBatchRequest {
    LogBatchRequest {
        run_id: run.id.clone(),
        params: pairs(&[(key, value)]),
        tags: pairs(&[(key, value)]),
        metrics: vec![Metric {
            key: "loss".to_owned(),
            value: 0.5,
            step: 1,
            time_us: Some(1),
        }],
        ..Default::default()
    }
}

fn points(run: &Run) -> i64 {
    run.metrics.iter().map(|metric| metric.count).sum()
}

/// Two replicas of the service on one database.
async fn replicas() -> [Cluster; 2] {
    let database = TestDatabase::create().await.database();
    let first = Cluster::over(database.clone(), Settings::default()).await;
    [first, Cluster::over(database, Settings::default()).await]
}

#[tokio::test]
async fn nothing_of_a_batch_is_kept_if_a_param_is_refused() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    cluster.log(batch(&run, "lr", "0.1")).await.unwrap();
    let mut other = batch(&run, "lr", "0.2");
    other.params.insert("new".to_owned(), "1".to_owned());
    other.tags.insert("new".to_owned(), "1".to_owned());
    let refused = cluster.log(other).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "PARAM_CHANGED".into())
    );
    let now = cluster.run(&run.id).await;
    assert_eq!(points(&now), 1);
    assert_eq!(
        (now.params, now.tags),
        (pairs(&[("lr", "0.1")]), pairs(&[("lr", "0.1")]))
    );
}

#[tokio::test]
async fn a_batch_that_is_refused_takes_no_other_with_it() {
    let cluster = Cluster::start().await;
    let runs = join_all((0..20).map(|_| cluster.create_run(CreateRunRequest::default()))).await;
    join_all(runs.iter().map(|run| cluster.log(batch(run, "a", "1")))).await;
    let logged = runs.iter().enumerate().map(|(number, run)| {
        let value = if number % 4 == 0 { "2" } else { "1" };
        cluster.log(batch(run, "a", value))
    });
    let logged = join_all(logged).await;
    for (number, (run, logged)) in runs.iter().zip(logged).enumerate() {
        assert_eq!(logged.is_err(), number % 4 == 0);
        let expected = if number % 4 == 0 { 1 } else { 2 };
        assert_eq!(points(&cluster.run(&run.id).await), expected);
    }
}

#[tokio::test]
async fn a_repeated_batch_with_params_and_tags_counts_once() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    let repeated = LogBatchRequest {
        request_id: "b1".to_owned(),
        ..batch(&run, "a", "1")
    };
    join_all((0..4).map(|_| cluster.log(repeated.clone())))
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let later = LogBatchRequest {
        run_id: run.id.clone(),
        tags: pairs(&[("a", "later")]),
        ..Default::default()
    };
    cluster.log(later).await.unwrap();
    cluster.log(repeated).await.unwrap();
    let now = cluster.run(&run.id).await;
    assert_eq!((points(&now), &*now.tags["a"]), (1, "later"));
}

#[tokio::test]
async fn changes_of_one_run_by_many_callers_of_two_replicas_are_all_kept() {
    let replicas = replicas().await;
    let run = replicas[0].create_run(CreateRunRequest::default()).await;
    let logged = (0..40).map(|number| {
        let key = format!("k{number}");
        replicas[number % 2].log(batch(&run, &key, "1"))
    });
    for logged in join_all(logged).await {
        logged.unwrap();
    }
    for replica in &replicas {
        let now = replica.run(&run.id).await;
        assert_eq!((now.params.len(), now.tags.len()), (40, 40));
        assert_eq!(points(&now), 40);
    }
}

#[tokio::test]
async fn what_another_replica_did_to_a_run_is_known() {
    let [one, other] = replicas().await;
    let run = one.create_run(CreateRunRequest::default()).await;
    one.log(batch(&run, "a", "1")).await.unwrap();
    other.log(batch(&run, "b", "1")).await.unwrap();

    let refused = one.log(batch(&run, "b", "2")).await.unwrap_err();
    assert_eq!(reason(&refused).1, "PARAM_CHANGED");
    let ended = UpdateRunRequest {
        run: Some(Run {
            id: run.id.clone(),
            status: RunStatus::Finished.into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["status".to_owned()],
        }),
    };
    let ended = one.runs().update_run(ended).await.unwrap().into_inner();
    let ended = ended.run.unwrap();
    assert_eq!(ended.params, pairs(&[("a", "1"), ("b", "1")]));
    assert_eq!(
        ended,
        other.run(&run.id).await,
        "the answer is what was written"
    );

    let delete = DeleteRunRequest {
        run_id: run.id.clone(),
    };
    other.runs().delete_run(delete).await.unwrap();
    let unchanged = LogBatchRequest {
        run_id: run.id.clone(),
        params: pairs(&[("a", "1")]),
        ..Default::default()
    };
    for late in [batch(&run, "c", "1"), batch(&run, "a", "1"), unchanged] {
        let refused = one.log(late).await.unwrap_err();
        assert_eq!(reason(&refused).1, "RUN_DELETED");
    }
    assert_eq!(points(&one.run(&run.id).await), 2);
}
