//! How soon a live tail shows what is logged, and what open streams cost.

use std::time::Instant;

use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_proto::tracking::v1::{
    LogBatchRequest, LogMetricsRequest, Metric, OpenWriter, WatchMetricsRequest, WatchedRun,
    log_metrics_request::Message as ClientMessage, metric_service_client::MetricServiceClient,
    run_service_client::RunServiceClient,
};
use tonic::{Streaming, transport::Channel};

/// Milliseconds from the call that logs a point to the moment in which a tail shows it: the median, and
/// the 99th of a hundred, of `points` points.
pub(crate) async fn tail(
    watcher: Channel,
    logger: Channel,
    run_id: String,
    points: usize,
) -> (f64, f64) {
    let request = WatchMetricsRequest {
        runs: vec![WatchedRun {
            run_id: run_id.clone(),
            after: Some(0),
        }],
        keys: Vec::new(),
    };
    let mut client = MetricServiceClient::new(watcher);
    let mut seen = client.watch_metrics(request).await.unwrap().into_inner();
    let mut runs = RunServiceClient::new(logger);
    let mut delays = Vec::with_capacity(points);
    for step in 0..i64::try_from(points).unwrap() {
        let metric = Metric {
            key: "loss".into(),
            value: 0.5,
            step,
            time_us: None,
        };
        let log = LogBatchRequest {
            run_id: run_id.clone(),
            metrics: vec![metric],
            ..Default::default()
        };
        let start = Instant::now();
        let shown = async {
            loop {
                let message = seen.next().await.unwrap().unwrap();
                if message
                    .points
                    .is_some_and(|points| points.steps.contains(&step))
                {
                    return start.elapsed().as_secs_f64() * 1e3;
                }
            }
        };
        let (logged, delay) = tokio::join!(runs.log_batch(log), shown);
        logged.unwrap();
        delays.push(delay);
    }
    delays.sort_by(f64::total_cmp);
    (delays[points / 2], delays[points * 99 / 100])
}

/// Streams with a writer each, which stay open for as long as they are held.
pub(crate) type Open = Vec<Streaming<herdbook_proto::tracking::v1::LogMetricsResponse>>;

/// Opens a stream with a writer for each of `runs`, over the channels in turn.
pub(crate) async fn open(channels: &[Channel], runs: Vec<String>) -> Open {
    let opening: FuturesUnordered<_> = runs
        .into_iter()
        .enumerate()
        .map(|(n, run_id)| {
            let mut client = MetricServiceClient::new(channels[n % channels.len()].clone());
            async move {
                let open = OpenWriter {
                    writer: 1,
                    run_id,
                    writer_id: "bench".into(),
                    epoch: 1,
                };
                let message = LogMetricsRequest {
                    message: Some(ClientMessage::Open(open)),
                };
                let messages = futures::stream::iter([message]).chain(futures::stream::pending());
                let mut answers = client.log_metrics(messages).await.unwrap().into_inner();
                answers.next().await.unwrap().unwrap();
                answers
            }
        })
        .collect();
    opening.collect().await
}
