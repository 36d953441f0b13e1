//! Search: every fact finds its versions, and whatever was acknowledged is found.

use herdbook_proto::{
    registry::v1::{
        CreateModelRequest, CreateVersionRequest, Model, ModelCard, SearchModelsRequest,
        SearchVersionsRequest, SetAliasRequest, UpdateModelRequest, UpdateVersionRequest, Version,
        model_service_client::ModelServiceClient, version_service_client::VersionServiceClient,
    },
    tracking::v1::{LogBatchRequest, Metric},
};
use herdbook_testkit::grpc::{elsewhere, fields, reason};
use prost_types::FieldMask;
use tonic::{Code, Status, transport::Channel};

use crate::cluster::{Cluster, MODEL};

fn orders(text: &str) -> Vec<String> {
    let orders = text.split(", ").filter(|order| !order.is_empty());
    orders.map(Into::into).collect()
}

/// The versions that are found, as `model/number`.
async fn find(channel: &Channel, filter: &str, order: &str) -> Vec<String> {
    let request = SearchVersionsRequest {
        filter: filter.to_owned(),
        order_by: orders(order),
        ..Default::default()
    };
    let found = VersionServiceClient::new(channel.clone())
        .search_versions(request)
        .await;
    let found = found.unwrap_or_else(|error| panic!("{filter}: {error}"));
    named(found.into_inner().versions)
}

fn named(versions: Vec<Version>) -> Vec<String> {
    let name = |version: Version| format!("{}/{}", version.model, version.number);
    versions.into_iter().map(name).collect()
}

async fn find_models(channel: &Channel, filter: &str, order: &str) -> Vec<String> {
    let request = SearchModelsRequest {
        filter: filter.to_owned(),
        order_by: orders(order),
        ..Default::default()
    };
    let found = ModelServiceClient::new(channel.clone())
        .search_models(request)
        .await;
    let models = found.unwrap().into_inner().models;
    models.into_iter().map(|model| model.name).collect()
}

async fn wrong(cluster: &Cluster, request: SearchVersionsRequest) -> Status {
    cluster
        .versions()
        .search_versions(request)
        .await
        .unwrap_err()
}

async fn create_model(cluster: &Cluster, name: &str, owner: &str, licence: &str) {
    let request = CreateModelRequest {
        name: name.to_owned(),
        owners: vec![owner.to_owned(), "ops".to_owned()],
        card: Some(ModelCard {
            licence: licence.to_owned(),
            ..Default::default()
        }),
        tags: [("area".to_owned(), owner.to_owned())].into(),
        ..Default::default()
    };
    cluster.models().create_model(request).await.unwrap();
}

async fn register(cluster: &Cluster, acc: f64, version: CreateVersionRequest) -> Version {
    let run = cluster.create_run(acc).await;
    let request = CreateVersionRequest {
        source: format!("runs:/{run}/model"),
        ..version
    };
    cluster.create_version(request).await.unwrap()
}

async fn update_version(cluster: &Cluster, version: Version, paths: &[&str]) {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateVersionRequest {
        version: Some(version),
        update_mask: Some(FieldMask { paths }),
    };
    cluster.versions().update_version(request).await.unwrap();
}

async fn update_model(cluster: &Cluster, model: Model, paths: &[&str]) {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateModelRequest {
        model: Some(model),
        update_mask: Some(FieldMask { paths }),
    };
    cluster.models().update_model(request).await.unwrap();
}

async fn set_alias(cluster: &Cluster, alias: &str, version: i64) {
    let request = SetAliasRequest {
        model: MODEL.to_owned(),
        alias: alias.to_owned(),
        version,
    };
    cluster.models().set_alias(request).await.unwrap();
}

