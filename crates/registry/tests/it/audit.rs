//! The audit log: chained and signed, so that nobody changes it unseen.

use futures::TryStreamExt as _;
use herdbook_proto::registry::v1::{
    Checkpoint, CreateCheckpointRequest, ExportAuditRequest, ExportAuditResponse,
    ListCheckpointsRequest, VerifyAuditRequest, VerifyAuditResponse,
    audit_service_client::AuditServiceClient,
};
use herdbook_registry::{AuditKey, Checkpoint as Kept, Verifier};
use herdbook_testkit::grpc::{fields, reason};
use sqlx::AssertSqlSafe;
use tonic::{Code, Status, transport::Channel};

use crate::cluster::Cluster;

fn client(cluster: &Cluster) -> AuditServiceClient<Channel> {
    AuditServiceClient::new(cluster.channel.clone())
}

async fn verify(cluster: &Cluster, kept: Option<Checkpoint>) -> VerifyAuditResponse {
    let request = VerifyAuditRequest { checkpoint: kept };
    let verified = cluster.transitions().verify_audit(request).await.unwrap();
    verified.into_inner()
}

async fn broken_at(cluster: &Cluster) -> Option<i64> {
    verify(cluster, None).await.broken_at
}

async fn checkpoint(cluster: &Cluster) -> Result<Checkpoint, Status> {
    let made = client(cluster)
        .create_checkpoint(CreateCheckpointRequest {})
        .await?;
    Ok(made.into_inner().checkpoint.unwrap())
}

async fn export(cluster: &Cluster, request: ExportAuditRequest) -> Vec<ExportAuditResponse> {
    let lines = client(cluster).export_audit(request).await.unwrap();
    lines.into_inner().try_collect().await.unwrap()
}

async fn run(cluster: &Cluster, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into()))
        .execute(cluster.database.pool())
        .await
        .unwrap();
}

/// What somebody with the database in their hands can do.
async fn unguard(cluster: &Cluster) {
    let sql = "ALTER TABLE registry.audit DISABLE TRIGGER USER; \
        ALTER TABLE registry.checkpoints DISABLE TRIGGER USER; \
        CREATE TABLE public.original AS TABLE registry.audit";
    run(cluster, sql).await;
}

async fn restore(cluster: &Cluster) {
    let sql = "TRUNCATE registry.audit; INSERT INTO registry.audit TABLE public.original";
    run(cluster, sql).await;
}

