//! ReadMetrics and WatchMetrics: points as they were logged.

use futures::StreamExt as _;
use herdbook_core::WorkspaceId;
use herdbook_proto::{InvalidRequest, tracking::v1 as proto};
use tokio::sync::mpsc;
use tokio_stream::wrappers::WatchStream;

use super::metrics::MetricApi;
use crate::{
    TrackingError,
    blocking::blocking,
    convert,
    metrics::{
        reader::{Gone, Piece, Pieces, Reader},
        sampling::Sampling,
    },
    store::{Store, forks::Source},
};

/// Runs of one watch.
const WATCHED: usize = 100;
/// Samples of a metric at most.
const SAMPLES: usize = 10_000;
/// Pieces that wait for a slow reader.
const AHEAD: usize = 4;

type Receiver = mpsc::Receiver<Result<Piece, TrackingError>>;
type Messages = mpsc::Sender<Result<proto::WatchMetricsResponse, TrackingError>>;

impl MetricApi {
    /// The points of a run that the request asks for, those it inherits first, unless it asks for samples.
    pub(super) async fn read(
        &self,
        workspace: WorkspaceId,
        request: proto::ReadMetricsRequest,
    ) -> Result<Receiver, TrackingError> {
        let id = convert::run_id(&request.run_id)?;
        let samples = samples(&request)?;
        let run = self.store.run_key(workspace, id).await?;
        let sources = self.store.sources(&[run]).await?.remove(&run);
        let reader = Reader {
            store: self.store.clone(),
            run,
            keys: request.keys,
            steps: (
                request.min_step.unwrap_or(i64::MIN),
                request.max_step.unwrap_or(i64::MAX),
            ),
        };
        let (pieces, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let sources = sources.unwrap_or_default();
            let read = match samples {
                None => read_all(&reader, &sources, &pieces).await,
                Some(count) => sample_all(&reader, &sources, count, &pieces).await,
            };
            if let Err(error) = read {
                let _ = pieces.send(Err(error)).await;
            }
        });
        Ok(receiver)
    }

    /// Follows runs until the client is gone or the process shuts down.
    pub(super) async fn watch(
        &self,
        workspace: WorkspaceId,
        request: proto::WatchMetricsRequest,
    ) -> Result<mpsc::Receiver<Result<proto::WatchMetricsResponse, TrackingError>>, TrackingError>
    {
        if request.runs.is_empty() || request.runs.len() > WATCHED {
            let what = format!("has {} entries; name 1 to {WATCHED}", request.runs.len());
            return Err(InvalidRequest::field("runs", what).into());
        }
        let ids: Vec<String> = request.runs.iter().map(|r| r.run_id.clone()).collect();
        let runs = self.run_keys(workspace, &ids).await?;
        let mut followed = Vec::with_capacity(runs.len());
        for (watched, run) in request.runs.into_iter().zip(runs.iter().copied()) {
            let reader = Reader {
                store: self.store.clone(),
                run,
                keys: request.keys.clone(),
                steps: (i64::MIN, i64::MAX),
            };
            followed.push(Followed {
                id: convert::run_id(&watched.run_id)?.to_string(),
                reader,
                after: watched.after,
            });
        }
        let positions = self.store.positions(&runs).await?;
        let news = followed.iter().enumerate().map(|(number, followed)| {
            WatchStream::new(self.pulse.follow(followed.reader.run)).map(move |at| (number, at))
        });
        let mut news = futures::stream::select_all(news);
        let (messages, receiver) = mpsc::channel(AHEAD);
        let (store, shutdown) = (self.store.clone(), self.shutdown.clone());
        tokio::spawn(async move {
            let follow = async {
                for (followed, now) in followed.iter_mut().zip(positions) {
                    if followed.begin(&store, now, &messages).await?.is_err() {
                        return Ok(());
                    }
                }
                while let Some((number, at)) = news.next().await {
                    if followed[number].go_on(at, &messages).await?.is_err() {
                        return Ok(());
                    }
                }
                Ok::<_, TrackingError>(())
            };
            let ended = tokio::select! {
                ended = follow => ended,
                () = shutdown.cancelled() => Ok(()),
                () = messages.closed() => Ok(()),
            };
            if let Err(error) = ended {
                let _ = messages.send(Err(error)).await;
            }
        });
        Ok(receiver)
    }
}

