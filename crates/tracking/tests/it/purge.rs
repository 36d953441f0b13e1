//! Experiments and old runs are removed for good, whatever happens in the midst of it.

use std::time::Duration;

use herdbook_proto::tracking::v1::{
    CreateExperimentRequest, CreateRunRequest, DeleteExperimentRequest, DeleteRunRequest,
    Experiment, Fork, GetExperimentRequest, GetRunRequest, GetUsageRequest, PurgeExperimentRequest,
    RestoreExperimentRequest, get_experiment_request::Experiment as Which,
};
use herdbook_testkit::{grpc::reason, wait_until};
use herdbook_tracking::Settings;
use tonic::{Code, Status};

use crate::{artifacts::put_artifact, cluster::Cluster};

async fn experiment(cluster: &Cluster, name: &str) -> i64 {
    let request = CreateExperimentRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    let made = cluster.experiments().create_experiment(request).await;
    made.unwrap().into_inner().experiment.unwrap().id
}

async fn run(cluster: &Cluster, experiment_id: i64) -> String {
    let request = CreateRunRequest {
        experiment_id,
        ..Default::default()
    };
    cluster.create_run(request).await.id
}

async fn delete(cluster: &Cluster, id: i64) {
    let request = DeleteExperimentRequest { id };
    cluster
        .experiments()
        .delete_experiment(request)
        .await
        .unwrap();
}

async fn delete_run(cluster: &Cluster, run: &str) {
    let run_id = run.to_owned();
    let request = DeleteRunRequest { run_id };
    cluster.runs().delete_run(request).await.unwrap();
}

async fn purge(cluster: &Cluster, id: i64) -> Result<(), Status> {
    let request = PurgeExperimentRequest { id };
    cluster
        .experiments()
        .purge_experiment(request)
        .await
        .map(|_| ())
}

async fn find(cluster: &Cluster, id: i64) -> Result<Experiment, Status> {
    let request = GetExperimentRequest {
        experiment: Some(Which::Id(id)),
    };
    let found = cluster.experiments().get_experiment(request).await?;
    Ok(found.into_inner().experiment.unwrap())
}

async fn is_gone(cluster: &Cluster, run: &str) -> bool {
    let run_id = run.to_owned();
    let found = cluster.runs().get_run(GetRunRequest { run_id }).await;
    found.is_err_and(|status| status.code() == Code::NotFound)
}

#[tokio::test]
async fn a_purged_experiment_takes_all_of_its_runs_with_it() {
    let cluster = Cluster::start().await;
    let id = experiment(&cluster, "old").await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(run(&cluster, id).await);
    }
    put_artifact(&cluster, &runs[0], "a", b"some bytes").await;
    delete_run(&cluster, &runs[1]).await;
    let other = run(&cluster, 0).await;
    assert_eq!(
        reason(&purge(&cluster, id).await.unwrap_err()),
        (Code::FailedPrecondition, "EXPERIMENT_NOT_DELETED".into())
    );
    delete(&cluster, id).await;
    purge(&cluster, id).await.unwrap();
    for run in &runs {
        assert!(is_gone(&cluster, run).await);
    }
    let gone = find(&cluster, id).await.unwrap_err();
    assert_eq!(reason(&gone).1, "EXPERIMENT_NOT_FOUND");
    assert!(!is_gone(&cluster, &other).await);
    let usage = cluster.quotas().get_usage(GetUsageRequest {}).await;
    let usage = usage.unwrap().into_inner().usage.unwrap();
    assert_eq!((usage.runs, usage.bytes), (1, 0));
    // Its number is not given again.
    assert_eq!(experiment(&cluster, "new").await, id + 1);
    let refused = purge(&cluster, 0).await.unwrap_err();
    assert_eq!(reason(&refused).1, "DEFAULT_EXPERIMENT");
}

#[tokio::test]
async fn forks_elsewhere_keep_an_experiment_and_forks_inside_go_with_it() {
    let cluster = Cluster::start().await;
    let id = experiment(&cluster, "old").await;
    let origin = run(&cluster, id).await;
    let fork = |experiment_id| CreateRunRequest {
        experiment_id,
        forked_from: Some(Fork {
            run_id: origin.clone(),
            step: 5,
        }),
        ..Default::default()
    };
    let inside = cluster.create_run(fork(id)).await.id;
    let outside = cluster.create_run(fork(0)).await.id;
    delete(&cluster, id).await;
    let refused = purge(&cluster, id).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "EXPERIMENT_HAS_FORKS".into())
    );
    assert!(!is_gone(&cluster, &inside).await);
    delete_run(&cluster, &outside).await;
    let run_id = outside;
    cluster
        .runs()
        .purge_run(herdbook_proto::tracking::v1::PurgeRunRequest { run_id })
        .await
        .unwrap();
    purge(&cluster, id).await.unwrap();
    assert!(is_gone(&cluster, &origin).await && is_gone(&cluster, &inside).await);
}

#[tokio::test]
async fn a_purge_that_was_broken_off_is_gone_on_with() {
    let cluster = Cluster::start().await;
    let id = experiment(&cluster, "old").await;
    let left = run(&cluster, id).await;
    delete(&cluster, id).await;
    sqlx::query("UPDATE tracking.experiments SET purging = true WHERE id = $1")
        .bind(id)
        .execute(cluster.database.pool())
        .await
        .unwrap();
    let restore = RestoreExperimentRequest { id };
    let refused = cluster.experiments().restore_experiment(restore).await;
    assert_eq!(
        reason(&refused.unwrap_err()),
        (Code::FailedPrecondition, "EXPERIMENT_PURGING".into())
    );
    let next = Cluster::over(cluster.database.clone(), Settings::default()).await;
    wait_until("the purge is done", async || {
        find(&next, id).await.is_err().then_some(())
    })
    .await;
    assert!(is_gone(&next, &left).await);
}

#[tokio::test]
async fn what_was_deleted_long_ago_is_purged_if_it_is_asked_for() {
    let cluster = Cluster::start().await;
    let (old, new) = (
        experiment(&cluster, "old").await,
        experiment(&cluster, "new").await,
    );
    let in_old = run(&cluster, old).await;
    let in_new = run(&cluster, new).await;
    let (deleted, just_deleted, kept) = (
        run(&cluster, 0).await,
        run(&cluster, 0).await,
        run(&cluster, 0).await,
    );
    delete(&cluster, old).await;
    delete_run(&cluster, &deleted).await;
    sqlx::query("UPDATE tracking.runs SET deleted_at = deleted_at - interval '2 days' WHERE deleted_at IS NOT NULL")
        .execute(cluster.database.pool())
        .await
        .unwrap();
    sqlx::query("UPDATE tracking.experiments SET deleted_at = deleted_at - interval '2 days' WHERE deleted_at IS NOT NULL")
        .execute(cluster.database.pool())
        .await
        .unwrap();
    delete(&cluster, new).await;
    delete_run(&cluster, &just_deleted).await;
    let settings = Settings {
        purge_deleted_after: Some(Duration::from_secs(86_400)),
        ..Settings::default()
    };
    let next = Cluster::over(cluster.database.clone(), settings).await;
    wait_until("what is old is purged", async || {
        (is_gone(&next, &deleted).await && find(&next, old).await.is_err()).then_some(())
    })
    .await;
    assert!(is_gone(&next, &in_old).await);
    for run in [&in_new, &just_deleted, &kept] {
        assert!(!is_gone(&next, run).await);
    }
    find(&next, new).await.unwrap();
}
