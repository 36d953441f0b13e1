//! Deleting versions and models, and renaming models.

use herdbook_proto::registry::v1::{
    AuditAction, CreateModelRequest, CreateVersionRequest, DeleteModelRequest,
    DeleteVersionRequest, ListStaysRequest, ListVersionsRequest, RenameModelRequest,
    RequiredDescription, SearchVersionsRequest, SetAliasRequest, VerifyAuditRequest, Version,
    rule::Rule as Asks,
};
use herdbook_testkit::{grpc::reason, wait_until};
use tonic::{Code, Status};

use crate::cluster::{Cluster, MODEL};

async fn delete(cluster: &Cluster, number: i64) -> Result<(), Status> {
    let request = DeleteVersionRequest {
        model: MODEL.to_owned(),
        number,
    };
    cluster.versions().delete_version(request).await?;
    Ok(())
}

async fn delete_model(cluster: &Cluster, name: &str) -> Result<(), Status> {
    let request = DeleteModelRequest {
        name: name.to_owned(),
    };
    cluster.models().delete_model(request).await?;
    Ok(())
}

async fn rename(cluster: &Cluster, name: &str, new_name: &str) -> Result<(), Status> {
    let request = RenameModelRequest {
        name: name.to_owned(),
        new_name: new_name.to_owned(),
    };
    cluster.models().rename_model(request).await?;
    Ok(())
}

async fn create_model(cluster: &Cluster, name: &str) {
    let request = CreateModelRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    cluster.models().create_model(request).await.unwrap();
}

async fn register(cluster: &Cluster, model: &str) -> Version {
    let run = cluster.create_run(0.9).await;
    let request = CreateVersionRequest {
        model: model.to_owned(),
        source: format!("runs:/{run}/model"),
        ..Default::default()
    };
    cluster.create_version(request).await.unwrap()
}

async fn found(cluster: &Cluster, filter: &str) -> Vec<i64> {
    let request = SearchVersionsRequest {
        filter: filter.to_owned(),
        ..Default::default()
    };
    let found = cluster.versions().search_versions(request).await.unwrap();
    let versions = found.into_inner().versions;
    versions.into_iter().map(|version| version.number).collect()
}

async fn references(cluster: &Cluster) -> i64 {
    sqlx::query_scalar("SELECT reference_count FROM blobs.blobs")
        .fetch_one(cluster.database.pool())
        .await
        .unwrap()
}

async fn last_action(cluster: &Cluster) -> AuditAction {
    cluster.audit().await.last().unwrap().action()
}

async fn verified(cluster: &Cluster) -> bool {
    let request = VerifyAuditRequest::default();
    let verified = cluster.transitions().verify_audit(request).await.unwrap();
    verified.into_inner().broken_at.is_none()
}

#[tokio::test]
async fn a_deleted_version_is_nowhere_and_its_number_is_never_used_again() {
    let cluster = Cluster::start().await;
    for _ in 0..2 {
        cluster.register(0.9).await;
    }
    let alias = SetAliasRequest {
        model: MODEL.to_owned(),
        alias: "champion".to_owned(),
        version: 2,
    };
    cluster.models().set_alias(alias).await.unwrap();
    cluster.promote(2, "Production").await.unwrap();
    assert_eq!(found(&cluster, "").await, [2, 1]);
    assert_eq!(references(&cluster).await, 4);

    delete(&cluster, 2).await.unwrap();
    assert_eq!(references(&cluster).await, 3);
    for reference in ["/2", "@champion", "@Production", "@2"] {
        let missing = cluster.resolve(&format!("{MODEL}{reference}")).await;
        assert_eq!(missing.unwrap_err().code(), Code::NotFound, "{reference}");
    }
    let latest = cluster.resolve(&format!("{MODEL}@latest")).await.unwrap();
    assert_eq!(latest.number, 1);
    let model = cluster.model().await;
    assert_eq!((model.latest_version, model.aliases.len()), (1, 0));
    assert_eq!(found(&cluster, "").await, [1]);
    assert_eq!(found(&cluster, "not stage = 'None'").await, [0; 0]);
    let list = ListVersionsRequest {
        model: MODEL.to_owned(),
        ..Default::default()
    };
    let listed = cluster.versions().list_versions(list).await.unwrap();
    assert_eq!(listed.into_inner().versions.len(), 1);
    assert_eq!(
        delete(&cluster, 2).await.unwrap_err().code(),
        Code::NotFound
    );
    assert_eq!(cluster.register(0.9).await, 3);
}

