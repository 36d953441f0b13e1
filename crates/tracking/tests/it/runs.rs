//! Runs: params written once, tags that change, batches all or none, and what lineage hears of it.

use std::collections::BTreeMap;

use herdbook_proto::{
    lineage::v1::{GetAncestorsRequest, Graph},
    tracking::v1::{
        CreateRunRequest, Dataset, DatasetInput, DeleteRunRequest, DeleteTagsRequest, Environment,
        GetRunRequest, LogBatchRequest, Metric, RestoreRunRequest, Run, RunStatus, Source,
        UpdateRunRequest,
    },
};
use herdbook_testkit::{
    grpc::{elsewhere, fields, reason},
    wait_until,
};
use tonic::Code;

use crate::cluster::Cluster;

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn metric(key: &str, value: f64, step: i64) -> Metric {
    Metric {
        key: key.to_owned(),
        value,
        step,
        time_us: Some(step),
    }
}

#[tokio::test]
async fn a_run_without_a_name_or_user_gets_both() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    assert_eq!(run.id.len(), 32);
    assert_eq!(run.name.split('-').count(), 3, "{}", run.name);
    assert_eq!((&*run.user, run.status()), ("ana", RunStatus::Running));
}

#[tokio::test]
async fn a_repeated_creation_makes_one_run() {
    let cluster = Cluster::start().await;
    let request = CreateRunRequest {
        request_id: "once".to_owned(),
        ..Default::default()
    };
    let first = cluster.create_run(request.clone()).await;
    assert_eq!(cluster.create_run(request).await.id, first.id);
}

#[tokio::test]
async fn a_param_is_written_once() {
    let cluster = Cluster::start().await;
    let params = pairs(&[("lr", "0.1")]);
    let run = cluster
        .create_run(CreateRunRequest {
            params,
            ..Default::default()
        })
        .await;
    let log = |params, tags| LogBatchRequest {
        run_id: run.id.clone(),
        params,
        tags,
        ..Default::default()
    };
    cluster
        .log(log(pairs(&[("lr", "0.1"), ("epochs", "3")]), pairs(&[])))
        .await
        .unwrap();
    let refused = cluster
        .log(log(
            pairs(&[("lr", "0.2"), ("more", "1")]),
            pairs(&[("t", "1")]),
        ))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "PARAM_CHANGED".into())
    );
    assert!(refused.message().contains("\"0.1\"") && refused.message().contains("\"0.2\""));
    let now = cluster.run(&run.id).await;
    assert_eq!(
        now.params,
        pairs(&[("lr", "0.1"), ("epochs", "3")]),
        "all or none of a batch"
    );
    assert!(now.tags.is_empty());
}

#[tokio::test]
async fn tags_change_and_go() {
    let cluster = Cluster::start().await;
    let tags = pairs(&[("a", "1"), ("b", "1")]);
    let run = cluster
        .create_run(CreateRunRequest {
            tags,
            ..Default::default()
        })
        .await;
    let tags = pairs(&[("a", "2")]);
    let log = LogBatchRequest {
        run_id: run.id.clone(),
        tags,
        ..Default::default()
    };
    cluster.log(log).await.unwrap();
    let keys = vec!["b".to_owned(), "never".to_owned()];
    let delete = DeleteTagsRequest {
        run_id: run.id.clone(),
        keys,
    };
    cluster.runs().delete_tags(delete).await.unwrap();
    assert_eq!(cluster.run(&run.id).await.tags, pairs(&[("a", "2")]));
}

#[tokio::test]
async fn a_repeated_batch_counts_once() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    let log = LogBatchRequest {
        run_id: run.id.clone(),
        metrics: vec![
            metric("loss", 1.0, 1),
            metric("loss", 0.5, 2),
            metric("acc", f64::NAN, 1),
        ],
        request_id: "b1".to_owned(),
        ..Default::default()
    };
    for _ in 0..3 {
        cluster.log(log.clone()).await.unwrap();
    }
    let metrics = cluster.run(&run.id).await.metrics;
    let [acc, loss] = &metrics[..] else {
        panic!("{metrics:?}")
    };
    assert_eq!(
        (&*loss.key, loss.count, loss.latest, loss.latest_step),
        ("loss", 2, 0.5, 2)
    );
    assert_eq!((loss.min, loss.max), (Some(0.5), Some(1.0)));
    assert!(acc.latest.is_nan() && acc.min.is_none());
}

#[tokio::test]
async fn limits_are_named() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    let params = (0..1_001).map(|n| (n.to_string(), String::new())).collect();
    let log = LogBatchRequest {
        run_id: run.id.clone(),
        params,
        ..Default::default()
    };
    let refused = cluster.log(log).await.unwrap_err();
    assert!(
        refused.message().contains("at most 1000"),
        "{}",
        refused.message()
    );
    let params = pairs(&[("x", &"y".repeat(9_000))]);
    let log = LogBatchRequest {
        run_id: run.id.clone(),
        params,
        ..Default::default()
    };
    let refused = cluster.log(log).await.unwrap_err();
    assert_eq!(fields(&refused), ["params"]);
    let metrics = vec![metric("\u{0}", 1.0, 1)];
    let log = LogBatchRequest {
        run_id: run.id,
        metrics,
        ..Default::default()
    };
    assert_eq!(
        fields(&cluster.log(log).await.unwrap_err()),
        ["metrics[0].key"]
    );
}

