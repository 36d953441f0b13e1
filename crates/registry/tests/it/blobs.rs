//! Versions keep the bytes of their files.

use herdbook_proto::registry::v1::CreateVersionRequest;
use herdbook_testkit::grpc::reason;
use tonic::Code;

use crate::cluster::{Cluster, MODEL};

/// References to the one blob of the cluster.
async fn count(cluster: &Cluster) -> i64 {
    sqlx::query_scalar("SELECT reference_count FROM blobs.blobs")
        .fetch_one(cluster.database.pool())
        .await
        .unwrap()
}

async fn execute(cluster: &Cluster, sql: &'static str) {
    sqlx::raw_sql(sql)
        .execute(cluster.database.pool())
        .await
        .unwrap();
}

fn from(run: &str) -> CreateVersionRequest {
    CreateVersionRequest {
        model: MODEL.to_owned(),
        source: format!("runs:/{run}/model"),
        request_id: "once".to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_version_holds_references_of_its_own() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    assert_eq!(count(&cluster).await, 1);
    cluster.create_version(from(&run)).await.unwrap();
    cluster.create_version(from(&run)).await.unwrap();
    assert_eq!(count(&cluster).await, 2);
}

#[tokio::test]
async fn a_version_is_made_of_files_that_an_earlier_version_of_herdbook_kept() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    execute(&cluster, "DELETE FROM blobs.blobs").await;
    cluster.create_version(from(&run)).await.unwrap();
    assert_eq!(count(&cluster).await, 1);
}

#[tokio::test]
async fn a_version_of_files_that_are_being_collected_is_refused() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(0.9).await;
    execute(
        &cluster,
        "UPDATE blobs.blobs SET reference_count = 0, unreferenced_at = now(), collecting_at = now()",
    )
    .await;
    let refused = cluster.create_version(from(&run)).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "BLOB_GONE".into())
    );
    assert_eq!(cluster.model().await.latest_version, 0);
}

#[tokio::test]
async fn versions_that_were_not_counted_are_counted_once() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    cluster.register(0.8).await;
    execute(
        &cluster,
        "UPDATE registry.versions SET counted = false; DELETE FROM blobs.blobs",
    )
    .await;
    cluster.manifests.count().await.unwrap();
    assert_eq!(count(&cluster).await, 2);
    cluster.manifests.count().await.unwrap();
    assert_eq!(count(&cluster).await, 2);
}