#[tokio::test]
async fn what_a_deleted_version_was_stays_on_record() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    cluster.promote(1, "Production").await.unwrap();
    delete(&cluster, 1).await.unwrap();
    assert_eq!(last_action(&cluster).await, AuditAction::DeleteVersion);
    assert!(verified(&cluster).await);
    let stays = ListStaysRequest {
        model: MODEL.to_owned(),
        stage: "Production".to_owned(),
        ..Default::default()
    };
    let stays = cluster.transitions().list_stays(stays).await.unwrap();
    let stays = stays.into_inner().stays;
    assert_eq!((stays.len(), stays[0].version), (1, 1));
    assert!(stays[0].left_at.is_some());
}

#[tokio::test]
async fn what_rules_guard_is_not_deleted() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    cluster.promote(1, "Production").await.unwrap();
    let asks = vec![Asks::RequiredDescription(RequiredDescription {})];
    cluster.ask("Production", asks).await.unwrap();
    let refused = delete(&cluster, 1).await.unwrap_err();
    let expected = (Code::FailedPrecondition, "VERSION_GUARDED".to_owned());
    assert_eq!(reason(&refused), expected);
    let refused = delete_model(&cluster, MODEL).await.unwrap_err();
    assert_eq!(reason(&refused), expected);
    cluster.promote(1, "Archived").await.unwrap();
    delete(&cluster, 1).await.unwrap();
}

#[tokio::test]
async fn a_deleted_model_gives_its_name_back_but_not_its_numbers() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    cluster.register(0.8).await;
    assert_eq!(references(&cluster).await, 4);
    delete_model(&cluster, MODEL).await.unwrap();
    assert_eq!(references(&cluster).await, 2);
    assert_eq!(found(&cluster, "").await, [0; 0]);
    assert_eq!(last_action(&cluster).await, AuditAction::DeleteModel);
    let gone = cluster.resolve(&format!("{MODEL}/1")).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);

    create_model(&cluster, MODEL).await;
    assert_eq!(cluster.model().await.latest_version, 0);
    assert_eq!(register(&cluster, MODEL).await.number, 3);
    assert_eq!(found(&cluster, "").await, [3]);
    let taken = CreateVersionRequest {
        model: MODEL.to_owned(),
        source: "s3://elsewhere/model".to_owned(),
        external: true,
        number: 2,
        ..Default::default()
    };
    let refused = cluster.create_version(taken).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "VERSION_EXISTS".into())
    );
    assert!(verified(&cluster).await);
}

#[tokio::test]
async fn versions_go_with_a_model_that_is_renamed() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    cluster.promote(1, "Production").await.unwrap();
    let at = format!("{MODEL}@Production");
    cluster.resolve(&at).await.unwrap();
    rename(&cluster, MODEL, "card-fraud").await.unwrap();

    let moved = cluster.resolve("card-fraud@Production").await.unwrap();
    assert_eq!((moved.model.as_str(), moved.number), ("card-fraud", 1));
    assert_eq!(
        cluster.resolve(&at).await.unwrap_err().code(),
        Code::NotFound
    );
    assert_eq!(found(&cluster, "name = 'card-fraud'").await, [1]);
    assert_eq!(found(&cluster, &format!("name = '{MODEL}'")).await, [0; 0]);
    let records = cluster.audit().await;
    let renamed = records
        .iter()
        .filter(|record| record.action() == AuditAction::RenameModel);
    let renamed: Vec<&str> = renamed.map(|record| record.model.as_str()).collect();
    assert_eq!(renamed, [MODEL, "card-fraud"]);
    assert!(verified(&cluster).await);

    // What refers to the old name is not to find others under it.
    create_model(&cluster, MODEL).await;
    assert_eq!(register(&cluster, MODEL).await.number, 2);
    create_model(&cluster, "third").await;
    register(&cluster, "third").await;
    let refused = rename(&cluster, "third", MODEL).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::AlreadyExists, "MODEL_EXISTS".into())
    );
    delete_model(&cluster, MODEL).await.unwrap();
    let refused = rename(&cluster, "third", MODEL).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "NAME_HAD_VERSIONS".into())
    );
    rename(&cluster, "card-fraud", "stolen-cards")
        .await
        .unwrap();
    rename(&cluster, "stolen-cards", "card-fraud")
        .await
        .unwrap();
}

#[tokio::test]
async fn lineage_knows_a_renamed_version_by_both_names() {
    use herdbook_proto::lineage::v1::GetAncestorsRequest;
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    rename(&cluster, MODEL, "card-fraud").await.unwrap();
    wait_until("lineage heard of it", async || {
        let request = GetAncestorsRequest {
            node: "model_version:card-fraud@1".to_owned(),
            ..Default::default()
        };
        let answer = cluster.lineage().get_ancestors(request).await.ok()?;
        let found = format!("{:?}", answer.into_inner());
        (found.contains(MODEL) && found.contains("\"run\"")).then_some(())
    })
    .await;
}
