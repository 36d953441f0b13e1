//! Metrics: the stream in, raw points and curves out.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt as _};
use herdbook_proto::tracking::v1::{self as proto, metric_service_server::MetricService};
use herdbook_rpc::{Caller, status};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    answer,
    metric_stream::{MetricStream, Reply, to_message},
    read_metrics::to_response,
};
use crate::{committer::Committer, metrics::pulse::Pulse, quota::Quotas, store::Store};

pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct MetricApi {
    pub(super) store: Store,
    committer: Arc<Committer>,
    quotas: Quotas,
    pub(super) pulse: Pulse,
    pub(super) shutdown: CancellationToken,
}

impl MetricApi {
    pub(crate) fn new(
        store: Store,
        committer: Arc<Committer>,
        quotas: Quotas,
        pulse: Pulse,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            committer,
            quotas,
            pulse,
            shutdown,
        }
    }
}

#[tonic::async_trait]
impl MetricService for MetricApi {
    type LogMetricsStream = Answers<proto::LogMetricsResponse>;

    async fn log_metrics(
        &self,
        request: Request<Streaming<proto::LogMetricsRequest>>,
    ) -> Result<Response<Self::LogMetricsStream>, Status> {
        let caller = Caller::of(&request)?;
        let mut incoming = request.into_inner();
        let (committed, committed_answers) = mpsc::unbounded_channel();
        let (replies, at_once) = mpsc::channel(16);
        let mut stream = MetricStream::new(
            caller,
            self.store.clone(),
            self.committer.clone(),
            self.quotas.clone(),
            committed,
        );
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move {
            // Told to stop, it takes nothing more; what it took is committed and answered, for the
            // answers end only with the last batch.
            loop {
                let message = tokio::select! {
                    () = shutdown.cancelled() => break,
                    message = incoming.next() => message,
                };
                let reply = match message {
                    Some(Ok(message)) => stream.take(message).await,
                    Some(Err(_)) | None => break,
                };
                if let Reply::Message(message) = reply
                    && replies.send(message).await.is_err()
                {
                    break;
                }
            }
        });
        let answers = UnboundedReceiverStream::new(committed_answers).flat_map(|writer| {
            let number = writer.number;
            let answers = writer
                .answers()
                .map(move |answer| to_message(number, answer));
            futures::stream::iter(answers)
        });
        let all = futures::stream::select(ReceiverStream::new(at_once), answers).map(|message| {
            Ok(proto::LogMetricsResponse {
                message: Some(message),
            })
        });
        Ok(Response::new(Box::pin(all)))
    }

    type ReadMetricsStream = Answers<proto::ReadMetricsResponse>;

    async fn read_metrics(
        &self,
        request: Request<proto::ReadMetricsRequest>,
    ) -> Result<Response<Self::ReadMetricsStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let request = request.into_inner();
        let pieces = self.read(workspace, request).await.map_err(status)?;
        let messages =
            ReceiverStream::new(pieces).map(|piece| piece.map(to_response).map_err(status));
        Ok(Response::new(Box::pin(messages)))
    }

    type WatchMetricsStream = Answers<proto::WatchMetricsResponse>;

    async fn watch_metrics(
        &self,
        request: Request<proto::WatchMetricsRequest>,
    ) -> Result<Response<Self::WatchMetricsStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let watch = self
            .watch(workspace, request.into_inner())
            .await
            .map_err(status)?;
        let messages = ReceiverStream::new(watch).map(|message| message.map_err(status));
        Ok(Response::new(Box::pin(messages)))
    }

    async fn get_curves(
        &self,
        request: Request<proto::GetCurvesRequest>,
    ) -> Result<Response<proto::GetCurvesResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let curves = self.curves(workspace, request.into_inner()).await;
        answer(curves.map(|curves| proto::GetCurvesResponse { curves }))
    }

    async fn get_bands(
        &self,
        request: Request<proto::GetBandsRequest>,
    ) -> Result<Response<proto::GetBandsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let bands = self.bands(workspace, request.into_inner()).await;
        answer(bands.map(|bands| proto::GetBandsResponse { bands }))
    }

    async fn define_metrics(
        &self,
        request: Request<proto::DefineMetricsRequest>,
    ) -> Result<Response<proto::DefineMetricsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let defined = self.define(workspace, request.into_inner()).await;
        answer(defined.map(|()| proto::DefineMetricsResponse {}))
    }

    async fn list_metric_definitions(
        &self,
        request: Request<proto::ListMetricDefinitionsRequest>,
    ) -> Result<Response<proto::ListMetricDefinitionsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let definitions = self
            .definitions(workspace, &request.into_inner().run_id)
            .await;
        answer(definitions.map(|definitions| proto::ListMetricDefinitionsResponse { definitions }))
    }
}
