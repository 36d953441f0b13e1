//! Metric streams: exactly once, whatever is sent; and curves that hide nothing.

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    BatchesCommitted, CreateRunRequest, Curve, CurveAxis, DeleteRunRequest, GetCurvesRequest,
    LogMetricsRequest, MetricBatch, MetricTable, OpenWriter, ReadMetricsRequest, WriterOpened,
    WriterRefused, log_metrics_request::Message as ClientMessage,
    log_metrics_response::Message as ServerMessage,
};
use herdbook_testkit::{
    grpc::{elsewhere, fields},
    wait_until,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use crate::cluster::Cluster;

/// A stream by hand.
struct Stream {
    sender: mpsc::Sender<LogMetricsRequest>,
    answers: Streaming<herdbook_proto::tracking::v1::LogMetricsResponse>,
}

impl Stream {
    async fn open(cluster: &Cluster) -> Self {
        let (sender, receiver) = mpsc::channel(64);
        let answers = cluster
            .metrics()
            .log_metrics(ReceiverStream::new(receiver))
            .await
            .unwrap();
        Self {
            sender,
            answers: answers.into_inner(),
        }
    }

    async fn send(&self, message: ClientMessage) {
        self.sender
            .send(LogMetricsRequest {
                message: Some(message),
            })
            .await
            .unwrap();
    }

    async fn next(&mut self) -> ServerMessage {
        self.answers.next().await.unwrap().unwrap().message.unwrap()
    }

    async fn writer(&mut self, number: u32, run: &str, id: &str, epoch: u64) -> ServerMessage {
        let (run_id, writer_id) = (run.to_owned(), id.to_owned());
        self.send(ClientMessage::Open(OpenWriter {
            writer: number,
            run_id,
            writer_id,
            epoch,
        }))
        .await;
        self.next().await
    }

    /// Waits until a writer's batches up to `sequence` are committed.
    async fn committed(&mut self, writer: u32, sequence: u64) {
        loop {
            match self.next().await {
                ServerMessage::Committed(BatchesCommitted {
                    writer: w,
                    sequence: s,
                    ..
                }) if w == writer => {
                    if s == sequence {
                        return;
                    }
                    assert!(s < sequence);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn refused(&mut self) -> WriterRefused {
        match self.next().await {
            ServerMessage::Refused(refused) => refused,
            other => panic!("{other:?}"),
        }
    }
}

fn opened(sequence: u64) -> ServerMessage {
    ServerMessage::Opened(WriterOpened {
        writer: 1,
        sequence,
        stop_requested: false,
    })
}

/// Points of `loss`, at these steps.
fn batch(writer: u32, sequence: u64, points: &[(i64, f64)]) -> ClientMessage {
    let steps: Vec<i64> = points.iter().map(|(step, _)| *step).collect();
    let deltas = steps
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    let table = MetricTable {
        keys: vec![1],
        first_step: steps.first().copied().unwrap_or_default(),
        step_deltas: deltas,
        first_time_us: 1_000,
        time_deltas_us: vec![10; points.len().saturating_sub(1)],
        values: points.iter().map(|(_, value)| *value).collect(),
    };
    ClientMessage::Batch(MetricBatch {
        writer,
        sequence,
        keys: [(1, "loss".to_owned())].into(),
        tables: vec![table],
    })
}

async fn points(cluster: &Cluster, run: &str) -> Vec<(i64, f64)> {
    let request = ReadMetricsRequest {
        run_id: run.to_owned(),
        ..Default::default()
    };
    let mut chunks = cluster
        .metrics()
        .read_metrics(request)
        .await
        .unwrap()
        .into_inner();
    let mut points = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.unwrap();
        points.extend(chunk.steps.into_iter().zip(chunk.values));
    }
    points
}

async fn run(cluster: &Cluster) -> String {
    cluster.create_run(CreateRunRequest::default()).await.id
}

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
    let mut held = pool.begin().await.unwrap();
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

#[tokio::test]
async fn curves_keep_ends_and_spikes_on_each_axis() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let mut stream = Stream::open(&cluster).await;
    stream.writer(1, &run, "w", 1).await;
    let mut values: Vec<(i64, f64)> = (0..1_000).map(|step| (step, 1.0)).collect();
    values[501].1 = 50.0;
    for (n, part) in values.chunks(100).enumerate() {
        stream.send(batch(1, n as u64 + 1, part)).await;
    }
    stream.committed(1, 10).await;
    let ask = async |axis: CurveAxis, min_x, max_x| -> Vec<Curve> {
        let request = GetCurvesRequest {
            run_ids: vec![run.clone()],
            keys: vec!["loss".to_owned(), "unknown".to_owned()],
            buckets: 20,
            axis: axis.into(),
            min_x,
            max_x,
            ..Default::default()
        };
        cluster
            .metrics()
            .get_curves(request)
            .await
            .unwrap()
            .into_inner()
            .curves
    };
    let curves = ask(CurveAxis::Step, None, None).await;
    let [curve] = &curves[..] else {
        panic!("{curves:?}")
    };
    assert_eq!((curve.first_x[0], *curve.last_x.last().unwrap()), (0, 999));
    assert_eq!(curve.max.iter().copied().fold(0.0, f64::max), 50.0);
    assert_eq!(curve.count.iter().sum::<u64>(), 1_000);
    let part = &ask(CurveAxis::Step, Some(500), Some(502)).await[0];
    assert_eq!(
        (part.first_x.clone(), part.max.clone()),
        (vec![500, 501, 502], vec![1.0, 50.0, 1.0])
    );
    // Ten batches, each from time 1,000 on in steps of 10.
    let wall = &ask(CurveAxis::WallTime, None, None).await[0];
    assert_eq!(
        (wall.first_x[0], *wall.last_x.last().unwrap()),
        (1_000, 1_990)
    );
    let relative = &ask(CurveAxis::RelativeTime, None, None).await[0];
    assert_eq!(
        (relative.first_x[0], *relative.last_x.last().unwrap()),
        (0, 990)
    );
}

#[tokio::test]
async fn questions_about_curves_have_limits() {
    let cluster = Cluster::start().await;
    let run = run(&cluster).await;
    let request = GetCurvesRequest {
        run_ids: vec![run.clone()],
        ..Default::default()
    };
    assert_eq!(
        fields(&cluster.metrics().get_curves(request).await.unwrap_err()),
        ["keys"]
    );
    let keys = vec!["loss".to_owned()];
    let request = GetCurvesRequest {
        run_ids: vec![run],
        keys,
        buckets: 10_001,
        ..Default::default()
    };
    assert_eq!(
        fields(&cluster.metrics().get_curves(request).await.unwrap_err()),
        ["buckets"]
    );
}
