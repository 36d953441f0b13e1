//! Files of runs and logged models.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use herdbook_core::limits::FILE_CHUNK_BYTES;
use herdbook_proto::{
    common::v1::File,
    tracking::v1::{
        ArtifactHeader, ListArtifactsRequest, UploadArtifactRequest,
        upload_artifact_request::Message,
    },
};
use tonic::Status;

use super::{Destination, call};
use crate::ImportError;

/// Whose files they are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'a> {
    Run(&'a str),
    LoggedModel(&'a str),
}

impl Owner<'_> {
    fn ids(self) -> (String, String) {
        match self {
            Self::Run(id) => (id.to_owned(), String::new()),
            Self::LoggedModel(id) => (String::new(), id.to_owned()),
        }
    }
}

impl Destination {
    /// All files of an owner, by path.
    pub(crate) async fn files(&self, owner: Owner<'_>) -> Result<Vec<File>, Status> {
        let (run_id, logged_model_id) = owner.ids();
        let mut request = ListArtifactsRequest {
            run_id,
            logged_model_id,
            page_size: 1_000,
            ..Default::default()
        };
        let mut files = Vec::new();
        loop {
            let page = call!(self.artifacts, list_artifacts, request).await?;
            files.extend(page.files);
            if page.next_page_token.is_empty() {
                return Ok(files);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Uploads a file of an owner.
    pub(crate) async fn upload(
        &self,
        owner: Owner<'_>,
        path: &str,
        size: i64,
        pieces: BoxStream<'static, Result<Bytes, ImportError>>,
    ) -> Result<(), ImportError> {
        let (run_id, logged_model_id) = owner.ids();
        let header = ArtifactHeader {
            run_id,
            logged_model_id,
            path: path.to_owned(),
            size: Some(size),
            ..Default::default()
        };
        // A source that cannot be read ends the upload short of its size, which the server refuses.
        let broken: Arc<Mutex<Option<ImportError>>> = Arc::default();
        let noted = Arc::clone(&broken);
        let chunks = pieces
            .scan((), move |(), piece| {
                let piece = piece.map_err(|error| {
                    *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                });
                std::future::ready(piece.ok())
            })
            .flat_map(|piece| stream::iter(cut(piece)).map(Message::Chunk));
        let messages = stream::once(std::future::ready(Message::Header(header)))
            .chain(chunks)
            .map(|message| UploadArtifactRequest {
                message: Some(message),
            });
        let uploaded = self.artifacts.clone().upload_artifact(messages).await;
        let broken = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (uploaded, broken) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(error)) => Err(error),
            (Err(status), None) => Err(status.into()),
        }
    }
}

/// Pieces that a message may hold.
fn cut(mut piece: Bytes) -> Vec<Bytes> {
    let mut pieces = Vec::with_capacity(1);
    while piece.len() > FILE_CHUNK_BYTES {
        pieces.push(piece.split_to(FILE_CHUNK_BYTES));
    }
    pieces.push(piece);
    pieces
}
