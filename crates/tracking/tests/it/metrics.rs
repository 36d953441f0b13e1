//! Metric streams: exactly once, whatever is sent.

use herdbook_proto::tracking::v1::{
    DeleteRunRequest, MetricBatch, MetricTable, ReadMetricsRequest,
    log_metrics_request::Message as ClientMessage, log_metrics_response::Message as ServerMessage,
};
use herdbook_testkit::{grpc::elsewhere, wait_until};
use tonic::Code;

use crate::{
    cluster::Cluster,
    stream::{Stream, batch, opened, points, run},
};

#[tokio::test]
async fn a_cut_stream_resumes_where_it_was() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    assert_eq!(stream.writer(1, &run, "w", 5).await, opened(0));
    for n in 1..=3 {
        stream.send(batch(1, n, &[(n as i64, n as f64)])).await;
    }
    stream.committed(1, 3).await;
    drop(stream);

    let mut stream = Stream::open(&cluster).await;
    assert_eq!(stream.writer(1, &run, "w", 5).await, opened(3));
    // Sent again from an earlier one on: acknowledged, not applied.
    for n in 2..=5 {
        stream.send(batch(1, n, &[(n as i64, n as f64)])).await;
    }
    stream.committed(1, 3).await;
    stream.committed(1, 3).await;
    stream.committed(1, 5).await;
    let expected: Vec<_> = (1..=5).map(|n| (n, n as f64)).collect();
    assert_eq!(points(&cluster, &run).await, expected);
    assert_eq!(cluster.run(&run).await.metrics[0].count, 5);
}

#[tokio::test]
async fn batches_that_still_wait_and_come_again_on_another_stream_count_once() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let pool = cluster.database.pool();
    let mut held = herdbook_postgres::begin(pool).await.unwrap();
    sqlx::query("SELECT FROM tracking.run_heads FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    let mut cut = Stream::open(&cluster).await;
    cut.writer(1, &run, "w", 1).await;
    for n in 1..=3 {
        cut.send(batch(1, n, &[(n as i64, n as f64)])).await;
    }
    wait_until("the commit waits for the run", async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        (waiting > 0).then_some(())
    })
    .await;
    let mut again = Stream::open(&cluster).await;
    assert_eq!(again.writer(1, &run, "w", 1).await, opened(0));
    for n in 1..=5 {
        again.send(batch(1, n, &[(n as i64, n as f64)])).await;
    }
    held.rollback().await.unwrap();
    again.committed(1, 5).await;
    let expected: Vec<_> = (1..=5).map(|n| (n, n as f64)).collect();
    assert_eq!(points(&cluster, &run).await, expected);
    assert_eq!(cluster.run(&run).await.metrics[0].count, 5);
}

#[tokio::test]
async fn an_empty_batch_moves_its_writer_and_adds_nothing() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &run, "w", 1).await;
    stream.send(batch(1, 1, &[])).await;
    stream.committed(1, 1).await;
    assert!(cluster.run(&run).await.metrics.is_empty());
    stream.send(batch(1, 2, &[(7, 0.5)])).await;
    stream.committed(1, 2).await;
    assert_eq!(points(&cluster, &run).await, [(7, 0.5)]);
}

#[tokio::test]
async fn every_value_and_step_is_kept_as_it_was() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let odd = [
        (5, f64::NAN),
        (5, f64::INFINITY),
        (-3, f64::NEG_INFINITY),
        (i64::MAX, -0.0),
        (i64::MIN, f64::MIN_POSITIVE),
        (0, 1e308),
    ];
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &run, "w", 1).await;
    stream.send(batch(1, 1, &odd)).await;
    stream.committed(1, 1).await;
    let bits = |points: &[(i64, f64)]| -> Vec<(i64, u64)> {
        points
            .iter()
            .map(|(step, value)| (*step, value.to_bits()))
            .collect()
    };
    assert_eq!(bits(&points(&cluster, &run).await), bits(&odd));
    let metric = &cluster.run(&run).await.metrics[0];
    assert_eq!((metric.latest_step, metric.count), (i64::MAX, 6));
    assert_eq!((metric.min, metric.max), (Some(-0.0), Some(1e308)));
}

#[tokio::test]
async fn a_gap_is_refused_with_the_number_expected_and_others_go_on() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &run, "w", 1).await;
    stream.writer(2, &run, "v", 1).await;
    stream.send(batch(1, 2, &[(1, 1.0)])).await;
    let refused = stream.refused().await;
    assert_eq!(
        (refused.code, &*refused.reason),
        (Code::OutOfRange as i32, "SEQUENCE_GAP")
    );
    assert_eq!(refused.expected_sequence, 1);
    stream.send(batch(2, 1, &[(1, 1.0)])).await;
    stream.committed(2, 1).await;
    assert_eq!(stream.writer(1, &run, "w", 1).await, opened(0));
    stream.send(batch(1, 1, &[(1, 1.0)])).await;
    stream.committed(1, 1).await;
}