/// Reads a run and what it inherits.
async fn read_all(
    reader: &Reader,
    sources: &[Source],
    pieces: &Pieces,
) -> Result<(), TrackingError> {
    for (run, max_step) in sources {
        let (min, max) = reader.steps;
        let of_source = Reader {
            run: *run,
            steps: (min, max.min(max_step.unwrap_or(i64::MAX))),
            ..reader.clone()
        };
        let end = reader.store.positions(&[*run]).await?[0];
        if of_source.read(0, end, pieces).await?.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Points of each metric at most that the request asks for; `None` for all.
fn samples(request: &proto::ReadMetricsRequest) -> Result<Option<usize>, InvalidRequest> {
    if request.samples == 0 {
        return Ok(None);
    }
    if request.keys.is_empty() {
        return Err(InvalidRequest::field(
            "keys",
            "is empty; name the metrics of which there are to be samples",
        ));
    }
    let count = usize::try_from(request.samples).ok();
    match count.filter(|count| *count <= SAMPLES) {
        Some(count) => Ok(Some(count)),
        None => Err(InvalidRequest::field(
            "samples",
            format!("is {}; ask for {SAMPLES} at most", request.samples),
        )),
    }
}

/// Reads, and takes what is read meanwhile.
async fn piped<R, T>(
    read: impl AsyncFnOnce(&Pieces) -> R,
    take: impl AsyncFnOnce(Receiver) -> T,
) -> (R, T) {
    let (pieces, receiver) = mpsc::channel(AHEAD);
    let reading = async {
        let read = read(&pieces).await;
        drop(pieces);
        read
    };
    tokio::join!(reading, take(receiver))
}

/// Samples metrics of a run and what it inherits, one after another.
async fn sample_all(
    reader: &Reader,
    sources: &[Source],
    count: usize,
    samples: &Pieces,
) -> Result<(), TrackingError> {
    for key in &reader.keys {
        let reader = Reader {
            keys: vec![key.clone()],
            ..reader.clone()
        };
        let read = async |pieces: &Pieces| read_all(&reader, sources, pieces).await;
        let gather = async |mut pieces: Receiver| {
            let mut sampling = Sampling::default();
            while let Some(piece) = pieces.recv().await {
                sampling.add(&piece?);
            }
            Ok::<_, TrackingError>(sampling)
        };
        let (read, sampling) = piped(read, gather).await;
        read?;
        let (sampling, key) = (sampling?, key.clone());
        let sample = blocking(move || Ok::<_, TrackingError>(sampling.take(key, count))).await?;
        if !sample.values.is_empty() && samples.send(Ok(sample)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// A run that is followed.
struct Followed {
    id: String,
    reader: Reader,
    /// Up to where its points were sent; nothing before the first time.
    after: Option<i64>,
}

impl Followed {
    /// Sends what there is, as far as it is wanted, and tells where the run stands.
    async fn begin(
        &mut self,
        store: &Store,
        now: i64,
        messages: &Messages,
    ) -> Result<Result<(), Gone>, TrackingError> {
        if self.after == Some(0) {
            let sources = store.sources(&[self.reader.run]).await?;
            let inherited = sources.get(&self.reader.run).map_or(&[][..], |all| {
                all.split_last().map_or(&[][..], |(_, inherited)| inherited)
            });
            let reader = self.reader.clone();
            let sent = self.send(messages, async |pieces: &Pieces| {
                read_all(&reader, inherited, pieces).await.map(Ok)
            });
            if let Err(gone) = sent.await? {
                return Ok(Err(gone));
            }
        }
        let after = self.after.unwrap_or(now);
        self.after = Some(after);
        if now > after {
            return self.go_on(now, messages).await;
        }
        Ok(self.tell(messages).await)
    }

    /// Sends what came up to `at`.
    async fn go_on(
        &mut self,
        at: i64,
        messages: &Messages,
    ) -> Result<Result<(), Gone>, TrackingError> {
        let after = self.after.unwrap_or_default();
        if at <= after {
            return Ok(Ok(()));
        }
        let reader = self.reader.clone();
        let sent = self.send(messages, async |pieces: &Pieces| {
            reader.read(after, at, pieces).await
        });
        if let Err(gone) = sent.await? {
            return Ok(Err(gone));
        }
        self.after = Some(at);
        Ok(self.tell(messages).await)
    }

    /// Passes on what `read` reads.
    async fn send(
        &self,
        messages: &Messages,
        read: impl AsyncFnOnce(&Pieces) -> Result<Result<(), Gone>, TrackingError>,
    ) -> Result<Result<(), Gone>, TrackingError> {
        let pass_on = async |mut pieces: Receiver| {
            while let Some(piece) = pieces.recv().await {
                let message = piece.map(|piece| proto::WatchMetricsResponse {
                    run_id: self.id.clone(),
                    points: Some(to_response(piece)),
                    position: None,
                });
                if messages.send(message).await.is_err() {
                    return Err(Gone);
                }
            }
            Ok(())
        };
        let (read, passed_on) = piped(read, pass_on).await;
        Ok(read?.and(passed_on))
    }

    async fn tell(&self, messages: &Messages) -> Result<(), Gone> {
        let message = proto::WatchMetricsResponse {
            run_id: self.id.clone(),
            points: None,
            position: self.after,
        };
        messages.send(Ok(message)).await.map_err(|_| Gone)
    }
}

pub(super) fn to_response(piece: Piece) -> proto::ReadMetricsResponse {
    proto::ReadMetricsResponse {
        key: piece.key,
        steps: piece.steps,
        times_us: piece.times_us,
        values: piece.values,
    }
}
