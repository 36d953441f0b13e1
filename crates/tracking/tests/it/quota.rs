//! Quotas: what does not fit is refused and loses nothing, what is purged makes room.

use herdbook_proto::tracking::v1::{
    CreateRunRequest, DeleteRunRequest, GetUsageRequest, LogBatchRequest, LogValuesRequest, Metric,
    PurgeRunRequest, Quota, Text, UpdateQuotaRequest, Usage, Value, log_metrics_response::Message,
    value::Kind,
};
use herdbook_testkit::{
    grpc::{elsewhere, fields, quotas, reason},
    wait_until,
};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::{
    artifacts::{header, upload},
    cluster::Cluster,
    stream::{Stream, batch},
};

async fn set(cluster: &Cluster, quota: Quota, paths: &[&str]) -> Result<Quota, Status> {
    let request = UpdateQuotaRequest {
        quota: Some(quota),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
    };
    let changed = cluster.quotas().update_quota(request).await?;
    Ok(changed.into_inner().quota.unwrap())
}

async fn usage(cluster: &Cluster) -> Usage {
    let found = cluster.quotas().get_usage(GetUsageRequest {}).await;
    found.unwrap().into_inner().usage.unwrap()
}

fn points(limit: i64) -> Quota {
    Quota {
        points: Some(limit),
        ..Quota::default()
    }
}

fn log(run_id: &str, count: i64, request_id: &str) -> LogBatchRequest {
    let metric = |step| Metric {
        key: "loss".to_owned(),
        step,
        value: 1.0,
        time_us: Some(step),
    };
    LogBatchRequest {
        run_id: run_id.to_owned(),
        metrics: (0..count).map(metric).collect(),
        request_id: request_id.to_owned(),
        ..Default::default()
    }
}

/// A batch of ten points.
fn ten(sequence: u64) -> herdbook_proto::tracking::v1::log_metrics_request::Message {
    batch(0, sequence, &[(1, 0.5); 10])
}

fn exceeded(status: &Status) -> Vec<String> {
    assert_eq!(
        reason(status),
        (Code::ResourceExhausted, "QUOTA_EXCEEDED".into()),
        "{status}"
    );
    quotas(status)
}

#[tokio::test]
async fn runs_are_refused_beyond_the_quota_until_one_is_purged() {
    let cluster = Cluster::start().await;
    let two = Quota {
        runs: Some(2),
        ..Quota::default()
    };
    assert_eq!(set(&cluster, two, &["runs"]).await.unwrap(), two);
    let named = |request_id: &str| CreateRunRequest {
        request_id: request_id.to_owned(),
        ..Default::default()
    };
    let first = cluster.create_run(named("one")).await;
    cluster.create_run(named("two")).await;
    let refused = cluster.runs().create_run(named("three")).await.unwrap_err();
    assert_eq!(exceeded(&refused), ["runs"]);
    // What was done already is not refused.
    assert_eq!(cluster.create_run(named("one")).await.id, first.id);

    let run_id = first.id;
    let delete = DeleteRunRequest {
        run_id: run_id.clone(),
    };
    cluster.runs().delete_run(delete).await.unwrap();
    let refused = cluster.runs().create_run(named("three")).await.unwrap_err();
    assert_eq!(exceeded(&refused), ["runs"]);
    let purge = PurgeRunRequest { run_id };
    cluster.runs().purge_run(purge).await.unwrap();
    wait_until("there is room again", async || {
        cluster.runs().create_run(named("three")).await.ok()
    })
    .await;
    assert_eq!(usage(&cluster).await.runs, 2);
}

#[tokio::test]
async fn a_call_is_taken_whole_or_not_at_all() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    set(&cluster, points(10), &["points"]).await.unwrap();
    let mut runs = cluster.runs();
    runs.log_batch(log(&run.id, 8, "first")).await.unwrap();
    let refused = runs.log_batch(log(&run.id, 3, "second")).await.unwrap_err();
    assert_eq!(exceeded(&refused), ["points"]);
    let with_a_tag = LogBatchRequest {
        tags: [("a".to_owned(), "b".to_owned())].into(),
        ..log(&run.id, 3, "third")
    };
    let refused = runs.log_batch(with_a_tag).await.unwrap_err();
    assert_eq!(exceeded(&refused), ["points"]);
    assert!(cluster.run(&run.id).await.tags.is_empty());
    runs.log_batch(log(&run.id, 8, "first")).await.unwrap();
    runs.log_batch(log(&run.id, 2, "fourth")).await.unwrap();
    assert_eq!(usage(&cluster).await.points, 10);
    // Another workspace has its own.
    let there = elsewhere(CreateRunRequest::default());
    let other = runs.create_run(there).await.unwrap().into_inner();
    let log = elsewhere(log(&other.run.unwrap().id, 100, ""));
    runs.log_batch(log).await.unwrap();
}

#[tokio::test]
async fn a_stream_is_refused_and_goes_on_where_it_was_once_there_is_room() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    set(&cluster, points(25), &["points"]).await.unwrap();
    let mut stream = Stream::open(&cluster).await;
    stream.writer(0, &run.id, "w", 1).await;
    for sequence in 1..=3 {
        stream.send(ten(sequence)).await;
    }
    // Refused at once; what was taken before is answered in its time.
    let mut committed = 0;
    let mut refused = None;
    while committed < 2 || refused.is_none() {
        match stream.next().await {
            Message::Committed(batches) => committed = batches.sequence,
            Message::Refused(answer) => refused = Some(answer),
            Message::Opened(opened) => panic!("{opened:?}"),
        }
    }
    let refused = refused.unwrap();
    assert_eq!(
        (refused.code, refused.reason.as_str(), refused.sequence),
        (Code::ResourceExhausted as i32, "QUOTA_EXCEEDED", 3)
    );
    assert_eq!((committed, usage(&cluster).await.points), (2, 20));

    set(&cluster, points(30), &["points"]).await.unwrap();
    match stream.writer(0, &run.id, "w", 1).await {
        Message::Opened(opened) => assert_eq!(opened.sequence, 2),
        other => panic!("{other:?}"),
    }
    stream.send(ten(3)).await;
    stream.committed(0, 3).await;
    assert_eq!(usage(&cluster).await.points, 30);
}

