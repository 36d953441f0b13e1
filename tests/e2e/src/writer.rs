//! A client of the metric stream that never gives up: what every durable client does.

use std::time::Duration;

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    LogMetricsRequest, MetricBatch, MetricTable, OpenWriter,
    log_metrics_request::Message as ClientMessage, log_metrics_response::Message as ServerMessage,
    metric_service_client::MetricServiceClient,
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Batches on their way at once.
const AHEAD: usize = 8;

/// Streams one point a batch to a run, step after step, and resumes after every loss.
pub struct DurableWriter {
    /// The run.
    pub run: String,
    /// The writer's name in it.
    pub id: String,
    /// Of this process among those that were it: a later one fences the earlier.
    pub epoch: u64,
    /// Points to write.
    pub points: u64,
}

impl DurableWriter {
    /// Writes all points, connecting to whichever address is current. `acknowledged` follows.
    pub async fn write(self, address: watch::Receiver<String>, acknowledged: watch::Sender<u64>) {
        while *acknowledged.borrow() < self.points {
            let url = format!("http://{}", &*address.borrow());
            if let Ok(channel) = Channel::from_shared(url).unwrap().connect().await {
                // Whatever ends the stream: open it again and go on from what is committed.
                let _ = self.stream(channel, &acknowledged).await;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stream(
        &self,
        channel: Channel,
        acknowledged: &watch::Sender<u64>,
    ) -> Result<(), tonic::Status> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let open = ClientMessage::Open(OpenWriter {
            writer: 1,
            run_id: self.run.clone(),
            writer_id: self.id.clone(),
            epoch: self.epoch,
        });
        sender
            .send(LogMetricsRequest {
                message: Some(open),
            })
            .await
            .unwrap();
        let mut client = MetricServiceClient::new(channel);
        let mut answers = client
            .log_metrics(ReceiverStream::new(receiver))
            .await?
            .into_inner();
        let mut next = None;
        loop {
            let room = async {
                match next {
                    Some(next) if next <= self.points => sender.reserve().await.ok(),
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                answer = answers.next() => match answer.transpose()?.and_then(|a| a.message) {
                    Some(ServerMessage::Opened(opened)) => {
                        assert!(
                            opened.sequence >= *acknowledged.borrow(),
                            "an acknowledged batch was lost: {} of {}",
                            opened.sequence,
                            *acknowledged.borrow(),
                        );
                        acknowledged.send_replace(opened.sequence);
                        next = Some(opened.sequence + 1);
                    }
                    Some(ServerMessage::Committed(committed)) => {
                        acknowledged.send_replace(committed.sequence);
                    }
                    Some(ServerMessage::Refused(_)) | None => return Ok(()),
                },
                Some(room) = room => {
                    let sequence = next.unwrap_or_default();
                    room.send(self.batch(sequence));
                    next = Some(sequence + 1);
                }
            }
            if *acknowledged.borrow() >= self.points {
                return Ok(());
            }
        }
    }

    fn batch(&self, sequence: u64) -> LogMetricsRequest {
        let step = i64::try_from(sequence).unwrap();
        let table = MetricTable {
            keys: vec![1],
            first_step: step,
            first_time_us: step,
            values: vec![sequence as f64],
            ..Default::default()
        };
        let batch = MetricBatch {
            writer: 1,
            sequence,
            keys: [(1, format!("loss-{}", self.id))].into(),
            tables: vec![table],
        };
        LogMetricsRequest {
            message: Some(ClientMessage::Batch(batch)),
        }
    }
}