/// `fraud-detector/1`, `/2` and `churn/1`.
async fn some_versions(cluster: &Cluster) -> String {
    create_model(cluster, "churn", "growth", "MIT").await;
    let first = CreateVersionRequest {
        model: MODEL.to_owned(),
        label: "v1.0.0".to_owned(),
        flavor: "onnx".to_owned(),
        description: "The first of Risk".to_owned(),
        tags: [("team".to_owned(), "risk".to_owned())].into(),
        ..Default::default()
    };
    let run = register(cluster, 0.7, first).await.run_id;
    let second = CreateVersionRequest {
        model: MODEL.to_owned(),
        card: Some(ModelCard {
            licence: "Apache-2.0".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    register(cluster, 0.9, second).await;
    register(
        cluster,
        0.8,
        CreateVersionRequest {
            model: "churn".to_owned(),
            ..Default::default()
        },
    )
    .await;
    run
}

#[tokio::test]
async fn each_fact_finds_its_versions() {
    let cluster = Cluster::start().await;
    let run = some_versions(&cluster).await;
    set_alias(&cluster, "champion", 1).await;
    cluster.promote(1, "Production").await.unwrap();
    let (one, two, churn) = ("fraud-detector/1", "fraud-detector/2", "churn/1");
    for (filter, expected) in [
        ("", vec![churn, two, one]),
        ("metrics.acc > 0.75", vec![churn, two]),
        ("metrics.never IS NULL and name = 'churn'", vec![churn]),
        ("tags.team = 'risk'", vec![one]),
        ("not tags.team = 'risk'", vec![churn, two]),
        ("name LIKE 'fraud%' and version = 2", vec![two]),
        ("label = 'v1.0.0'", vec![one]),
        ("stage = 'Production'", vec![one]),
        ("stage in ('None')", vec![churn, two]),
        ("alias = 'champion'", vec![one]),
        ("owner = 'growth' and owner = 'ops'", vec![churn]),
        ("owner = 'ana'", vec![two, one]),
        ("description ILIKE '%risk%'", vec![one]),
        ("description IS NULL", vec![churn, two]),
        ("flavor = 'onnx'", vec![one]),
        ("licence = 'MIT'", vec![churn]),
        ("licence = 'Apache-2.0'", vec![two]),
        ("licence IS NULL", vec![one]),
        (
            "created_by = 'ana' and created_at > '2026-01-01'",
            vec![churn, two, one],
        ),
        ("updated_at < '2026-01-01'", vec![]),
        (&*format!("run_id = '{run}'"), vec![one]),
        ("metrics.acc > 0.85 or flavor = 'onnx'", vec![two, one]),
    ] {
        assert_eq!(
            find(&cluster.channel, filter, "created_at desc").await,
            expected,
            "{filter}"
        );
    }
    for (order, expected) in [
        ("metrics.acc", [one, churn, two]),
        ("metrics.acc desc", [two, churn, one]),
        ("name, version", [churn, one, two]),
        ("licence", [two, churn, one]),
        ("flavor", [one, churn, two]),
        ("alias desc, metrics.acc desc", [one, two, churn]),
    ] {
        assert_eq!(find(&cluster.channel, "", order).await, expected, "{order}");
    }
    let models = [
        ("", "", vec!["churn", MODEL]),
        ("owner = 'growth'", "", vec!["churn"]),
        (
            "tags.area = 'growth' and licence = 'MIT'",
            "",
            vec!["churn"],
        ),
        ("latest_version >= 2", "", vec![MODEL]),
        ("", "latest_version", vec!["churn", MODEL]),
    ];
    for (filter, order, expected) in models {
        assert_eq!(
            find_models(&cluster.channel, filter, order).await,
            expected,
            "{filter}"
        );
    }
    let request = elsewhere(SearchVersionsRequest::default());
    let found = cluster.versions().search_versions(request).await.unwrap();
    assert_eq!(found.into_inner().versions, []);
}

#[tokio::test]
async fn what_is_found_is_whole_but_for_its_files() {
    let cluster = Cluster::start().await;
    some_versions(&cluster).await;
    set_alias(&cluster, "champion", 2).await;
    set_alias(&cluster, "best", 2).await;
    let request = SearchVersionsRequest {
        filter: "alias = 'best'".to_owned(),
        ..Default::default()
    };
    let found = cluster
        .versions()
        .search_versions(request)
        .await
        .unwrap()
        .into_inner()
        .versions;
    let mut whole = cluster.resolve(&format!("{MODEL}/2")).await.unwrap();
    assert_eq!(whole.files.len(), 1);
    whole.files.clear();
    assert_eq!(found, [whole]);
}

/// Asked again after each change, by a process that knows what was before, and one that has just begun.
#[tokio::test]
async fn what_changed_is_found_at_once_and_everywhere() {
    let cluster = Cluster::start().await;
    some_versions(&cluster).await;
    let (replica, _stop) = cluster.replica().await;
    let version = Version {
        model: MODEL.to_owned(),
        number: 1,
        ..Default::default()
    };
    for round in 0..8 {
        match round {
            0 => set_alias(&cluster, "champion", 1).await,
            1 => set_alias(&cluster, "champion", 2).await,
            2 => {
                cluster.promote(1, "Production").await.unwrap();
                cluster.promote(2, "Production").await.unwrap();
            }
            3 => {
                let tags = [("owner".to_owned(), "x".to_owned())].into();
                update_version(
                    &cluster,
                    Version {
                        tags,
                        ..version.clone()
                    },
                    &["tags"],
                )
                .await;
            }
            4 => {
                let description = "another".to_owned();
                update_version(
                    &cluster,
                    Version {
                        description,
                        ..version.clone()
                    },
                    &["description", "flavor"],
                )
                .await;
            }
            5 => {
                let card = Some(ModelCard {
                    licence: "MIT".to_owned(),
                    ..Default::default()
                });
                let owners = vec!["bo".to_owned(), "cem".to_owned()];
                let model = Model {
                    name: MODEL.to_owned(),
                    card,
                    owners,
                    ..Default::default()
                };
                update_model(&cluster, model, &["card", "owners"]).await;
            }
            6 => {
                let model = Model {
                    name: "churn".to_owned(),
                    ..Default::default()
                };
                update_model(&cluster, model, &["tags", "card"]).await;
            }
            _ => {
                register(
                    &cluster,
                    0.6,
                    CreateVersionRequest {
                        model: "churn".to_owned(),
                        ..Default::default()
                    },
                )
                .await;
            }
        }
        let (fresh, _stop) = cluster.replica().await;
        for filter in [
            "",
            "alias = 'champion'",
            "stage = 'Production'",
            "stage = 'Archived'",
            "tags.team = 'risk'",
            "tags.owner IS NOT NULL",
            "description LIKE '%first%'",
            "flavor = 'onnx'",
            "licence = 'MIT'",
            "owner = 'bo'",
            "owner = 'ana'",
            "metrics.acc < 0.75",
        ] {
            let expected = find(&fresh, filter, "").await;
            for channel in [&cluster.channel, &replica] {
                assert_eq!(
                    find(channel, filter, "").await,
                    expected,
                    "{round}: {filter}"
                );
            }
        }
        for filter in [
            "tags.area = 'growth'",
            "owner = 'bo'",
            "licence = 'MIT'",
            "latest_version = 2",
        ] {
            let expected = find_models(&fresh, filter, "").await;
            for channel in [&cluster.channel, &replica] {
                assert_eq!(
                    find_models(channel, filter, "").await,
                    expected,
                    "{round}: {filter}"
                );
            }
        }
    }
    assert_eq!(
        find(&cluster.channel, "alias = 'champion'", "").await,
        ["fraud-detector/2"]
    );
    assert_eq!(
        find(&cluster.channel, "stage = 'Archived'", "").await,
        ["fraud-detector/1"]
    );
    assert_eq!(
        find(
            &cluster.channel,
            "tags.team = 'risk' or flavor = 'onnx'",
            ""
        )
        .await,
        Vec::<String>::new()
    );
    assert_eq!(
        find(&cluster.channel, "licence = 'MIT'", "").await,
        ["fraud-detector/1"]
    );
    assert_eq!(
        find_models(&cluster.channel, "owner = 'bo'", "").await,
        [MODEL]
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_its_place() {
    let cluster = Cluster::start().await;
    let asked = |filter: &str, order: &str| SearchVersionsRequest {
        filter: filter.to_owned(),
        order_by: Some(order.to_owned())
            .filter(|o| !o.is_empty())
            .into_iter()
            .collect(),
        ..Default::default()
    };
    for (request, field, said) in [
        (
            asked("acc > 0.9", ""),
            "filter",
            "at character 1: expected a field, such as metrics.acc, params.acc or tags.acc, or one of name, version",
        ),
        (
            asked("metrics.acc > 'x'", ""),
            "filter",
            "at character 15: expected a number",
        ),
        (
            asked("stage = null", ""),
            "filter",
            "(IS NULL finds versions without it)",
        ),
        (
            asked("inputs.name = 'x'", ""),
            "filter",
            "metrics, params, tags or attributes before the dot",
        ),
        (
            asked("created_at > 'today'", ""),
            "filter",
            "at character 14: expected a time such as",
        ),
        (
            asked("", "metrics.acc up"),
            "order_by[0]",
            "asc, desc or the end",
        ),
    ] {
        let refused = wrong(&cluster, request).await;
        assert_eq!(
            reason(&refused),
            (Code::InvalidArgument, "INVALID_QUERY".to_owned())
        );
        assert_eq!(fields(&refused), [field]);
        assert!(refused.message().contains(said), "{}", refused.message());
    }
    let request = SearchVersionsRequest {
        page_token: "x%".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        reason(&wrong(&cluster, request).await).1,
        "INVALID_PAGE_TOKEN"
    );
    let request = SearchModelsRequest {
        filter: "acc > 1".to_owned(),
        ..Default::default()
    };
    let refused = cluster.models().search_models(request).await.unwrap_err();
    assert!(
        refused
            .message()
            .contains("such as tags.acc, or one of name, owner"),
        "{refused}"
    );
}

#[tokio::test]
async fn params_and_metrics_of_the_run_as_registered_are_searched() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    let log = LogBatchRequest {
        run_id: run.clone(),
        params: [("lr".to_owned(), "1e-2".to_owned())].into(),
        metrics: vec![Metric {
            key: "odd".to_owned(),
            value: f64::NAN,
            ..Default::default()
        }],
        ..Default::default()
    };
    cluster.runs().log_batch(log).await.unwrap();
    let request = CreateVersionRequest {
        model: MODEL.to_owned(),
        source: format!("runs:/{run}/model"),
        ..Default::default()
    };
    cluster.create_version(request).await.unwrap();
    let later = LogBatchRequest {
        run_id: run,
        metrics: vec![Metric {
            key: "acc".to_owned(),
            value: 0.1,
            step: 2,
            ..Default::default()
        }],
        ..Default::default()
    };
    cluster.runs().log_batch(later).await.unwrap();
    let found = ["fraud-detector/1"];
    for filter in [
        "params.lr = 0.01",
        "params.lr = '1e-2'",
        "metrics.acc = 0.9",
        "metrics.odd != 1",
        "metrics.odd IS NOT NULL",
    ] {
        assert_eq!(
            find(&cluster.channel, filter, "metrics.odd desc").await,
            found,
            "{filter}"
        );
    }
    for filter in ["params.lr = '0.01'", "metrics.acc = 0.1", "metrics.odd > 0"] {
        assert_eq!(
            find(&cluster.channel, filter, "").await,
            Vec::<String>::new(),
            "{filter}"
        );
    }
}

#[tokio::test]
async fn a_tag_finds_its_model_among_a_hundred_thousand() {
    let cluster = Cluster::start().await;
    sqlx::raw_sql(
        "INSERT INTO registry.models \
             (workspace_id, name, description, tags, policy, created_by, changed_by, revision) \
         SELECT workspace_id, 'bulk-' || n, '', jsonb_build_object('team', 't' || n % 100, 'n', n::text), \
             policy, 'ana', 'ana', revision \
         FROM registry.models, generate_series(1, 100000) AS n",
    )
    .execute(cluster.database.pool())
    .await
    .unwrap();
    assert_eq!(
        find_models(&cluster.channel, "tags.n = '77777'", "").await,
        ["bulk-77777"]
    );
    let some = "tags.team = 't5' and tags.n like '99%05'";
    let found = find_models(&cluster.channel, some, "name").await;
    assert_eq!((found.len(), found[0].as_str()), (11, "bulk-99005"));
}
