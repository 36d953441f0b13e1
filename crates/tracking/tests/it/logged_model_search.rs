//! Logged models are found by what they have, in the order asked for, page by page.

use herdbook_proto::{
    common::v1::View,
    tracking::v1::{
        CreateLoggedModelRequest, CreateRunRequest, DeleteLoggedModelRequest, LoggedModelMetric,
        LoggedModelOrder, MeasuredDataset, SearchLoggedModelsRequest,
    },
};
use herdbook_testkit::grpc::fields;
use tonic::Status;

use crate::{
    cluster::Cluster,
    logged_models::{create, measure, metric, pairs},
};

fn data(name: &str) -> MeasuredDataset {
    MeasuredDataset {
        name: name.to_owned(),
        digest: String::new(),
    }
}

fn order(by: &str, dataset: Option<&str>) -> LoggedModelOrder {
    LoggedModelOrder {
        by: by.to_owned(),
        dataset: dataset.map(data),
    }
}

/// The names of what is found, by pages of two.
async fn search(
    cluster: &Cluster,
    request: SearchLoggedModelsRequest,
) -> Result<Vec<String>, Status> {
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = SearchLoggedModelsRequest {
            page_size: 2,
            page_token,
            ..request.clone()
        };
        let found = cluster.logged_models().search_logged_models(request).await;
        let page = found?.into_inner();
        assert!(page.models.len() <= 2);
        names.extend(page.models.into_iter().map(|model| model.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(names);
        }
    }
}

/// Models `a` to `e`, created in this order: with accuracies on two data sets, params and tags.
async fn herd(cluster: &Cluster) -> String {
    let run = cluster.create_run(CreateRunRequest::default()).await.id;
    for (name, lr, team, train, test) in [
        ("a", "0.1", "risk", Some(0.9), Some(0.5)),
        ("b", "1e-1", "risk", Some(0.8), Some(0.8)),
        ("c", "0.01", "ads", Some(0.7), None),
        ("d", "none", "ads", None, Some(f64::NAN)),
        ("e", "", "", None, None),
    ] {
        let given = |key: &str, value: &str| match value {
            "" => pairs(&[]),
            value => pairs(&[(key, value)]),
        };
        let request = CreateLoggedModelRequest {
            name: name.to_owned(),
            r#type: if name < "c" { "agent" } else { "" }.to_owned(),
            params: given("lr", lr),
            tags: given("team", team),
            ..Default::default()
        };
        let id = create(cluster, request).await.unwrap().id;
        let metrics = [("train", train), ("test", test)].into_iter();
        let metrics: Vec<_> = metrics
            .filter_map(|(data, value)| Some(metric(&id, "acc", value?, data)))
            .collect();
        measure(cluster, &run, metrics).await.unwrap();
    }
    run
}

#[tokio::test]
async fn models_are_found_by_what_they_have() {
    let cluster = Cluster::start().await;
    herd(&cluster).await;
    for (filter, datasets, expected) in [
        ("", &[][..], "edcba"),
        ("name = 'a'", &[], "a"),
        ("name in ('a', 'd')", &[], "da"),
        ("name like '%' and not name ilike 'A'", &[], "edcb"),
        ("name like '\\'", &[], ""),
        ("type = 'agent' or name = 'e'", &[], "eba"),
        ("status = 'pending'", &[], "edcba"),
        ("status != 'pending'", &[], ""),
        ("source_run_id is null", &[], "edcba"),
        ("params.lr = 0.1", &[], "ba"),
        ("params.lr = '0.1'", &[], "a"),
        ("params.lr < 0.05", &[], "c"),
        ("params.lr is null", &[], "e"),
        ("params.lr in ('none', '0.01')", &[], "dc"),
        ("tags.team = 'risk' and params.lr = '1e-1'", &[], "b"),
        ("not tags.team = 'risk'", &[], "edc"),
        ("metrics.acc > 0.75", &[], "ba"),
        ("metrics.acc > 0.75", &["test"], "b"),
        ("metrics.acc < 0.75", &["train"], "c"),
        ("metrics.acc != 3", &["test"], "dba"),
        ("metrics.acc is null", &[], "e"),
        ("name = 'a' or name = 'c'", &["test"], "a"),
        ("", &["train"], "cba"),
        ("", &["nobody's"], ""),
        (
            "created_at > '2020-01-01' and experiment_id = 0",
            &[],
            "edcba",
        ),
        ("created_at > '2200-01-01'", &[], ""),
    ] {
        let request = SearchLoggedModelsRequest {
            filter: filter.to_owned(),
            datasets: datasets.iter().map(|name| data(name)).collect(),
            ..Default::default()
        };
        let found = search(&cluster, request).await.unwrap().concat();
        assert_eq!(found, expected, "{filter} {datasets:?}");
    }
}

