//! Typed values on steps.

use std::{collections::BTreeMap, collections::BTreeSet, convert::Infallible, mem, pin::Pin};

use bytes::Bytes;
use chrono::Utc;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use herdbook_blobs::{Blob, Blobs, byte_range, chunks};
use herdbook_core::{PageToken, RunId, WorkspaceId, check_key, limits::ENTRIES_PER_REQUEST};
use herdbook_proto::{
    InvalidRequest, Violations, fields,
    tracking::v1::{
        self as proto, download_value_response::Message as Download, value::Kind,
        value_service_server::ValueService,
    },
};
use herdbook_rpc::{Caller, status};
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    TrackingError, convert,
    holder::Holder,
    quota::{Quotas, Usage},
    run::RunKey,
    store::{
        Store,
        artifacts::HolderKey,
        requests::Requests,
        values::{Series, Wanted},
    },
    value::{self, NewValue, Source, Value},
};

/// Values whose bytes are put at the same time.
const PUTS_AT_ONCE: usize = 8;
/// Values in one message of ReadValues: the largest histograms fit.
const CHUNK: usize = 100;
/// Steps of a series that are picked at most.
const STEPS: u32 = 1_000;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Clone)]
pub(crate) struct ValueApi {
    store: Store,
    blobs: Blobs,
    quotas: Quotas,
}

impl ValueApi {
    pub(crate) fn new(store: Store, blobs: Blobs, quotas: Quotas) -> Self {
        Self {
            store,
            blobs,
            quotas,
        }
    }

    async fn log(
        &self,
        workspace: WorkspaceId,
        request: proto::LogValuesRequest,
    ) -> Result<(), TrackingError> {
        let mut violations = Violations::default();
        let request_id = fields::request_id(request.request_id, &mut violations);
        if request.values.is_empty() {
            violations.add("values", "must not be empty");
        }
        fields::entries("values", request.values.len(), &mut violations);
        let now_us = Utc::now().timestamp_micros();
        let mut values = Vec::new();
        for (number, value) in request
            .values
            .into_iter()
            .take(ENTRIES_PER_REQUEST)
            .enumerate()
        {
            let field = format!("values[{number}]");
            values.extend(value::check(&field, value, now_us, &mut violations));
        }
        check_together(&values, &mut violations);
        violations.finish()?;
        let id = convert::run_id(&request.run_id)?;
        let run = self.store.active_run(workspace, id).await?;
        let put = stream::iter(values).enumerate();
        let put = put.map(|(number, value)| self.put(id, run, number, value));
        let values: Vec<Value> = put.buffered(PUTS_AT_ONCE).try_collect().await?;
        let added = Usage {
            bytes: values.iter().map(Value::bytes).sum(),
            ..Usage::default()
        };
        if let Err(error) = self.quotas.admit(workspace, added).await {
            // What was done already is not refused.
            return match &request_id {
                Some(id) if self.is_done(run, id).await? => Ok(()),
                _ => Err(error),
            };
        }
        self.store
            .log_values(workspace, id, &values, request_id.as_deref())
            .await
    }

    async fn is_done(&self, run: RunKey, request_id: &str) -> Result<bool, TrackingError> {
        let requests = [(run, request_id)];
        let done = self.store.requests_done(Requests::Values, &requests);
        Ok(!done.await?.is_empty())
    }

    /// Sees to it that the bytes of a value are kept.
    async fn put(
        &self,
        id: RunId,
        run: RunKey,
        number: usize,
        value: NewValue,
    ) -> Result<Value, TrackingError> {
        let mut kind = value.kind;
        let blob = match value.source {
            None => None,
            Some(Source::Bytes(bytes)) => {
                let pieces = stream::iter([Ok::<_, Infallible>(bytes)]);
                Some(self.blobs.put(pieces, None, None).await?)
            }
            Some(Source::Artifact(path)) => {
                let Some(artifact) = self.store.artifact(HolderKey::Run(run), &path).await? else {
                    let holder = Holder::Run(id);
                    return Err(TrackingError::ArtifactNotFound { holder, path });
                };
                self.blobs.adopt(&[artifact.blob]).await?;
                if let Kind::Image(image) = &mut kind {
                    let head = self.head(artifact.blob).await?;
                    let field = format!("values[{number}].image.content");
                    value::describe(image, &head)
                        .map_err(|error| InvalidRequest::field(field, error))?;
                }
                Some(artifact.blob)
            }
        };
        Ok(Value {
            key: value.key,
            step: value.step,
            index: value.index,
            time_us: value.time_us,
            kind,
            blob,
        })
    }

