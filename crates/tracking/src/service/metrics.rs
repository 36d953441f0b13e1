//! Metrics: the stream in, raw points and curves out.

use std::{collections::HashMap, pin::Pin, sync::Arc};

use futures::{Stream, StreamExt as _};
use herdbook_core::WorkspaceId;
use herdbook_proto::{
    InvalidRequest,
    tracking::v1::{self as proto, metric_service_server::MetricService},
};
use herdbook_rpc::{Caller, status};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    answer,
    metric_stream::{MetricStream, Reply, to_message},
};
use crate::{
    TrackingError, convert,
    metrics::{
        committer::Committer,
        envelope::{Bucket, envelope},
    },
    run::RunKey,
    store::Store,
};

/// Buckets of a curve when the request does not say, and at most.
const DEFAULT_BUCKETS: u32 = 320;
const MAX_BUCKETS: u32 = 10_000;
/// Runs and keys of one call.
const RUNS: usize = 1_000;
const KEYS: usize = 100;
/// Points that one call of GetCurves looks at: some 16 bytes each are held while it does.
const POINTS: u64 = 30_000_000;
/// Points in one message of ReadMetrics.
const CHUNK: usize = 65_536;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct MetricApi {
    store: Store,
    committer: Arc<Committer>,
    shutdown: CancellationToken,
}

impl MetricApi {
    pub(crate) fn new(
        store: Store,
        committer: Arc<Committer>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            committer,
            shutdown,
        }
    }

    async fn curves(
        &self,
        workspace: WorkspaceId,
        request: proto::GetCurvesRequest,
    ) -> Result<Vec<proto::Curve>, TrackingError> {
        for (field, count, limit) in [
            ("run_ids", request.run_ids.len(), RUNS),
            ("keys", request.keys.len(), KEYS),
        ] {
            if count == 0 || count > limit {
                let what = format!("has {count} entries; name 1 to {limit}");
                return Err(InvalidRequest::field(field, what).into());
            }
        }
        let buckets = if request.buckets == 0 {
            DEFAULT_BUCKETS
        } else {
            request.buckets
        };
        if buckets > MAX_BUCKETS {
            let what = format!("is {buckets}; at most {MAX_BUCKETS} are given");
            return Err(InvalidRequest::field("buckets", what).into());
        }
        let ids = request.run_ids.iter().map(|id| convert::run_id(id));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let runs = self.store.runs(workspace, &ids).await?;
        let mut keys = Vec::with_capacity(ids.len());
        for id in &ids {
            let run = runs
                .get(id)
                .ok_or_else(|| TrackingError::RunNotFound(id.to_string()))?;
            keys.push(run.0);
        }
        let points = self.store.count_points(&keys, &request.keys).await?;
        if points > POINTS {
            return Err(TrackingError::TooLarge(format!(
                "these curves have {points} points; at most {POINTS} are read in one call: ask for fewer \
                 runs or metrics at a time"
            )));
        }
        let mut curves = Vec::new();
        for (id, key) in ids.iter().zip(keys) {
            let of_run = self.curves_of(key, &request, buckets).await?;
            curves.extend(
                of_run
                    .into_iter()
                    .map(|(key, buckets)| curve(id.to_string(), key, &buckets)),
            );
        }
        Ok(curves)
    }

    /// The curves of one run, in the order of the keys asked for.
    async fn curves_of(
        &self,
        run: RunKey,
        request: &proto::GetCurvesRequest,
        buckets: u32,
    ) -> Result<Vec<(String, Vec<Bucket>)>, TrackingError> {
        let axis = request.axis();
        let (min_x, max_x) = (
            request.min_x.unwrap_or(i64::MIN),
            request.max_x.unwrap_or(i64::MAX),
        );
        let by_step = matches!(axis, proto::CurveAxis::Unspecified | proto::CurveAxis::Step);
        let steps = if by_step {
            (min_x, max_x)
        } else {
            (i64::MIN, i64::MAX)
        };
        // Relative time starts with the run's first point of any metric.
        let relative = axis == proto::CurveAxis::RelativeTime;
        let wanted: &[String] = if relative { &[] } else { &request.keys };
        let mut found: HashMap<&str, Vec<(i64, f64)>> = HashMap::new();
        let (mut after, mut start) = (0, i64::MAX);
        while let Some((batches, last)) = self.store.points_page(run, wanted, steps, after).await? {
            after = last;
            for table in batches.iter().flat_map(|points| &points.0) {
                let xs = if by_step {
                    &table.steps
                } else {
                    &table.times_us
                };
                start = table
                    .times_us
                    .iter()
                    .copied()
                    .min()
                    .map_or(start, |time| start.min(time));
                for (key, values) in table.columns() {
                    let Some(key) = request.keys.iter().find(|wanted| *wanted == key) else {
                        continue;
                    };
                    found
                        .entry(key)
                        .or_default()
                        .extend(xs.iter().copied().zip(values.iter().copied()));
                }
            }
        }
        let origin = if relative { start } else { 0 };
        let mut curves = Vec::new();
        for key in &request.keys {
            let Some(mut points) = found.remove(key.as_str()) else {
                continue;
            };
            for (x, _) in &mut points {
                *x = x.saturating_sub(origin);
            }
            points.retain(|(x, _)| (min_x..=max_x).contains(x));
            if points.is_empty() {
                continue;
            }
            let reduced = tokio::task::spawn_blocking(move || envelope(points, buckets)).await;
            let reduced = reduced.map_err(|error| {
                TrackingError::Database(sqlx::Error::Io(std::io::Error::other(error)).into())
            })?;
            curves.push((key.clone(), reduced));
        }
        Ok(curves)
    }
}

