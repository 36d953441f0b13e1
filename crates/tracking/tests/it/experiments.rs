//! Experiments: named once, numbered from 0, deleted and restored with their runs.

use herdbook_proto::{
    common::v1::{Lifecycle, View},
    tracking::v1::{
        CreateExperimentRequest, CreateRunRequest, DeleteExperimentRequest, Experiment,
        GetExperimentRequest, ListExperimentsRequest, RestoreExperimentRequest,
        UpdateExperimentRequest, get_experiment_request::Experiment as Which,
    },
};
use herdbook_testkit::grpc::{elsewhere, fields, reason};
use tonic::Code;

use crate::cluster::Cluster;

async fn create(cluster: &Cluster, name: &str) -> Result<Experiment, tonic::Status> {
    let request = CreateExperimentRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    Ok(cluster
        .experiments()
        .create_experiment(request)
        .await?
        .into_inner()
        .experiment
        .unwrap())
}

fn by_name(name: &str) -> GetExperimentRequest {
    GetExperimentRequest {
        experiment: Some(Which::Name(name.to_owned())),
    }
}

#[tokio::test]
async fn the_default_is_there_and_others_are_counted_from_one() {
    let cluster = Cluster::start().await;
    let default = cluster
        .experiments()
        .get_experiment(by_name("Default"))
        .await
        .unwrap();
    assert_eq!(default.into_inner().experiment.unwrap().id, 0);
    assert_eq!(create(&cluster, "a").await.unwrap().id, 1);
    assert_eq!(create(&cluster, "b").await.unwrap().id, 2);
}

#[tokio::test]
async fn eight_at_once_get_a_number_each() {
    let cluster = std::sync::Arc::new(Cluster::start().await);
    let tasks = (0..8).map(|n| {
        let cluster = cluster.clone();
        tokio::spawn(async move { create(&cluster, &format!("e{n}")).await.unwrap().id })
    });
    let mut ids = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        ids.push(task.await.unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn bad_names_are_refused_with_the_field() {
    let cluster = Cluster::start().await;
    for name in ["", "  ", "a\u{7}b", &"x".repeat(256)] {
        let refused = create(&cluster, name).await.unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::InvalidArgument, "INVALID_REQUEST".into()),
            "{name:?}"
        );
        assert_eq!(fields(&refused), ["name"]);
    }
}

#[tokio::test]
async fn a_name_is_taken_until_its_experiment_is_deleted() {
    let cluster = Cluster::start().await;
    let first = create(&cluster, "fraud").await.unwrap();
    let refused = create(&cluster, "fraud").await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "EXPERIMENT_NAME_TAKEN".into())
    );

    let delete = DeleteExperimentRequest { id: first.id };
    cluster
        .experiments()
        .delete_experiment(delete)
        .await
        .unwrap();
    create(&cluster, "fraud").await.unwrap();
    let restore = RestoreExperimentRequest { id: first.id };
    let refused = cluster
        .experiments()
        .restore_experiment(restore)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "EXPERIMENT_NAME_TAKEN".into())
    );
}

#[tokio::test]
async fn runs_are_deleted_and_restored_with_their_experiment() {
    let cluster = Cluster::start().await;
    let id = create(&cluster, "fraud").await.unwrap().id;
    let run = CreateRunRequest {
        experiment_id: id,
        ..Default::default()
    };
    let run = cluster.create_run(run).await;
    cluster
        .experiments()
        .delete_experiment(DeleteExperimentRequest { id })
        .await
        .unwrap();
    assert_eq!(cluster.run(&run.id).await.lifecycle(), Lifecycle::Deleted);
    let into = CreateRunRequest {
        experiment_id: id,
        ..Default::default()
    };
    let refused = cluster.runs().create_run(into).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "EXPERIMENT_DELETED".into())
    );
    cluster
        .experiments()
        .restore_experiment(RestoreExperimentRequest { id })
        .await
        .unwrap();
    assert_eq!(cluster.run(&run.id).await.lifecycle(), Lifecycle::Active);
    let zero = DeleteExperimentRequest { id: 0 };
    let refused = cluster
        .experiments()
        .delete_experiment(zero)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "DEFAULT_EXPERIMENT".into())
    );
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names() {
    let cluster = Cluster::start().await;
    let mut experiment = create(&cluster, "fraud").await.unwrap();
    experiment.name = "ignored".to_owned();
    experiment.description = "cards".to_owned();
    experiment.tags = [("team".to_owned(), "risk".to_owned())].into();
    let update = |paths: &[&str], experiment: &Experiment| UpdateExperimentRequest {
        experiment: Some(experiment.clone()),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
    };
    let change = update(&["description", "tags.team"], &experiment);
    let changed = cluster
        .experiments()
        .update_experiment(change)
        .await
        .unwrap();
    let changed = changed.into_inner().experiment.unwrap();
    assert_eq!((&*changed.name, &*changed.description), ("fraud", "cards"));
    assert_eq!(changed.tags, experiment.tags);
    experiment.tags.clear();
    let remove = update(&["tags.team"], &experiment);
    let changed = cluster
        .experiments()
        .update_experiment(remove)
        .await
        .unwrap();
    assert!(changed.into_inner().experiment.unwrap().tags.is_empty());
    let wrong = update(&["id"], &experiment);
    let refused = cluster
        .experiments()
        .update_experiment(wrong)
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["update_mask"]);
}

#[tokio::test]
async fn pages_show_each_experiment_once_and_tokens_belong_to_their_query() {
    let cluster = Cluster::start().await;
    for n in 0..6 {
        create(&cluster, &format!("e{n}")).await.unwrap();
    }
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListExperimentsRequest {
            page_size: 3,
            page_token,
            ..Default::default()
        };
        let page = cluster
            .experiments()
            .list_experiments(request)
            .await
            .unwrap()
            .into_inner();
        names.extend(
            page.experiments
                .into_iter()
                .map(|experiment| experiment.name),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        let other = ListExperimentsRequest {
            page_token: page_token.clone(),
            view: View::All.into(),
            ..Default::default()
        };
        let refused = cluster
            .experiments()
            .list_experiments(other)
            .await
            .unwrap_err();
        assert_eq!(reason(&refused).1, "INVALID_PAGE_TOKEN");
    }
    names.sort_unstable();
    assert_eq!(names, ["Default", "e0", "e1", "e2", "e3", "e4", "e5"]);
}

#[tokio::test]
async fn another_workspace_has_its_own_experiments() {
    let cluster = Cluster::start().await;
    create(&cluster, "fraud").await.unwrap();
    let stranger = elsewhere(by_name("fraud"));
    let refused = cluster
        .experiments()
        .get_experiment(stranger)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "EXPERIMENT_NOT_FOUND".into())
    );
}
