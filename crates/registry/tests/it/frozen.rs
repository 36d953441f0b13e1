//! What stays as it is: files always, records in frozen stages.

use herdbook_proto::registry::v1::{SetAliasRequest, UpdateVersionRequest, Version};
use herdbook_testkit::grpc::{fields, reason};
use tonic::{Code, Status};

use crate::cluster::{Cluster, MODEL};

async fn update(cluster: &Cluster, version: Version, path: &str) -> Result<Version, Status> {
    let request = UpdateVersionRequest {
        version: Some(version),
        update_mask: Some(prost_types::FieldMask {
            paths: vec![path.to_owned()],
        }),
    };
    let changed = cluster.versions().update_version(request).await?;
    Ok(changed.into_inner().version.unwrap())
}

fn described(description: &str) -> Version {
    Version {
        model: MODEL.to_owned(),
        number: 1,
        description: description.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn no_call_and_no_statement_changes_files() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    for path in ["files", "digest"] {
        let refused = update(&cluster, described(""), path).await.unwrap_err();
        assert_eq!(fields(&refused), ["update_mask"], "{path}");
    }
    for sql in [
        "UPDATE registry.versions SET files = '[]'",
        "UPDATE registry.versions SET digest = digest",
    ] {
        let changed = sqlx::raw_sql(sql).execute(cluster.database.pool()).await;
        let error = changed.unwrap_err().to_string();
        assert!(error.contains("never change"), "{error}");
    }
}

#[tokio::test]
async fn a_record_stays_as_it_is_while_its_version_stands_in_a_frozen_stage() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let mut policy = cluster.policy().await;
    policy.stages[2].frozen = true;
    assert!(cluster.set_policy(policy).await.unwrap().stages[2].frozen);
    update(&cluster, described("before"), "description")
        .await
        .unwrap();
    cluster.promote(1, "Production").await.unwrap();
    for path in ["description", "label", "tags", "tags.a"] {
        let refused = update(&cluster, described("after"), path)
            .await
            .unwrap_err();
        let expected = (Code::FailedPrecondition, "VERSION_FROZEN".into());
        assert_eq!(reason(&refused), expected, "{path}");
    }
    let alias = SetAliasRequest {
        model: MODEL.into(),
        alias: "champion".into(),
        version: 1,
    };
    cluster.models().set_alias(alias).await.unwrap();
    let kept = cluster.resolve(&format!("{MODEL}@champion")).await.unwrap();
    assert_eq!(kept.description, "before");
    cluster.promote(1, "Archived").await.unwrap();
    let changed = update(&cluster, described("after"), "description")
        .await
        .unwrap();
    assert_eq!(changed.description, "after");
}
