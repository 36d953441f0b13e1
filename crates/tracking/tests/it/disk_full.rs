//! A full disk is named, keeps nothing by halves, and is forgotten once there is room.
//!
//! Triggers fail as Postgres does when it cannot extend a table (SQLSTATE 53100).

use herdbook_proto::tracking::v1::{
    CreateRunRequest, LogBatchRequest, Metric, log_metrics_response::Message,
};
use herdbook_testkit::grpc::reason;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::{
    cluster::Cluster,
    stream::{Stream, batch, points, run},
};

const TABLES: [&str; 5] = [
    "metric_blocks_0",
    "metric_blocks_1",
    "metric_blocks_2",
    "metric_blocks_3",
    "runs",
];

async fn execute(pool: &PgPool, statements: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements))
        .execute(pool)
        .await
        .unwrap();
}

async fn fill(pool: &PgPool) {
    let triggers = TABLES.map(|table| {
        format!(
            "CREATE TRIGGER no_room BEFORE INSERT ON tracking.{table} \
             FOR EACH ROW EXECUTE FUNCTION tracking.no_room();"
        )
    });
    let function = "CREATE FUNCTION tracking.no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; \
        END $$;";
    execute(pool, format!("{function} {}", triggers.concat())).await;
}

async fn make_room(pool: &PgPool) {
    execute(pool, "DROP FUNCTION tracking.no_room() CASCADE".to_owned()).await;
}

fn full(status: &Status) {
    assert_eq!(
        reason(status),
        (Code::Unavailable, "DATABASE_FULL".into()),
        "{status}"
    );
}

#[tokio::test]
async fn calls_are_told_and_may_be_made_again() {
    let cluster = Cluster::start().await;
    let id = run(&cluster).await;
    let request = LogBatchRequest {
        run_id: id.clone(),
        metrics: vec![Metric {
            key: "loss".to_owned(),
            value: 0.5,
            step: 1,
            time_us: Some(1),
        }],
        request_id: "once".to_owned(),
        ..Default::default()
    };
    let with_a_tag = LogBatchRequest {
        tags: [("a".to_owned(), "b".to_owned())].into(),
        request_id: "other".to_owned(),
        ..request.clone()
    };
    fill(cluster.database.pool()).await;
    full(&cluster.log(request.clone()).await.unwrap_err());
    full(&cluster.log(with_a_tag.clone()).await.unwrap_err());
    let create = CreateRunRequest::default();
    full(&cluster.runs().create_run(create).await.unwrap_err());
    let run = cluster.run(&id).await;
    assert!(run.tags.is_empty() && run.metrics.is_empty());

    make_room(cluster.database.pool()).await;
    for request in [request, with_a_tag] {
        cluster.log(request.clone()).await.unwrap();
        cluster.log(request).await.unwrap();
    }
    assert_eq!(points(&cluster, &id).await, [(1, 0.5), (1, 0.5)]);
    cluster.create_run(CreateRunRequest::default()).await;
}

#[tokio::test]
async fn streams_are_told_and_go_on_from_what_was_acknowledged() {
    let cluster = Cluster::start().await;
    let id = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &id, "w", 1).await;
    stream.send(batch(1, 1, &[(1, 1.0)])).await;
    stream.committed(1, 1).await;
    fill(cluster.database.pool()).await;
    stream.send(batch(1, 2, &[(2, 2.0)])).await;
    let refused = stream.refused().await;
    assert_eq!(
        (refused.code, refused.reason.as_str(), refused.sequence),
        (Code::Unavailable as i32, "DATABASE_FULL", 2)
    );

    make_room(cluster.database.pool()).await;
    match stream.writer(1, &id, "w", 1).await {
        Message::Opened(opened) => assert_eq!(opened.sequence, 1),
        other => panic!("{other:?}"),
    }
    stream.send(batch(1, 2, &[(2, 2.0)])).await;
    stream.committed(1, 2).await;
    assert_eq!(points(&cluster, &id).await, [(1, 1.0), (2, 2.0)]);
}