#[tokio::test]
async fn eight_writers_at_once_stay_within_the_quota() {
    let cluster = std::sync::Arc::new(Cluster::start().await);
    set(&cluster, points(100), &["points"]).await.unwrap();
    let run = cluster.create_run(CreateRunRequest::default()).await;
    // All figures of the process are known before they start, so that none is read in their midst.
    cluster.runs().log_batch(log(&run.id, 1, "")).await.unwrap();
    let tasks = (0..8).map(|_| {
        let (cluster, id) = (cluster.clone(), run.id.clone());
        tokio::spawn(async move {
            let mut taken = 0;
            for _ in 0..10 {
                taken += i64::from(cluster.runs().log_batch(log(&id, 3, "")).await.is_ok());
            }
            taken
        })
    });
    let mut taken = 0;
    for task in tasks.collect::<Vec<_>>() {
        taken += task.await.unwrap();
    }
    let points = usage(&cluster).await.points;
    assert_eq!(points, 1 + 3 * taken);
    // What is on its way when the figures are read anew is not among them: one call of each writer.
    assert!((98..=100 + 8 * 3).contains(&points), "{points}");
}

#[tokio::test]
async fn bytes_of_points_values_and_files_count_and_come_back() {
    let cluster = Cluster::start().await;
    let run = cluster.create_run(CreateRunRequest::default()).await;
    let file = [7; 1_000];
    upload(&cluster, header(&run.id, "a"), &file).await.unwrap();
    upload(&cluster, header(&run.id, "b"), &file).await.unwrap();
    assert_eq!(usage(&cluster).await.bytes, 2_000);
    upload(&cluster, header(&run.id, "b"), &file[..500])
        .await
        .unwrap();
    assert_eq!(usage(&cluster).await.bytes, 1_500);
    let text = |text: &str| LogValuesRequest {
        run_id: run.id.clone(),
        values: vec![Value {
            key: "notes".to_owned(),
            kind: Some(Kind::Text(Text {
                text: text.to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        }],
        ..Default::default()
    };
    cluster
        .values()
        .log_values(text(&"x".repeat(300)))
        .await
        .unwrap();
    let with_text = usage(&cluster).await.bytes;
    assert!((1_800..1_900).contains(&with_text), "{with_text}");
    let short = LogValuesRequest {
        request_id: "short".to_owned(),
        ..text("short")
    };
    cluster.values().log_values(short.clone()).await.unwrap();
    let with_less = usage(&cluster).await.bytes;
    assert!(with_less < with_text - 250, "{with_less}");
    cluster
        .runs()
        .log_batch(log(&run.id, 1_000, ""))
        .await
        .unwrap();
    let all = usage(&cluster).await;
    assert!(all.bytes > with_less && all.points == 1_000, "{all:?}");

    let bytes = Quota {
        bytes: Some(all.bytes + 100),
        ..Quota::default()
    };
    set(&cluster, bytes, &["bytes"]).await.unwrap();
    let refused = upload(&cluster, header(&run.id, "c"), &file)
        .await
        .unwrap_err();
    assert_eq!(exceeded(&refused), ["bytes"]);
    let long = text(&"x".repeat(300));
    let refused = cluster.values().log_values(long).await.unwrap_err();
    assert_eq!(exceeded(&refused), ["bytes"]);
    set(
        &cluster,
        Quota {
            bytes: Some(0),
            ..Quota::default()
        },
        &["bytes"],
    )
    .await
    .unwrap();
    cluster.values().log_values(short.clone()).await.unwrap();
    let other = LogValuesRequest {
        request_id: "other".to_owned(),
        ..short
    };
    let refused = cluster.values().log_values(other).await.unwrap_err();
    assert_eq!(exceeded(&refused), ["bytes"]);
    assert_eq!(usage(&cluster).await, all);

    let run_id = run.id.clone();
    let delete = DeleteRunRequest {
        run_id: run_id.clone(),
    };
    cluster.runs().delete_run(delete).await.unwrap();
    cluster
        .runs()
        .purge_run(PurgeRunRequest { run_id })
        .await
        .unwrap();
    assert_eq!(usage(&cluster).await, Usage::default());
}

#[tokio::test]
async fn quotas_are_changed_one_by_one_and_checked() {
    let cluster = Cluster::start().await;
    let both = Quota {
        runs: Some(5),
        points: Some(7),
        ..Quota::default()
    };
    set(&cluster, both, &["runs", "points"]).await.unwrap();
    let left = set(&cluster, Quota::default(), &["points"]).await.unwrap();
    let runs = Quota {
        runs: Some(5),
        ..Quota::default()
    };
    assert_eq!(left, runs);
    let refused = set(&cluster, points(-1), &["points"]).await.unwrap_err();
    assert_eq!(fields(&refused), ["quota.points"]);
    let refused = set(&cluster, points(1), &[]).await.unwrap_err();
    assert_eq!(fields(&refused), ["update_mask"]);
    let found = cluster.quotas().get_usage(GetUsageRequest {}).await;
    let found = found.unwrap().into_inner();
    assert_eq!((found.quota, found.own), (Some(runs), Some(runs)));
}