#[tokio::test]
async fn records_and_checkpoints_can_be_neither_changed_nor_removed() {
    let cluster = Cluster::start().await;
    checkpoint(&cluster).await.unwrap();
    for table in ["audit", "checkpoints"] {
        for change in [
            format!("UPDATE registry.{table} SET revision = 9"),
            format!("DELETE FROM registry.{table}"),
            format!("TRUNCATE registry.{table}"),
        ] {
            let refused = sqlx::raw_sql(AssertSqlSafe(change))
                .execute(cluster.database.pool())
                .await
                .unwrap_err();
            assert!(refused.to_string().contains("never changed"), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_change_of_any_column_and_byte_is_found() {
    let cluster = Cluster::start().await;
    for change in 0..5 {
        cluster.describe(&format!("change {change}")).await;
    }
    unguard(&cluster).await;
    assert_eq!(broken_at(&cluster).await, None);
    let flip = |column: &str, byte: usize| {
        format!("{column} = set_byte({column}, {byte}, get_byte({column}, {byte}) # 1)")
    };
    for revision in [1, 3, 6] {
        let length: i32 =
            sqlx::query_scalar("SELECT length(record) FROM registry.audit WHERE revision = $1")
                .bind(revision)
                .fetch_one(cluster.database.pool())
                .await
                .unwrap();
        let length = usize::try_from(length).unwrap();
        let mut changes: Vec<_> = (0..length).map(|byte| flip("record", byte)).collect();
        changes.extend((0..32).map(|byte| flip("hash", byte)));
        changes.extend(
            [
                "workspace_id = 2",
                "revision = revision + 10",
                "model = model || 'x'",
            ]
            .map(ToOwned::to_owned),
        );
        for change in changes {
            let sql = format!("UPDATE registry.audit SET {change} WHERE revision = {revision}");
            run(&cluster, sql).await;
            assert_eq!(broken_at(&cluster).await, Some(revision), "{change}");
            restore(&cluster).await;
        }
    }
    assert_eq!(broken_at(&cluster).await, None);
}

#[tokio::test]
async fn removed_and_reordered_records_are_found() {
    let cluster = Cluster::start().await;
    for change in 0..5 {
        cluster.describe(&format!("change {change}")).await;
    }
    unguard(&cluster).await;
    for (tampering, place) in [
        ("DELETE FROM registry.audit WHERE revision = 1", 1),
        ("DELETE FROM registry.audit WHERE revision = 4", 4),
        ("DELETE FROM registry.audit WHERE revision = 6", 6),
        ("TRUNCATE registry.audit", 1),
        (
            "UPDATE registry.audit SET record = o.record, hash = o.hash FROM public.original o \
             WHERE audit.revision IN (2, 3) AND o.revision = 5 - audit.revision",
            2,
        ),
    ] {
        run(&cluster, tampering).await;
        assert_eq!(broken_at(&cluster).await, Some(place), "{tampering}");
        restore(&cluster).await;
    }
}

/// Removes the newest two of five records, and makes the workspace look as if they had never been.
const TRUNCATE: &str = "DELETE FROM registry.audit WHERE revision > 3; \
    UPDATE registry.workspaces SET revision = 3, \
        hash = (SELECT hash FROM registry.audit WHERE revision = 3)";

#[tokio::test]
async fn a_checkpoint_betrays_that_the_newest_records_were_removed() {
    let cluster = Cluster::start().await;
    for change in 0..4 {
        cluster.describe(&format!("change {change}")).await;
    }
    let kept = checkpoint(&cluster).await.unwrap();
    assert_eq!(kept.revision, 5);
    assert_eq!(checkpoint(&cluster).await.unwrap(), kept);
    assert_eq!(verify(&cluster, Some(kept.clone())).await.broken_at, None);
    unguard(&cluster).await;
    run(&cluster, TRUNCATE).await;
    let found = verify(&cluster, None).await;
    assert_eq!(found.broken_at, Some(4));
    assert!(found.problem.contains("newest records were removed"));
    let refused = checkpoint(&cluster).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::FailedPrecondition, "AUDIT_BROKEN".into())
    );
    // Whoever removes the checkpoints here too has nothing against one that was kept elsewhere.
    run(&cluster, "DELETE FROM registry.checkpoints").await;
    assert_eq!(broken_at(&cluster).await, None);
    assert_eq!(verify(&cluster, Some(kept)).await.broken_at, Some(4));
}

#[tokio::test]
async fn a_checkpoint_betrays_a_log_that_was_written_anew() {
    let cluster = Cluster::start().await;
    for change in 0..4 {
        cluster.describe(&format!("change {change}")).await;
    }
    let kept = checkpoint(&cluster).await.unwrap();
    unguard(&cluster).await;
    run(&cluster, TRUNCATE).await;
    for change in 0..4 {
        cluster.describe(&format!("another {change}")).await;
    }
    let found = verify(&cluster, None).await;
    assert_eq!(found.broken_at, Some(5));
    assert!(
        found.problem.contains("another record"),
        "{}",
        found.problem
    );
    run(&cluster, "DELETE FROM registry.checkpoints").await;
    assert_eq!(broken_at(&cluster).await, None);
    assert_eq!(verify(&cluster, Some(kept)).await.broken_at, Some(5));
}

#[tokio::test]
async fn a_forged_checkpoint_is_not_believed() {
    let cluster = Cluster::start().await;
    let mut kept = checkpoint(&cluster).await.unwrap();
    kept.revision += 1;
    let request = VerifyAuditRequest {
        checkpoint: Some(kept),
    };
    let refused = cluster.transitions().verify_audit(request).await;
    assert_eq!(fields(&refused.unwrap_err()), ["checkpoint"]);
}

#[tokio::test]
async fn a_key_that_is_not_in_the_database_signs_where_it_is_given() {
    // RFC 8410, 10.3.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    let cluster = Cluster::start().await;
    let own = checkpoint(&cluster).await.unwrap();
    assert_ne!(own.public_key, PUBLIC);
    cluster.describe("changed").await;
    let key = AuditKey::from_pem(PEM).unwrap();
    let (channel, _replica) = cluster.replica_with(Some(key)).await;
    let made = AuditServiceClient::new(channel)
        .create_checkpoint(CreateCheckpointRequest {})
        .await;
    let made = made.unwrap().into_inner().checkpoint.unwrap();
    assert_eq!((made.revision, &*made.public_key), (2, PUBLIC));
    // A given one that is kept here too is compared once.
    let verified = verify(&cluster, Some(made)).await;
    assert_eq!((verified.broken_at, verified.checkpoints), (None, 2));
    assert!(AuditKey::from_pem("secret").is_err());
}

#[tokio::test]
async fn checkpoints_are_made_without_being_asked_for_and_listed() {
    let cluster = Cluster::start().await;
    let found = herdbook_testkit::wait_until("a checkpoint", async || {
        // A registry looks when it starts.
        let _replica = cluster.replica().await;
        let request = ListCheckpointsRequest::default();
        let listed = client(&cluster).list_checkpoints(request).await.unwrap();
        listed.into_inner().checkpoints.pop()
    })
    .await;
    assert_eq!(found.revision, 1);
}

#[tokio::test]
async fn an_export_of_a_time_is_verified_without_a_server() {
    let cluster = Cluster::start().await;
    let first = Kept::read(&checkpoint(&cluster).await.unwrap()).unwrap();
    for change in 0..9 {
        cluster.describe(&format!("change {change}")).await;
    }
    let all = export(&cluster, ExportAuditRequest::default()).await;
    let records: Vec<_> = all
        .iter()
        .map(|line| line.record.clone().unwrap())
        .collect();
    assert_eq!(records, cluster.audit().await);
    let part = ExportAuditRequest {
        since: records[3].at,
        until: records[7].at,
    };
    let part = export(&cluster, part).await;
    assert_eq!(part, all[3..7]);
    let broken = |lines: &[ExportAuditResponse]| {
        let mut verifier = Verifier::default();
        lines.iter().for_each(|line| verifier.take_line(line, None));
        verifier.broken.map(|(revision, _)| revision)
    };
    assert_eq!((broken(&all), broken(&part)), (None, None));
    // A checkpoint is compared with the hash before the first record too, and with nothing that is older.
    for (lines, compared, covers) in [(&all[1..], 1, Ok(())), (&part, 0, Err(3))] {
        let mut verifier = Verifier::default();
        lines
            .iter()
            .for_each(|line| verifier.take_line(line, Some(&first)));
        assert_eq!(verifier.broken, None);
        assert_eq!(
            (verifier.checkpoints, verifier.covers(&first)),
            (compared, covers)
        );
    }
    let mut changed = part.clone();
    changed[1].record.as_mut().unwrap().principal = "nobody".to_owned();
    assert_eq!(broken(&changed), Some(5));
    let mut without = all;
    without.remove(4);
    assert_eq!(broken(&without), Some(5));
}