fn curve(run_id: String, key: String, buckets: &[Bucket]) -> proto::Curve {
    let column = |pick: fn(&Bucket) -> f64| buckets.iter().map(pick).collect();
    proto::Curve {
        run_id,
        key,
        first_x: buckets.iter().map(|bucket| bucket.first_x).collect(),
        last_x: buckets.iter().map(|bucket| bucket.last_x).collect(),
        first: column(|bucket| bucket.first),
        min: column(|bucket| bucket.min),
        max: column(|bucket| bucket.max),
        last: column(|bucket| bucket.last),
        count: buckets.iter().map(|bucket| bucket.count).collect(),
        nonfinite: buckets.iter().map(|bucket| bucket.nonfinite).collect(),
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
        let id = convert::run_id(&request.run_id).map_err(status)?;
        let (run, _) = self.store.run(workspace, id).await.map_err(status)?;
        let (messages, receiver) = mpsc::channel(4);
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = send_points(&store, run, request, &messages).await {
                let _ = messages.send(Err(status(error))).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn get_curves(
        &self,
        request: Request<proto::GetCurvesRequest>,
    ) -> Result<Response<proto::GetCurvesResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let curves = self.curves(workspace, request.into_inner()).await;
        answer(curves.map(|curves| proto::GetCurvesResponse { curves }))
    }
}

type Messages = mpsc::Sender<Result<proto::ReadMetricsResponse, Status>>;

/// Sends the points asked for; gathers them until a message is worth its while.
async fn send_points(
    store: &Store,
    run: RunKey,
    request: proto::ReadMetricsRequest,
    messages: &Messages,
) -> Result<(), TrackingError> {
    let (min, max) = (
        request.min_step.unwrap_or(i64::MIN),
        request.max_step.unwrap_or(i64::MAX),
    );
    let mut gathered: HashMap<String, proto::ReadMetricsResponse> = HashMap::new();
    let mut after = 0;
    while let Some((batches, last)) = store
        .points_page(run, &request.keys, (min, max), after)
        .await?
    {
        after = last;
        for table in batches.iter().flat_map(|points| &points.0) {
            for (key, values) in table.columns() {
                if !request.keys.is_empty() && !request.keys.iter().any(|wanted| wanted == key) {
                    continue;
                }
                let chunk =
                    gathered
                        .entry(key.to_owned())
                        .or_insert_with(|| proto::ReadMetricsResponse {
                            key: key.to_owned(),
                            ..Default::default()
                        });
                for ((step, time), value) in table.steps.iter().zip(&table.times_us).zip(values) {
                    if (min..=max).contains(step) {
                        chunk.steps.push(*step);
                        chunk.times_us.push(*time);
                        chunk.values.push(*value);
                    }
                }
                if chunk.values.len() >= CHUNK {
                    let full = std::mem::take(chunk);
                    gathered.remove(key);
                    if messages.send(Ok(full)).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
    let mut rest: Vec<_> = gathered
        .into_values()
        .filter(|chunk| !chunk.values.is_empty())
        .collect();
    rest.sort_by(|a, b| a.key.cmp(&b.key));
    for chunk in rest {
        if messages.send(Ok(chunk)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
