//! Files on their way in: as they come, piece by piece.

use std::pin::pin;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{
    Stream, StreamExt as _,
    channel::oneshot,
    future::{Either, select},
    stream,
};
use herdbook_core::limits::FILE_CHUNK_BYTES;
use herdbook_proto::tracking::v1::{
    ArtifactHeader, UploadArtifactRequest, upload_artifact_request::Message,
};
use http::header::CONTENT_LENGTH;
use tonic::Status;

use super::place::Place;
use crate::mlflow::{
    call::Call,
    error::{Answer, Error, ErrorCode},
};

/// Keeps `body` as the file at `place`: all of it, or nothing.
pub(super) async fn keep(call: &Call, place: &Place, body: Body) -> Answer<()> {
    let announced = call.header(CONTENT_LENGTH.as_str());
    let (run_id, logged_model_id) = place.holder.ids();
    let header = ArtifactHeader {
        run_id,
        logged_model_id,
        path: place.path.clone(),
        size: announced.and_then(|size| size.parse().ok()),
        ..Default::default()
    };
    let (chunks, breaks) = pieces(body);
    let messages = stream::iter([Message::Header(header)]).chain(chunks.map(Message::Chunk));
    let messages = messages.map(|message| UploadArtifactRequest {
        message: Some(message),
    });
    let mut artifacts = call.artifacts();
    whole(artifacts.upload_artifact(messages), breaks).await?;
    Ok(())
}

/// The bytes of a body in pieces that fit a message, and what tells when it breaks off: then the pieces never end.
pub(super) fn pieces(
    body: Body,
) -> (
    impl Stream<Item = Bytes> + Send + 'static,
    oneshot::Receiver<()>,
) {
    let (broken, breaks) = oneshot::channel();
    let source = Source {
        data: body.into_data_stream(),
        rest: Bytes::new(),
        broken: Some(broken),
    };
    (stream::unfold(source, Source::next), breaks)
}

/// What an upload of a body's pieces comes to; one that breaks off is dropped, and leaves nothing.
pub(super) async fn whole<T>(
    upload: impl Future<Output = Result<T, Status>>,
    breaks: oneshot::Receiver<()>,
) -> Answer<T> {
    match select(pin!(upload), breaks).await {
        Either::Left((uploaded, _)) => Ok(uploaded?),
        Either::Right((Ok(()), _)) => {
            let what = "the upload was cut short; nothing was kept, send it again";
            Err(Error::new(ErrorCode::BadRequest, what))
        }
        Either::Right((Err(_), upload)) => Ok(upload.await?),
    }
}

/// A body, and whom to tell that it broke off: a stream of messages that just ends would look whole.
struct Source {
    data: BodyDataStream,
    rest: Bytes,
    broken: Option<oneshot::Sender<()>>,
}

impl Source {
    /// The next bytes, few enough for one message.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        while self.rest.is_empty() {
            match self.data.next().await? {
                Ok(bytes) => self.rest = bytes,
                Err(_) => return self.give_up().await,
            }
        }
        let next = self.rest.split_to(self.rest.len().min(FILE_CHUNK_BYTES));
        Some((next, self))
    }

    /// Has the upload end before its end.
    async fn give_up(mut self) -> Option<(Bytes, Self)> {
        if let Some(broken) = self.broken.take() {
            // Nobody listens any more if the upload has ended by itself.
            let _ = broken.send(());
        }
        std::future::pending().await
    }
}
