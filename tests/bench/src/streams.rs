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

/// What the points are like.
#[derive(Clone, Copy)]
pub(crate) enum Values {
    /// A noisy loss that came from a float32.
    Float32,
    /// Noise in all digits of a float64.
    Noise,
}

/// Streams `batches` of ten metrics by `rows`; the points acknowledged.
pub(crate) async fn stream(
    channel: Channel,
    run_id: String,
    batches: u64,
    rows: usize,
    values: Values,
) -> u64 {
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
                .send(ClientMessage::Batch(batch(sequence, rows, values)))
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

fn mixed(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn noise(n: u64) -> u64 {
    mixed(n) >> 40
}

/// The `n`th value of a noisy loss that came from a float32.
pub(crate) fn noisy_float32(n: u64) -> f64 {
    f64::from((1.0 / (n + 1) as f64 + noise(n) as f64 * 3e-9) as f32)
}

/// Values with a jitter of milliseconds in time.
fn batch(sequence: u64, rows: usize, values: Values) -> MetricBatch {
    let first = (sequence - 1) * rows as u64;
    let value = |n: u64| match values {
        Values::Float32 => noisy_float32(n),
        Values::Noise => f64::from_bits(mixed(mixed(n) ^ (n >> 7)) >> 12 | 0x3ff0_0000_0000_0000),
    };
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