#[tokio::test]
async fn orders_put_what_is_missing_last_and_pages_go_on_where_they_ended() {
    let cluster = Cluster::start().await;
    herd(&cluster).await;
    for (orders, expected) in [
        (vec![order("name", None)], "abcde"),
        (vec![order("created_at asc", None)], "abcde"),
        (vec![order("metrics.acc desc", Some("train"))], "abced"),
        (vec![order("metrics.acc", Some("train"))], "cbaed"),
        (vec![order("metrics.acc desc", Some("test"))], "baedc"),
        (
            vec![
                order("type desc", None),
                order("metrics.acc", Some("train")),
            ],
            "baced",
        ),
        (vec![order("tags.team", None), order("name", None)], "cdabe"),
    ] {
        let request = SearchLoggedModelsRequest {
            order_by: orders.clone(),
            ..Default::default()
        };
        let found = search(&cluster, request).await.unwrap().concat();
        assert_eq!(found, expected, "{orders:?}");
    }
}

#[tokio::test]
async fn the_newest_measurement_is_what_models_are_ordered_by() {
    let cluster = Cluster::start().await;
    let run = herd(&cluster).await;
    let named = SearchLoggedModelsRequest {
        filter: "name = 'c'".to_owned(),
        ..Default::default()
    };
    let found = cluster.logged_models().search_logged_models(named).await;
    let id = found.unwrap().into_inner().models[0].id.clone();
    let later = LoggedModelMetric {
        time_us: Some(2_000),
        ..metric(&id, "acc", 0.99, "train")
    };
    measure(&cluster, &run, vec![later]).await.unwrap();
    let request = SearchLoggedModelsRequest {
        order_by: vec![order("metrics.acc desc", Some("train"))],
        ..Default::default()
    };
    let found = search(&cluster, request).await.unwrap().concat();
    assert_eq!(found, "cabed");
}

#[tokio::test]
async fn deleted_models_are_shown_where_they_are_asked_for() {
    let cluster = Cluster::start().await;
    herd(&cluster).await;
    let all = SearchLoggedModelsRequest::default();
    let found = cluster.logged_models().search_logged_models(all).await;
    let model_id = found.unwrap().into_inner().models[0].id.clone();
    let delete = DeleteLoggedModelRequest { model_id };
    let deleted = cluster.logged_models().delete_logged_model(delete).await;
    deleted.unwrap();
    for (view, expected) in [
        (View::Unspecified, "dcba"),
        (View::Deleted, "e"),
        (View::All, "edcba"),
    ] {
        let request = SearchLoggedModelsRequest {
            view: view.into(),
            ..Default::default()
        };
        assert_eq!(search(&cluster, request).await.unwrap().concat(), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_its_field() {
    let cluster = Cluster::start().await;
    let refused = async |request| fields(&search(&cluster, request).await.unwrap_err());
    let filter = SearchLoggedModelsRequest {
        filter: "metrics.acc = 'high'".to_owned(),
        ..Default::default()
    };
    assert_eq!(refused(filter).await, ["filter"]);
    let by = SearchLoggedModelsRequest {
        order_by: vec![order("colour", None)],
        ..Default::default()
    };
    assert_eq!(refused(by).await, ["order_by[0].by"]);
    let dataset = SearchLoggedModelsRequest {
        order_by: vec![order("name", Some("train"))],
        ..Default::default()
    };
    assert_eq!(refused(dataset).await, ["order_by[0].dataset"]);
}
