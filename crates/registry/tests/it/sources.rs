//! Versions that come from elsewhere: with numbers and times of their own, from other versions, and from places
//! that Herdbook does not hold.

use herdbook_proto::{
    registry::v1::{CreateModelRequest, CreateVersionRequest, SearchVersionsRequest},
    time::{from_timestamp, to_timestamp},
};
use herdbook_testkit::grpc::{fields, reason};
use tonic::Code;

use crate::cluster::{Cluster, MODEL, by};

fn external(source: &str) -> CreateVersionRequest {
    CreateVersionRequest {
        model: MODEL.to_owned(),
        source: source.to_owned(),
        external: true,
        ..Default::default()
    }
}

#[tokio::test]
async fn imports_choose_numbers_and_times() {
    let cluster = Cluster::start().await;
    let long_ago = chrono::DateTime::from_timestamp(1_500_000_000, 0).map(to_timestamp);
    let model = CreateModelRequest {
        name: "old".to_owned(),
        created_at: long_ago,
        ..Default::default()
    };
    let made = cluster.models().create_model(model).await.unwrap();
    assert_eq!(made.into_inner().model.unwrap().created_at, long_ago);
    let numbered = |number| CreateVersionRequest {
        number,
        created_at: long_ago,
        created_by: "bob".to_owned(),
        ..external("s3://bucket/model")
    };
    for number in [3, 1] {
        let made = cluster.create_version(numbered(number)).await.unwrap();
        assert_eq!(
            (made.number, made.created_at, made.created_by.as_str()),
            (number, long_ago, "bob")
        );
        assert_eq!(made.stage_since, long_ago);
    }
    assert_eq!(cluster.model().await.latest_version, 3);
    let taken = cluster.create_version(numbered(3)).await.unwrap_err();
    let expected = (Code::AlreadyExists, "VERSION_EXISTS".to_owned());
    assert_eq!(reason(&taken), expected);
    assert_eq!(cluster.register(0.9).await, 4);
    assert_eq!(cluster.create_version(numbered(2)).await.unwrap().number, 2);
    assert_eq!(cluster.register(0.9).await, 5);

    let request = by("cleo=contributor", numbered(9));
    let refused = cluster.versions().create_version(request).await;
    assert_eq!(
        reason(&refused.unwrap_err()),
        (Code::PermissionDenied, "CREATED_BY_NOT_ALLOWED".into())
    );
    let future = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let ahead = CreateVersionRequest {
        created_at: Some(to_timestamp(future)),
        ..external("s3://bucket/model")
    };
    let refused = cluster.create_version(ahead).await.unwrap_err();
    assert_eq!(fields(&refused), ["created_at"]);
}

#[tokio::test]
async fn a_version_may_have_its_files_elsewhere_if_the_caller_says_so() {
    let cluster = Cluster::start().await;
    let mut silent = external("s3://bucket/model");
    silent.external = false;
    let refused = cluster.create_version(silent).await.unwrap_err();
    assert_eq!(fields(&refused), ["source"]);

    let run = cluster.create_run(0.9).await;
    let request = CreateVersionRequest {
        run_id: run.clone(),
        ..external("s3://bucket/model")
    };
    let made = cluster.create_version(request).await.unwrap();
    assert!(made.external && made.files.is_empty());
    assert_eq!(
        (&made.source, &made.run_id),
        (&"s3://bucket/model".to_owned(), &run)
    );
    assert_eq!(made.metrics["acc"], 0.9);
    let nowhere = cluster.create_version(external("runs:/run_id/model")).await;
    assert_eq!(nowhere.unwrap().run_id, "");
    let empty = cluster.create_version(external(&format!("runs:/{run}/none")));
    assert_eq!(empty.await.unwrap().run_id, run);
    let held = cluster.create_version(external(&format!("runs:/{run}/model")));
    let held = held.await.unwrap();
    assert!(!held.external && held.files.len() == 1);

    let search = SearchVersionsRequest {
        filter: "source LIKE 's3:%'".to_owned(),
        ..Default::default()
    };
    let found = cluster.versions().search_versions(search).await.unwrap();
    assert_eq!(found.into_inner().versions.len(), 1);
}

#[tokio::test]
async fn files_are_taken_from_where_the_caller_says() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    let source = format!("mlflow-artifacts:/0/{run}/artifacts/model");
    let request = CreateVersionRequest {
        files_from: format!("runs:/{run}/model"),
        external: false,
        ..external(&source)
    };
    let made = cluster.create_version(request).await.unwrap();
    assert_eq!((made.source, made.files.len()), (source, 1));

    let copy = CreateVersionRequest {
        external: false,
        ..external(&format!("models:/{MODEL}/1"))
    };
    let copy = cluster.create_version(copy).await.unwrap();
    assert_eq!((copy.digest, copy.run_id), (made.digest, run.clone()));
    assert_eq!(copy.metrics["acc"], 0.9);

    let other = CreateVersionRequest {
        run_id: "0".repeat(32),
        ..external(&format!("runs:/{run}/model"))
    };
    let refused = cluster.create_version(other).await.unwrap_err();
    assert_eq!(fields(&refused), ["run_id"]);
    let missing = external(&format!("models:/{MODEL}/9"));
    let refused = cluster.create_version(missing).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert!(from_timestamp(&copy.created_at.unwrap()).is_some());
}

#[tokio::test]
async fn a_rule_about_metrics_refuses_a_version_without_a_run() {
    use herdbook_proto::registry::v1::{Comparison, MetricThreshold, rule::Rule as Asks};
    let cluster = Cluster::start().await;
    cluster
        .create_version(external("file:/model"))
        .await
        .unwrap();
    let asks = Asks::MetricThreshold(MetricThreshold {
        metric: "acc".to_owned(),
        comparison: Comparison::AtLeast.into(),
        threshold: 0.5,
    });
    cluster.ask("Production", vec![asks]).await.unwrap();
    let refused = cluster.promote(1, "Production").await.unwrap_err();
    assert!(
        refused.message().contains("names no source run"),
        "{refused}"
    );
}
