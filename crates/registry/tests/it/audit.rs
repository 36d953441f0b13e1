//! The audit log: chained, so that nobody changes it unseen.

use herdbook_proto::registry::v1::VerifyAuditRequest;

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
