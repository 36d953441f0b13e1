//! Numbers, ids and times of the caller's own, as imports bring them, and the search of experiments.

use herdbook_proto::{
    common::v1::View,
    tracking::v1::{
        CreateExperimentRequest, CreateRunRequest, DeleteExperimentRequest, RunStatus,
        SearchExperimentsRequest,
    },
};
use herdbook_testkit::grpc::{elsewhere, fields, reason};
use prost_types::Timestamp;
use tonic::{Code, Status};

use crate::cluster::Cluster;

const LONG_AGO: Timestamp = Timestamp {
    seconds: 1_500_000_000,
    nanos: 123_000_000,
};

async fn create(cluster: &Cluster, request: CreateExperimentRequest) -> Result<i64, Status> {
    let made = cluster.experiments().create_experiment(request).await?;
    Ok(made.into_inner().experiment.unwrap().id)
}

fn named(name: &str, id: Option<i64>) -> CreateExperimentRequest {
    CreateExperimentRequest {
        name: name.to_owned(),
        id,
        ..Default::default()
    }
}

#[tokio::test]
async fn numbers_that_are_taken_are_passed_over() {
    let cluster = Cluster::start().await;
    for id in [1, 2, 4, 900] {
        let made = create(&cluster, named(&format!("old-{id}"), Some(id))).await;
        assert_eq!(made.unwrap(), id);
    }
    assert_eq!(create(&cluster, named("a", None)).await.unwrap(), 3);
    assert_eq!(create(&cluster, named("b", None)).await.unwrap(), 5);
    let refused = create(&cluster, named("c", Some(4))).await.unwrap_err();
    let taken = (Code::AlreadyExists, "EXPERIMENT_ID_TAKEN".to_owned());
    assert_eq!(reason(&refused), taken);
    let refused = create(&cluster, named("a", Some(77))).await.unwrap_err();
    assert_eq!(reason(&refused).1, "EXPERIMENT_NAME_TAKEN");
    // The refused number is free still.
    assert_eq!(create(&cluster, named("d", Some(77))).await.unwrap(), 77);
}

#[tokio::test]
async fn a_run_keeps_its_id_status_and_times() {
    let cluster = Cluster::start().await;
    let id = "0123456789abcdef0123456789abcdef";
    let request = CreateRunRequest {
        run_id: id.to_owned(),
        status: RunStatus::Failed.into(),
        started_at: Some(LONG_AGO),
        ended_at: Some(LONG_AGO),
        ..Default::default()
    };
    let run = cluster.create_run(request.clone()).await;
    assert_eq!(
        (run.id.as_str(), run.status(), run.ended_at),
        (id, RunStatus::Failed, Some(LONG_AGO))
    );
    assert_eq!(cluster.run(id).await.ended_at, Some(LONG_AGO));
    let again = cluster.runs().create_run(request).await.unwrap_err();
    let taken = (Code::AlreadyExists, "RUN_ID_TAKEN".to_owned());
    assert_eq!(reason(&again), taken);
    let wrong = CreateRunRequest {
        run_id: "mine".to_owned(),
        ..Default::default()
    };
    let refused = cluster.runs().create_run(wrong).await.unwrap_err();
    assert_eq!(fields(&refused), ["run_id"]);
}

async fn found(cluster: &Cluster, filter: &str, order_by: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = SearchExperimentsRequest {
            filter: filter.to_owned(),
            order_by: order_by.iter().map(|&text| text.to_owned()).collect(),
            page_size: 2,
            page_token,
            ..Default::default()
        };
        let page = cluster.experiments().search_experiments(request).await;
        let page = page.unwrap().into_inner();
        names.extend(page.experiments.into_iter().map(|one| one.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return names;
        }
    }
}

#[tokio::test]
async fn experiments_are_found_page_by_page() {
    let cluster = Cluster::start().await;
    for (name, team) in [("a_1", "x"), ("a%2", "y"), ("B3", ""), ("c\\", "x")] {
        let request = CreateExperimentRequest {
            name: name.to_owned(),
            tags: [("team".to_owned(), team.to_owned())]
                .into_iter()
                .filter(|(_, team)| !team.is_empty())
                .collect(),
            created_at: (name == "B3").then_some(LONG_AGO),
            ..Default::default()
        };
        create(&cluster, request).await.unwrap();
    }
    let by_name = |filter: &'static str| found(&cluster, filter, &["name"]);
    assert_eq!(by_name("").await, ["B3", "Default", "a%2", "a_1", "c\\"]);
    let down = found(&cluster, "", &["attributes.name desc"]).await;
    assert_eq!(down, ["c\\", "a_1", "a%2", "Default", "B3"]);
    assert_eq!(
        found(&cluster, "", &[]).await,
        ["c\\", "B3", "a%2", "a_1", "Default"]
    );
    assert_eq!(by_name("name LIKE 'a\\_%'").await, ["a_1"]);
    assert_eq!(by_name("name ILIKE 'b_'").await, ["B3"]);
    assert_eq!(by_name("name LIKE '%\\'").await, ["c\\"]);
    assert_eq!(by_name("tags.team = 'x'").await, ["a_1", "c\\"]);
    // What lacks the tag is not unlike it, and is found by NOT.
    assert_eq!(by_name("tags.team != 'x'").await, ["a%2"]);
    assert_eq!(
        by_name("NOT tags.team = 'x'").await,
        ["B3", "Default", "a%2"]
    );
    assert_eq!(by_name("tags.team IS NULL").await, ["B3", "Default"]);
    assert_eq!(by_name("id IN (1, 3) AND name != 'x'").await, ["B3", "a_1"]);
    assert_eq!(by_name("id > 2.5").await, ["B3", "c\\"]);
    assert_eq!(by_name("created_at = 1500000000123").await, ["B3"]);
    assert_eq!(
        by_name("created_at < '2018-01-01' OR id = 0").await,
        ["B3", "Default"]
    );
    assert!(by_name("created_at > 99999999999999999").await.is_empty());

    let request = DeleteExperimentRequest { id: 1 };
    cluster
        .experiments()
        .delete_experiment(request)
        .await
        .unwrap();
    let deleted = SearchExperimentsRequest {
        view: View::Deleted.into(),
        ..Default::default()
    };
    let mut client = cluster.experiments();
    let gone = client.search_experiments(deleted).await.unwrap();
    assert_eq!(gone.into_inner().experiments[0].name, "a_1");
    let there = client
        .search_experiments(elsewhere(SearchExperimentsRequest::default()))
        .await;
    assert_eq!(there.unwrap().into_inner().experiments.len(), 1);
}

#[tokio::test]
async fn wrong_searches_of_experiments_are_refused() {
    let cluster = Cluster::start().await;
    for (filter, order_by, field) in [
        ("run_id = 'x'", "name", "filter"),
        ("name = 3", "name", "filter"),
        ("", "tags.team", "order_by"),
        ("", "size", "order_by[0]"),
    ] {
        let request = SearchExperimentsRequest {
            filter: filter.to_owned(),
            order_by: vec![order_by.to_owned()],
            ..Default::default()
        };
        let refused = cluster.experiments().search_experiments(request).await;
        assert_eq!(fields(&refused.unwrap_err()), [field]);
    }
}
