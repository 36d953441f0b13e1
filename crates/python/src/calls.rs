//! Calls by the contract's descriptors instead of generated code: what goes over the wire is bytes here.

use std::{
    error::Error as _,
    time::{Duration, Instant},
};

use bytes::{Buf as _, BufMut as _, Bytes};
use herdbook_client::Connection;
use herdbook_core::limits::MESSAGE_BYTES;
use http::uri::PathAndQuery;
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};
use tonic_types::StatusExt as _;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Messages as their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Calls a method that answers once. While the server is away, again until `patience` or `until` is over.
pub(crate) async fn unary(
    connection: Connection,
    path: PathAndQuery,
    request: Bytes,
    patience: Instant,
    until: Option<Instant>,
) -> Result<Bytes, Status> {
    let patience = until.map_or(patience, |until| until.min(patience));
    let answered = retry(patience, || async {
        let mut request = Request::new(request.clone());
        if let Some(until) = until {
            request.set_timeout(until.saturating_duration_since(Instant::now()));
        }
        let mut grpc = ready(connection.clone()).await?;
        let answer = grpc.unary(request, path.clone(), Raw).await?;
        Ok(answer.into_inner())
    })
    .await;
    match answered {
        // The channel says that it cancelled the call.
        Err(status)
            if status.code() == Code::Cancelled
                && until.is_some_and(|until| Instant::now() >= until) =>
        {
            Err(Status::deadline_exceeded("no answer in time"))
        }
        answered => answered,
    }
}

/// Calls a method that answers with a stream; that is opened again while the server is away, and not later.
pub(crate) async fn streaming(
    connection: Connection,
    path: PathAndQuery,
    request: Bytes,
    patience: Instant,
    timeout: Option<Duration>,
) -> Result<Streaming<Bytes>, Status> {
    retry(patience, || async {
        let mut request = Request::new(request.clone());
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let mut grpc = ready(connection.clone()).await?;
        let answers = grpc.server_streaming(request, path.clone(), Raw).await?;
        Ok(answers.into_inner())
    })
    .await
}

async fn ready(connection: Connection) -> Result<Grpc<Connection>, Status> {
    let mut grpc = Grpc::new(connection).max_decoding_message_size(MESSAGE_BYTES);
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(grpc)
}

/// Calls again while the server is away or says when to come back.
async fn retry<T, F: Future<Output = Result<T, Status>>>(
    patience: Instant,
    call: impl Fn() -> F,
) -> Result<T, Status> {
    let mut growing = FIRST_WAIT;
    loop {
        let status = match call().await {
            Ok(answer) => return Ok(answer),
            Err(status) => status,
        };
        let advised = status
            .get_details_retry_info()
            .and_then(|info| info.retry_delay);
        let wait = match advised {
            Some(advised) => advised,
            None if is_away(&status) => growing,
            None => return Err(status),
        };
        if Instant::now() + wait > patience {
            return Err(status);
        }
        tokio::time::sleep(wait).await;
        growing = (growing * 2).min(LONGEST_WAIT);
    }
}

/// Whether the server did not answer. Its own errors have a reason; a connection that breaks has other codes too.
fn is_away(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable => true,
        Code::Unknown | Code::Cancelled | Code::Internal => {
            status.get_details_error_info().is_none() && status.source().is_some()
        }
        _ => false,
    }
}

/// Says of a server that is not there where it was sought, and what to do.
pub(crate) fn explained(status: Status, url: &str) -> Status {
    if !is_away(&status) {
        return status;
    }
    let mut cause: &dyn std::error::Error = &status;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let cause = match cause.downcast_ref::<Status>() {
        Some(status) => status.message().to_owned(),
        None => cause.to_string(),
    };
    Status::unavailable(format!(
        "no Herdbook answers at {url} ({cause}); start one with `herdbook up`, or name another in HERDBOOK_URL"
    ))
}
