//! The audit log: chained, and watched without a gap or a repeat.

use futures::StreamExt as _;
use herdbook_proto::registry::v1::{VerifyAuditRequest, WatchRequest, watch_response::Event};
use herdbook_testkit::grpc::reason;
use tonic::Code;

use crate::cluster::Cluster;

async fn broken_at(cluster: &Cluster) -> Option<i64> {
    let verified = cluster
        .transitions()
        .verify_audit(VerifyAuditRequest {})
        .await
        .unwrap();
    verified.into_inner().broken_at
}

#[tokio::test]
async fn a_changed_byte_in_the_database_is_found() {
    let cluster = Cluster::start().await;
    for _ in 0..3 {
        cluster.register(0.9).await;
    }
    assert_eq!(broken_at(&cluster).await, None);
    let change = "UPDATE registry.audit SET record = set_byte(record, 3, get_byte(record, 3) # 1) \
                  WHERE revision = 2";
    let refused = sqlx::query(change)
        .execute(cluster.database.pool())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("never changed"), "{refused}");
    let mut connection = cluster.database.pool().acquire().await.unwrap();
    sqlx::query("ALTER TABLE registry.audit DISABLE TRIGGER audit_is_final")
        .execute(&mut *connection)
        .await
        .unwrap();
    sqlx::query(change).execute(&mut *connection).await.unwrap();
    assert_eq!(broken_at(&cluster).await, Some(2));
}

#[tokio::test]
async fn a_watcher_that_comes_and_goes_sees_exactly_the_log() {
    let cluster = std::sync::Arc::new(Cluster::start().await);
    let writer = tokio::spawn({
        let cluster = cluster.clone();
        async move {
            for _ in 0..20 {
                cluster.register(0.9).await;
            }
        }
    });
    let mut seen = Vec::new();
    while seen.len() < 21 {
        let after = seen.last().copied().unwrap_or(0);
        let request = WatchRequest {
            after_revision: Some(after),
            ..Default::default()
        };
        let mut events = cluster
            .transitions()
            .watch(request)
            .await
            .unwrap()
            .into_inner();
        // A few events, then it leaves and comes back.
        for _ in 0..4 {
            match events.next().await.unwrap().unwrap().event.unwrap() {
                Event::Record(record) => seen.push(record.revision),
                Event::Bookmark(revision) => assert!(revision >= after),
            }
            if seen.len() == 21 {
                break;
            }
        }
    }
    writer.await.unwrap();
    assert_eq!(seen, (1..=21).collect::<Vec<_>>());
    let log: Vec<_> = cluster
        .audit()
        .await
        .iter()
        .map(|record| record.revision)
        .collect();
    assert_eq!(seen, log);
}

#[tokio::test]
async fn a_revision_that_is_ahead_cannot_be_watched_from() {
    let cluster = Cluster::start().await;
    let request = WatchRequest {
        after_revision: Some(99),
        ..Default::default()
    };
    let refused = cluster
        .transitions()
        .watch(request)
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::OutOfRange, "REVISION_AHEAD".into())
    );
}