    /// The first bytes of a blob, by which a picture is recognised.
    async fn head(&self, blob: Blob) -> Result<Vec<u8>, TrackingError> {
        let pieces = self.blobs.get(blob, 0..blob.size.min(value::HEAD)).await?;
        let pieces: Vec<Bytes> = pieces.try_collect().await?;
        Ok(pieces.concat())
    }

    async fn list(
        &self,
        workspace: WorkspaceId,
        request: proto::ListValueKeysRequest,
    ) -> Result<proto::ListValueKeysResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!("values {}", request.run_id);
        let after = PageToken::<String>::decode(&request.page_token, &query)?;
        let id = convert::run_id(&request.run_id)?;
        let (run, _) = self.store.run(workspace, id).await?;
        let after = after.unwrap_or_default();
        let mut found = self.store.value_series(run, &after, size + 1).await?;
        let next_page_token = PageToken::cut(&mut found, size, &query, |last| last.key.clone());
        Ok(proto::ListValueKeysResponse {
            series: found.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    async fn read(
        &self,
        workspace: WorkspaceId,
        request: proto::ReadValuesRequest,
    ) -> Result<Answers<proto::ReadValuesResponse>, TrackingError> {
        if request.max_steps > STEPS {
            let what = format!("is {}; at most {STEPS} are picked", request.max_steps);
            return Err(InvalidRequest::field("max_steps", what).into());
        }
        let (run, key) = self.series(workspace, &request.run_id, request.key).await?;
        let mut wanted = Wanted {
            min_step: request.min_step.unwrap_or(i64::MIN),
            max_step: request.max_step.unwrap_or(i64::MAX),
            steps: None,
        };
        if request.max_steps > 0 {
            let steps = self
                .store
                .spaced_steps(run, &key, &wanted, request.max_steps);
            wanted.steps = Some(steps.await?);
        }
        let state = (self.store.clone(), Some(None));
        let answers = stream::try_unfold(state, move |(store, after)| {
            let (key, wanted) = (key.clone(), wanted.clone());
            async move {
                let Some(after) = after else { return Ok(None) };
                let found = store.values(run, &key, &wanted, after, CHUNK).await;
                let found = found.map_err(status)?;
                let last = found.last().map(|value| (value.step, value.index));
                let next = last.filter(|_| found.len() == CHUNK).map(Some);
                let values: Vec<_> = found.into_iter().map(Into::into).collect();
                let answer = proto::ReadValuesResponse { values };
                Ok((!answer.values.is_empty()).then_some((answer, (store, next))))
            }
        });
        Ok(Box::pin(answers))
    }

    /// A run and the key of a series that it has.
    async fn series(
        &self,
        workspace: WorkspaceId,
        run: &str,
        key: String,
    ) -> Result<(RunKey, String), TrackingError> {
        check_key(&key).map_err(|error| InvalidRequest::field("key", error))?;
        let id = convert::run_id(run)?;
        let (run, _) = self.store.run(workspace, id).await?;
        if self.store.has_series(run, &key).await? {
            Ok((run, key))
        } else {
            let name = format!("{key:?}");
            Err(TrackingError::ValueNotFound { run: id, name })
        }
    }

    async fn download(
        &self,
        workspace: WorkspaceId,
        request: proto::DownloadValueRequest,
    ) -> Result<Answers<proto::DownloadValueResponse>, TrackingError> {
        let (run, key) = self.series(workspace, &request.run_id, request.key).await?;
        let index = i16::try_from(request.index).ok();
        let found = match index {
            Some(index) => self.store.value(run, &key, request.step, index).await?,
            None => None,
        };
        let Some(value) = found else {
            let name = format!("{key:?} at step {}, index {}", request.step, request.index);
            let run = convert::run_id(&request.run_id)?;
            return Err(TrackingError::ValueNotFound { run, name });
        };
        let bytes = match value.blob {
            Some(blob) => {
                let range = byte_range(request.offset, request.length, blob.size)?;
                self.blobs.get(blob, range).await?
            }
            None => {
                let bytes = Bytes::from(value.inline_bytes());
                let size = bytes.len() as u64;
                let range = byte_range(request.offset, request.length, size)?;
                // Within the bytes, which are in memory.
                let range = range.start as usize..range.end as usize;
                stream::iter([Ok(bytes.slice(range))]).boxed()
            }
        };
        let message = |message| proto::DownloadValueResponse {
            message: Some(message),
        };
        let first = message(Download::Value(value.into()));
        let chunks = chunks(bytes).map(move |chunk| match chunk {
            Ok(chunk) => Ok(message(Download::Chunk(chunk))),
            Err(error) => Err(status(error)),
        });
        Ok(Box::pin(stream::iter([Ok(first)]).chain(chunks)))
    }
}

/// Notes values in one place, and values of one series with different types.
fn check_together(values: &[NewValue], violations: &mut Violations) {
    let mut places = BTreeSet::new();
    let mut types = BTreeMap::new();
    for value in values {
        let NewValue {
            key, step, index, ..
        } = value;
        if !places.insert((key, step, index)) {
            let what = format!("has two values {key:?} at step {step}, index {index}; number them");
            violations.add("values", what);
        }
        let of_value = value::type_of(&value.kind);
        let of_series = *types.entry(key).or_insert(of_value);
        if of_series != of_value {
            let [first, second] = [of_series, of_value].map(value::type_name);
            let what = format!(
                "has values {key:?} of the types {first} and {second}; a series has one type"
            );
            violations.add("values", what);
        }
    }
}

impl From<Series> for proto::ValueSeries {
    fn from(series: Series) -> Self {
        Self {
            key: series.key,
            r#type: series.value_type.into(),
            count: series.count,
            first_step: series.first_step,
            last_step: series.last_step,
        }
    }
}

impl From<Value> for proto::Value {
    fn from(mut value: Value) -> Self {
        if let (Some(blob), Some(content)) = (value.blob, value::content(&mut value.kind)) {
            content.size = i64::try_from(blob.size).unwrap_or(i64::MAX);
            content.digest = blob.digest.to_string();
        }
        Self {
            key: mem::take(&mut value.key),
            step: value.step,
            index: u32::try_from(value.index).unwrap_or_default(),
            time_us: value.time_us,
            kind: Some(value.kind),
        }
    }
}

#[tonic::async_trait]
impl ValueService for ValueApi {
    async fn log_values(
        &self,
        request: Request<proto::LogValuesRequest>,
    ) -> Result<Response<proto::LogValuesResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let logged = self.log(workspace, request.into_inner()).await;
        answer(logged.map(|()| proto::LogValuesResponse {}))
    }

    async fn list_value_keys(
        &self,
        request: Request<proto::ListValueKeysRequest>,
    ) -> Result<Response<proto::ListValueKeysResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.list(workspace, request.into_inner()).await)
    }

    type ReadValuesStream = Answers<proto::ReadValuesResponse>;

    async fn read_values(
        &self,
        request: Request<proto::ReadValuesRequest>,
    ) -> Result<Response<Self::ReadValuesStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.read(workspace, request.into_inner()).await)
    }

    type DownloadValueStream = Answers<proto::DownloadValueResponse>;

    async fn download_value(
        &self,
        request: Request<proto::DownloadValueRequest>,
    ) -> Result<Response<Self::DownloadValueStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.download(workspace, request.into_inner()).await)
    }
}
