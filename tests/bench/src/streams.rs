//! A client that streams as fast as the server lets it.

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    LogMetricsRequest, MetricBatch, MetricTable, OpenWriter,
    log_metrics_request::Message as ClientMessage, log_metrics_response::Message as ServerMessage,
    metric_service_client::MetricServiceClient,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Metrics in each batch.
const KEYS: u32 = 10;
/// Batches on their way at once.
const AHEAD: usize = 64;

/// Streams `batches` of ten metrics by `rows`; the points acknowledged.
pub(crate) async fn stream(channel: Channel, run_id: String, batches: u64, rows: usize) -> u64 {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let open = OpenWriter {
            writer: 1,
            run_id,
            writer_id: "bench".into(),
            epoch: 1,
        };
        sender.send(ClientMessage::Open(open)).await.unwrap();
        for sequence in 1..=batches {
            if sender
                .send(ClientMessage::Batch(batch(sequence, rows)))
                .await
                .is_err()
            {
                return;
            }
        }
    });
    let messages = ReceiverStream::new(receiver).map(|message| LogMetricsRequest {
        message: Some(message),
    });
    let mut client = MetricServiceClient::new(channel);
    let mut answers = client.log_metrics(messages).await.unwrap().into_inner();
    let mut committed = 0;
    while committed < batches {
        match answers.next().await.unwrap().unwrap().message {
            Some(ServerMessage::Committed(answer)) => committed = answer.sequence,
            Some(ServerMessage::Refused(refused)) => panic!("{}", refused.message),
            Some(ServerMessage::Opened(_)) | None => {}
        }
    }
    batches * u64::from(KEYS) * rows as u64
}

/// A noisy loss that came from a float32, with a jitter of milliseconds in time.
fn batch(sequence: u64, rows: usize) -> MetricBatch {
    let noise = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let first = (sequence - 1) * rows as u64;
    let value = |n: u64| f64::from((1.0 / (n + 1) as f64 + noise(n) as f64 * 3e-9) as f32);
    let table = MetricTable {
        keys: (0..KEYS).collect(),
        first_step: i64::try_from(first).unwrap(),
        step_deltas: if rows > 1 { vec![1] } else { vec![] },
        first_time_us: i64::try_from(first * 20_000).unwrap(),
        time_deltas_us: (1..rows as u64)
            .map(|n| 20_000 + i64::try_from(noise(first + n) % 3).unwrap() * 1_000)
            .collect(),
        values: (0..u64::from(KEYS))
            .flat_map(|key| (0..rows as u64).map(move |row| value(first + row + key * 7)))
            .collect(),
    };
    let keys = (0..KEYS).map(|key| (key, format!("metric-{key}")));
    let keys = if sequence == 1 {
        keys.collect()
    } else {
        Default::default()
    };
    MetricBatch {
        writer: 1,
        sequence,
        keys,
        tables: vec![table],
    }
}