#[tokio::test]
async fn a_newer_process_fences_the_older() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut old = Stream::open(&cluster).await;
    old.writer(1, &run, "w", 1).await;
    old.send(batch(1, 1, &[(1, 1.0)])).await;
    old.committed(1, 1).await;
    let mut new = Stream::open(&cluster).await;
    assert_eq!(new.writer(1, &run, "w", 2).await, opened(1));
    old.send(batch(1, 2, &[(2, 2.0)])).await;
    let refused = old.refused().await;
    assert_eq!(
        (refused.code, &*refused.reason),
        (Code::Aborted as i32, "WRITER_FENCED")
    );
    let ServerMessage::Refused(refused) = old.writer(1, &run, "w", 1).await else {
        panic!()
    };
    assert_eq!(refused.reason, "WRITER_FENCED");
    new.send(batch(1, 2, &[(2, 3.0)])).await;
    new.committed(1, 2).await;
    assert_eq!(points(&cluster, &run).await, [(1, 1.0), (2, 3.0)]);
}

#[tokio::test]
async fn a_deleted_or_foreign_run_takes_no_points() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &run, "w", 1).await;
    cluster
        .runs()
        .delete_run(DeleteRunRequest {
            run_id: run.clone(),
        })
        .await
        .unwrap();
    stream.send(batch(1, 1, &[(1, 1.0)])).await;
    assert_eq!(stream.refused().await.reason, "RUN_DELETED");
    let ServerMessage::Refused(refused) = stream.writer(2, "nope", "w", 1).await else {
        panic!()
    };
    assert_eq!(
        (refused.code, &*refused.reason),
        (Code::NotFound as i32, "RUN_NOT_FOUND")
    );
    let request = elsewhere(ReadMetricsRequest {
        run_id: run,
        ..Default::default()
    });
    let refused = cluster
        .metrics()
        .read_metrics(request)
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn malformed_and_oversized_batches_are_refused_with_what_is_wrong() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let table = |keys: Vec<u32>, values: usize, step_deltas: Vec<i64>| MetricTable {
        keys,
        step_deltas,
        time_deltas_us: vec![1],
        values: vec![1.0; values],
        ..Default::default()
    };
    let cases = [
        (table(vec![7], 1, vec![]), "INVALID_BATCH", "key number 7"),
        (
            table(vec![1, 1], 3, vec![]),
            "INVALID_BATCH",
            "3 values for 2 keys",
        ),
        (
            table(vec![1], 4, vec![1, 1]),
            "INVALID_BATCH",
            "step_deltas has 2 entries for 4 rows",
        ),
        (
            table(vec![1], 1_000_001, vec![1]),
            "BATCH_TOO_LARGE",
            "at most 1000000 points",
        ),
    ];
    let mut stream = Stream::open(&cluster).await;
    for (table, reason, says) in cases {
        stream.writer(1, &run, "w", 1).await;
        let keys = [(1, "loss".to_owned())].into();
        let batch = MetricBatch {
            writer: 1,
            sequence: 1,
            keys,
            tables: vec![table],
        };
        stream.send(ClientMessage::Batch(batch)).await;
        let refused = stream.refused().await;
        assert_eq!(refused.reason, reason);
        assert!(refused.message.contains(says), "{}", refused.message);
    }
    assert!(points(&cluster, &run).await.is_empty());
}

#[tokio::test]
async fn many_writers_of_many_runs_share_a_stream() {
    let cluster = Cluster::start().await;
    let runs = [run(&cluster).await, run(&cluster).await];
    let mut stream = Stream::open(&cluster).await;
    for number in 0..20 {
        let run = &runs[number as usize % 2];
        stream.writer(number, run, &format!("w{number}"), 1).await;
    }
    for sequence in 1..=10 {
        for number in 0..20 {
            stream
                .send(batch(number, sequence, &[(sequence as i64, 1.0)]))
                .await;
        }
    }
    let mut done = [0; 20];
    while done.iter().any(|last| *last < 10) {
        let ServerMessage::Committed(committed) = stream.next().await else {
            panic!()
        };
        done[committed.writer as usize] = committed.sequence;
    }
    for run in &runs {
        assert_eq!(cluster.run(run).await.metrics[0].count, 100);
    }
}
