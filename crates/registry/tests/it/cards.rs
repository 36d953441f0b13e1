//! Cards: a model has one, a version what is different of it, and rules ask for them.

use herdbook_proto::{
    registry::v1::{
        CreateModelRequest, CreateVersionRequest, Expression, Model, ModelCard, RequiredCard,
        Schema, SchemaField, UpdateModelRequest, UpdateVersionRequest, Version, rule::Rule as Asks,
    },
    tracking::v1::DeleteRunRequest,
};
use herdbook_testkit::grpc::{fields, reason};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::cluster::{Cluster, MODEL, by};

fn card(usage_notes: &str, licence: &str) -> ModelCard {
    ModelCard {
        usage_notes: usage_notes.to_owned(),
        licence: licence.to_owned(),
        ..Default::default()
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    Some(FieldMask { paths })
}

async fn update_model(cluster: &Cluster, model: Model, paths: &[&str]) -> Result<Model, Status> {
    let request = UpdateModelRequest {
        model: Some(Model {
            name: MODEL.to_owned(),
            ..model
        }),
        update_mask: mask(paths),
    };
    let answer = cluster.models().update_model(request).await?;
    Ok(answer.into_inner().model.unwrap())
}

async fn update_version(
    cluster: &Cluster,
    version: Version,
    paths: &[&str],
) -> Result<Version, Status> {
    let request = UpdateVersionRequest {
        version: Some(Version {
            model: MODEL.to_owned(),
            number: 1,
            ..version
        }),
        update_mask: mask(paths),
    };
    let answer = cluster.versions().update_version(request).await?;
    Ok(answer.into_inner().version.unwrap())
}

async fn from_run(cluster: &Cluster) -> CreateVersionRequest {
    let run = cluster.create_run(0.9).await;
    CreateVersionRequest {
        model: MODEL.to_owned(),
        source: format!("runs:/{run}/model"),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_version_says_what_is_different_of_its_models_card() {
    let cluster = Cluster::start().await;
    let model = Model {
        card: Some(card("call predict", "MIT")),
        owners: vec!["risk-ml".to_owned()],
        ..Default::default()
    };
    update_model(&cluster, model, &["card", "owners"])
        .await
        .unwrap();
    let request = CreateVersionRequest {
        card: Some(card("", "Apache-2.0")),
        flavor: "onnx".to_owned(),
        schema: Some(Schema {
            inputs: vec![SchemaField {
                r#type: "float32".to_owned(),
                shape: vec![-1, 4],
                ..Default::default()
            }],
            outputs: vec![],
        }),
        ..from_run(&cluster).await
    };
    let version = cluster.create_version(request.clone()).await.unwrap();
    assert_eq!(version.own_card, Some(card("", "Apache-2.0")));
    assert_eq!(version.card, Some(card("call predict", "Apache-2.0")));
    assert_eq!(
        (version.flavor, version.schema),
        (request.flavor, request.schema)
    );
    let model = Model {
        card: Some(card("call it twice", "")),
        ..Default::default()
    };
    // The licence is not in the mask, and stays.
    let model = update_model(&cluster, model, &["card.usage_notes"])
        .await
        .unwrap();
    assert_eq!(model.card, Some(card("call it twice", "MIT")));
    assert_eq!(model.owners, ["risk-ml"]);
    let version = update_version(&cluster, Version::default(), &["own_card.licence"])
        .await
        .unwrap();
    assert_eq!(version.card, Some(card("call it twice", "MIT")));
    assert_eq!(
        cluster.resolve(&format!("{MODEL}/1")).await.unwrap(),
        version
    );
}

#[tokio::test]
async fn who_creates_a_model_owns_it_unless_others_are_named() {
    let cluster = Cluster::start().await;
    assert_eq!(cluster.model().await.owners, ["ana"]);
    let request = CreateModelRequest {
        name: "churn".to_owned(),
        owners: vec!["cem".to_owned(), "growth".to_owned()],
        ..Default::default()
    };
    let made = cluster
        .models()
        .create_model(by("bo=contributor", request))
        .await
        .unwrap();
    assert_eq!(made.into_inner().model.unwrap().owners, ["cem", "growth"]);
}

#[tokio::test]
async fn a_rule_asks_for_the_card_and_an_expression_reads_it() {
    let cluster = Cluster::start().await;
    cluster
        .create_version(from_run(&cluster).await)
        .await
        .unwrap();
    let required = |fields: &[&str]| {
        Asks::RequiredCard(RequiredCard {
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        })
    };
    let unknown = cluster.ask("Staging", vec![required(&["license"])]).await;
    assert_eq!(
        fields(&unknown.unwrap_err()),
        ["policy.moves[1].rules[0].required_card.fields[0]"]
    );
    let expression = Asks::Cel(Expression {
        expression: r#"version.card.licence == "MIT" && "ana" in version.owners"#.to_owned(),
        message: "give it under MIT".to_owned(),
    });
    let asks = vec![required(&["limits", "licence"]), expression];
    cluster.ask("Staging", asks).await.unwrap();
    let refused = cluster.promote(1, "Staging").await.unwrap_err();
    assert!(
        refused.message().contains("not said: limits, licence"),
        "{refused}"
    );
    let limits = ModelCard {
        limits: "not for children".to_owned(),
        ..Default::default()
    };
    let version = Version {
        own_card: Some(limits),
        ..Default::default()
    };
    update_version(&cluster, version, &["own_card"])
        .await
        .unwrap();
    let refused = cluster.promote(1, "Staging").await.unwrap_err();
    assert!(refused.message().contains("not said: licence"), "{refused}");
    let model = Model {
        card: Some(card("", "MIT")),
        ..Default::default()
    };
    update_model(&cluster, model, &["card"]).await.unwrap();
    cluster.promote(1, "Staging").await.unwrap();
}

#[tokio::test]
async fn what_is_too_large_or_no_licence_is_refused_and_nothing_kept() {
    let cluster = Cluster::start().await;
    let good = from_run(&cluster).await;
    let bad = CreateVersionRequest {
        description: "x".repeat(10 << 20),
        card: Some(card(&"x".repeat(65_537), "free for all")),
        flavor: "a\nb".to_owned(),
        ..good.clone()
    };
    let refused = cluster.create_version(bad).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        fields(&refused),
        ["description", "flavor", "card.usage_notes", "card.licence"]
    );
    let said = refused.message();
    assert!(
        said.contains("has 10485760 bytes; at most 65536 are allowed"),
        "{said}"
    );
    let model = Model {
        description: "x".repeat(10 << 20),
        ..Default::default()
    };
    let refused = update_model(&cluster, model, &["description"]).await;
    assert_eq!(fields(&refused.unwrap_err()), ["model.description"]);
    assert_eq!(cluster.model().await.description, "");
    assert_eq!(cluster.create_version(good).await.unwrap().number, 1);
}

#[tokio::test]
async fn a_run_deleted_while_it_is_registered_leaves_a_whole_version_or_none() {
    let cluster = Cluster::start().await;
    let mut made = 0;
    for _ in 0..8 {
        let request = from_run(&cluster).await;
        let run_id = request.source[6..38].to_owned();
        let mut runs = cluster.runs();
        let (version, deleted) = tokio::join!(
            cluster.create_version(request),
            runs.delete_run(DeleteRunRequest { run_id }),
        );
        deleted.unwrap();
        match version {
            Ok(version) => {
                made += 1;
                assert_eq!(version.number, made);
                assert_eq!((version.files.len(), version.metrics["acc"]), (1, 0.9));
            }
            Err(refused) => assert_eq!(reason(&refused).1, "RUN_NOT_FOUND"),
        }
    }
    assert_eq!(cluster.model().await.latest_version, made);
}