#[tokio::test]
async fn unknown_ids_and_other_workspaces_are_not_found() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    for id in ["", "nonsense", "0198c0de000070008000000000000000"] {
        let request = GetRunRequest {
            run_id: id.to_owned(),
        };
        let refused = cluster.runs().get_run(request).await.unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::NotFound, "RUN_NOT_FOUND".into()),
            "{id}"
        );
    }
    let stranger = elsewhere(GetRunRequest {
        run_id: run.id.clone(),
    });
    assert_eq!(
        cluster.runs().get_run(stranger).await.unwrap_err().code(),
        Code::NotFound
    );
    let params = pairs(&[("a", "1")]);
    let stranger = elsewhere(LogBatchRequest {
        run_id: run.id,
        params,
        ..Default::default()
    });
    assert_eq!(
        cluster.runs().log_batch(stranger).await.unwrap_err().code(),
        Code::NotFound
    );
    let request = CreateRunRequest {
        experiment_id: 99,
        ..Default::default()
    };
    let refused = cluster.runs().create_run(request).await.unwrap_err();
    assert_eq!(reason(&refused).1, "EXPERIMENT_NOT_FOUND");
    let parent_run_id = "0198c0de000070008000000000000000".to_owned();
    let request = CreateRunRequest {
        parent_run_id,
        ..Default::default()
    };
    let refused = cluster.runs().create_run(request).await.unwrap_err();
    assert_eq!(reason(&refused).1, "RUN_NOT_FOUND");
}

#[tokio::test]
async fn a_deleted_run_takes_nothing_until_it_is_restored() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    let log = LogBatchRequest {
        run_id: run.id.clone(),
        metrics: vec![metric("loss", 1.0, 1)],
        ..Default::default()
    };
    cluster
        .runs()
        .delete_run(DeleteRunRequest {
            run_id: run.id.clone(),
        })
        .await
        .unwrap();
    let refused = cluster.log(log.clone()).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "RUN_DELETED".into())
    );
    cluster
        .runs()
        .restore_run(RestoreRunRequest {
            run_id: run.id.clone(),
        })
        .await
        .unwrap();
    cluster.log(log).await.unwrap();
}

#[tokio::test]
async fn a_final_status_ends_the_run() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    let update = |status: RunStatus| UpdateRunRequest {
        run: Some(Run {
            id: run.id.clone(),
            status: status.into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["status".to_owned()],
        }),
    };
    let ended = cluster
        .runs()
        .update_run(update(RunStatus::Failed))
        .await
        .unwrap();
    let ended = ended.into_inner().run.unwrap();
    assert_eq!(ended.status(), RunStatus::Failed);
    assert!(ended.ended_at.is_some() && ended.name == run.name);
    let again = cluster
        .runs()
        .update_run(update(RunStatus::Running))
        .await
        .unwrap();
    assert!(again.into_inner().run.unwrap().ended_at.is_none());
    let refused = cluster
        .runs()
        .update_run(update(RunStatus::Unspecified))
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["run.status"]);
}

#[tokio::test]
async fn lineage_hears_of_everything_a_run_came_from() {
    let cluster = Cluster::start().await;
    let parent = cluster.create_run(CreateRunRequest::default()).await;
    let dataset = Dataset {
        name: "d".to_owned(),
        digest: "sha256:1".to_owned(),
        ..Default::default()
    };
    let run = cluster
        .create_run(CreateRunRequest {
            parent_run_id: parent.id.clone(),
            inputs: vec![DatasetInput {
                dataset: Some(dataset),
                context: "training".to_owned(),
                ..Default::default()
            }],
            source: Some(Source {
                repository: "repo".to_owned(),
                commit: "abc".to_owned(),
                entry_point: "train.py".to_owned(),
                ..Default::default()
            }),
            environment: Some(Environment {
                python_version: "3.12".to_owned(),
                requirements: vec!["b==1".to_owned(), "a==1".to_owned()],
                ..Default::default()
            }),
            based_on: vec!["fraud/3".to_owned()],
            ..Default::default()
        })
        .await;
    let request = GetAncestorsRequest {
        node: format!("run:{}", run.id),
        ..Default::default()
    };
    let graph: Graph = wait_until("lineage knows the run", async || {
        cluster
            .lineage()
            .get_ancestors(request.clone())
            .await
            .ok()?
            .into_inner()
            .graph
    })
    .await;
    let mut kinds: Vec<_> = graph
        .nodes
        .iter()
        .filter(|node| node.depth == 1)
        .map(|node| {
            node.node
                .as_ref()
                .unwrap()
                .key
                .as_ref()
                .unwrap()
                .kind
                .clone()
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["code", "dataset", "environment", "model_version", "run"]
    );
    assert_eq!(graph.edges.len(), 5);
}
