//! One attempt at a stream to the server, in a task of its own.

use std::time::Duration;

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    LogMetricsRequest, log_metrics_response::Message, metric_service_client::MetricServiceClient,
};
use tokio::{sync::mpsc, time};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use crate::Connection;

/// How long the server may take to accept a stream.
const PATIENCE: Duration = Duration::from_secs(15);

/// What became of an attempt. The number is the attempt's.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The stream stands.
    Up(u64),
    /// The server says something on it.
    Answer(u64, Message),
    /// It ended, or never stood.
    Lost(u64, Status),
}

/// After `wait`, opens a stream and tells what comes on it until it ends.
pub(crate) async fn attempt(
    number: u64,
    wait: Duration,
    connection: Connection,
    requests: mpsc::UnboundedReceiver<LogMetricsRequest>,
    events: mpsc::UnboundedSender<LinkEvent>,
) {
    time::sleep(wait).await;
    let told = events.clone();
    let status = match stream(number, connection, requests, told).await {
        Ok(()) => Status::unavailable("the server ended the stream"),
        Err(status) => status,
    };
    // Nobody listens any more once the client ends.
    let _ = events.send(LinkEvent::Lost(number, status));
}

async fn stream(
    number: u64,
    connection: Connection,
    requests: mpsc::UnboundedReceiver<LogMetricsRequest>,
    events: mpsc::UnboundedSender<LinkEvent>,
) -> Result<(), Status> {
    let mut client = MetricServiceClient::new(connection);
    let call = client.log_metrics(UnboundedReceiverStream::new(requests));
    let Ok(response) = time::timeout(PATIENCE, call).await else {
        return Err(Status::deadline_exceeded(format!(
            "no answer in {} s",
            PATIENCE.as_secs()
        )));
    };
    let mut answers = response?.into_inner();
    let _ = events.send(LinkEvent::Up(number));
    while let Some(answer) = answers.next().await {
        if let Some(message) = answer?.message {
            let _ = events.send(LinkEvent::Answer(number, message));
        }
    }
    Ok(())
}
