//! As much as a run may have.

use herdbook_proto::tracking::v1::{
    CurveAxis, GetCurvesRequest, MetricBatch, MetricTable,
    log_metrics_request::Message as ClientMessage,
};

use crate::{
    cluster::Cluster,
    stream::{Stream, points, run},
};

#[tokio::test]
async fn ten_thousand_keys_fit_into_a_run() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &run, "w", 1).await;
    let keys = (0..10_000).map(|n| (n, format!("layer/{n}/ünï"))).collect();
    let table = MetricTable {
        keys: (0..10_000).collect(),
        values: vec![0.5; 10_000],
        ..Default::default()
    };
    let batch = MetricBatch {
        writer: 1,
        sequence: 1,
        keys,
        tables: vec![table],
    };
    stream.send(ClientMessage::Batch(batch)).await;
    stream.committed(1, 1).await;
    assert_eq!(cluster.run(&run).await.metrics.len(), 10_000);
}

/// A name as long as they may be, of letters that take two bytes.
fn longest_key() -> String {
    "é".repeat(250)
}

#[tokio::test]
async fn a_million_steps_of_one_metric_come_on_one_stream_while_the_clock_runs_backwards() {
    const BATCHES: i64 = 100;
    const ROWS: i64 = 10_000;
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &run, "w", 1).await;
    for number in 0..BATCHES {
        let first = number * ROWS;
        let table = MetricTable {
            keys: vec![1],
            first_step: first,
            step_deltas: vec![1],
            first_time_us: -first,
            time_deltas_us: vec![-1; usize::try_from(ROWS - 1).unwrap()],
            values: (first..first + ROWS).map(|step| step as f64).collect(),
        };
        let batch = MetricBatch {
            writer: 1,
            sequence: u64::try_from(number + 1).unwrap(),
            keys: [(1, longest_key())].into(),
            tables: vec![table],
        };
        stream.send(ClientMessage::Batch(batch)).await;
    }
    stream.committed(1, BATCHES.unsigned_abs()).await;
    let expected: Vec<_> = (0..BATCHES * ROWS)
        .map(|step| (step, step as f64))
        .collect();
    assert!(points(&cluster, &run).await == expected);
    let metric = cluster.run(&run).await.metrics.remove(0);
    assert_eq!((metric.key, metric.count), (longest_key(), BATCHES * ROWS));
    assert_eq!(metric.latest_step, BATCHES * ROWS - 1);

    let request = GetCurvesRequest {
        run_ids: vec![run.clone()],
        keys: vec![longest_key()],
        axis: CurveAxis::WallTime.into(),
        buckets: 320,
        ..Default::default()
    };
    let curves = cluster.metrics().get_curves(request).await.unwrap();
    let curve = curves.into_inner().curves.remove(0);
    assert_eq!(
        curve.count.iter().sum::<u64>(),
        (BATCHES * ROWS).unsigned_abs()
    );
}
