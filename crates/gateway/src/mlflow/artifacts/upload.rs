//! Files on their way in: as they come, piece by piece.

use std::pin::pin;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{
    StreamExt as _,
    channel::oneshot,
    future::{Either, select},
    stream,
};
use herdbook_core::limits::FILE_CHUNK_BYTES;
use herdbook_proto::tracking::v1::{
    ArtifactHeader, UploadArtifactRequest, upload_artifact_request::Message,
};
use http::header::CONTENT_LENGTH;

use super::place::Place;
use crate::mlflow::{
    call::Call,
    error::{Answer, Error, ErrorCode},
};

/// Bytes that the client says will come.
pub(super) fn announced(call: &Call) -> Option<u64> {
    call.header(CONTENT_LENGTH.as_str())?.parse().ok()
}

/// Keeps `body`, of at most `limit` bytes, as the file at `place`: all of it, or nothing.
pub(super) async fn keep(call: &Call, place: &Place, body: Body, limit: u64) -> Answer<()> {
    let (run_id, logged_model_id) = place.holder.ids();
    let header = ArtifactHeader {
        run_id,
        logged_model_id,
        path: place.path.clone(),
        size: announced(call).and_then(|size| i64::try_from(size).ok()),
        ..Default::default()
    };
    let (broken, breaks) = oneshot::channel();
    let source = Source {
        data: body.into_data_stream(),
        rest: Bytes::new(),
        left: limit,
        broken: Some(broken),
    };
    let chunks = stream::unfold(source, Source::next);
    let messages = stream::iter([Message::Header(header)]).chain(chunks.map(Message::Chunk));
    let messages = messages.map(|message| UploadArtifactRequest {
        message: Some(message),
    });
    let mut artifacts = call.artifacts();
    let upload = pin!(artifacts.upload_artifact(messages));
    match select(upload, breaks).await {
        Either::Left((uploaded, _)) => uploaded?,
        // The call is dropped with the upload, and leaves nothing.
        Either::Right((Ok(error), _)) => return Err(error),
        Either::Right((Err(_), upload)) => upload.await?,
    };
    Ok(())
}

/// A body, and whom to tell that it broke off: a stream of messages that just ends would look whole.
struct Source {
    data: BodyDataStream,
    rest: Bytes,
    left: u64,
    broken: Option<oneshot::Sender<Error>>,
}

impl Source {
    /// The next bytes, few enough for one message.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        while self.rest.is_empty() {
            match self.data.next().await? {
                Ok(bytes) if bytes.len() as u64 > self.left => {
                    let what = "Artifact size is too large.";
                    return self.give_up(Error::invalid(what)).await;
                }
                Ok(bytes) => {
                    self.left -= bytes.len() as u64;
                    self.rest = bytes;
                }
                Err(_) => {
                    let what = "the upload was cut short; nothing was kept, send it again";
                    let error = Error::new(ErrorCode::BadRequest, what);
                    return self.give_up(error).await;
                }
            }
        }
        let next = self.rest.split_to(self.rest.len().min(FILE_CHUNK_BYTES));
        Some((next, self))
    }

    /// Has the upload end before its end.
    async fn give_up(mut self, error: Error) -> Option<(Bytes, Self)> {
        if let Some(broken) = self.broken.take() {
            // Nobody listens any more if the upload has ended by itself.
            let _ = broken.send(error);
        }
        std::future::pending().await
    }
}
