//! A metric stream by hand, and what came of it.

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    BatchesCommitted, CreateRunRequest, LogMetricsRequest, MetricBatch, MetricTable, OpenWriter,
    ReadMetricsRequest, WriterOpened, WriterRefused, log_metrics_request::Message as ClientMessage,
    log_metrics_response::Message as ServerMessage,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::cluster::Cluster;

/// A stream by hand.
pub(crate) struct Stream {
    sender: mpsc::Sender<LogMetricsRequest>,
    answers: Streaming<herdbook_proto::tracking::v1::LogMetricsResponse>,
}

impl Stream {
    pub(crate) async fn open(cluster: &Cluster) -> Self {
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

    pub(crate) async fn send(&self, message: ClientMessage) {
        self.sender
            .send(LogMetricsRequest {
                message: Some(message),
            })
            .await
            .unwrap();
    }

    pub(crate) async fn next(&mut self) -> ServerMessage {
        self.answers.next().await.unwrap().unwrap().message.unwrap()
    }

    pub(crate) async fn writer(
        &mut self,
        number: u32,
        run: &str,
        id: &str,
        epoch: u64,
    ) -> ServerMessage {
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
    pub(crate) async fn committed(&mut self, writer: u32, sequence: u64) {
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

    pub(crate) async fn refused(&mut self) -> WriterRefused {
        match self.next().await {
            ServerMessage::Refused(refused) => refused,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn opened(sequence: u64) -> ServerMessage {
    ServerMessage::Opened(WriterOpened {
        writer: 1,
        sequence,
        stop_requested: false,
    })
}

/// Points of `loss`, at these steps.
pub(crate) fn batch(writer: u32, sequence: u64, points: &[(i64, f64)]) -> ClientMessage {
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

pub(crate) async fn points(cluster: &Cluster, run: &str) -> Vec<(i64, f64)> {
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

pub(crate) async fn run(cluster: &Cluster) -> String {
    cluster.create_run(CreateRunRequest::default()).await.id
}
