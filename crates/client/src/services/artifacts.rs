//! Files, in pieces and by their digests.

use std::{io::SeekFrom, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use herdbook_core::Digest;
use herdbook_proto::{
    common::v1::File,
    registry::v1::{
        DownloadVersionFileRequest, download_version_file_response::Message as VersionPart,
        version_service_client::VersionServiceClient,
    },
    tracking::v1::{
        ArtifactHeader, DownloadArtifactRequest, UploadArtifactRequest,
        artifact_service_client::ArtifactServiceClient,
        download_artifact_response::Message as ArtifactPart, upload_artifact_request::Message,
    },
};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{
        AsyncRead, AsyncReadExt as _, AsyncSeek, AsyncSeekExt as _, AsyncWrite, AsyncWriteExt as _,
    },
    sync::{Mutex, mpsc},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Error, Failed, Herdbook};

/// Bytes of a file in one message.
const CHUNK: usize = 1 << 20;
/// Messages of an upload that are read ahead.
const AHEAD: usize = 2;

/// Part of a download: first the file's facts, then its bytes.
enum Part {
    File(File),
    Chunk(Bytes),
}

impl Herdbook {
    /// Keeps what `content` holds, from its present position on, as a file of a run. It is read twice, first
    /// for its digest, which the server checks, and again if the connection is lost.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), or if the content cannot be read.
    pub async fn upload_artifact<R>(
        &self,
        run_id: &str,
        path: &str,
        mut content: R,
    ) -> Result<File, Error>
    where
        R: AsyncRead + AsyncSeek + Unpin + Send + 'static,
    {
        let start = content.stream_position().await?;
        let (digest, size) = digest(&mut content).await?;
        let header = ArtifactHeader {
            run_id: run_id.to_owned(),
            path: path.to_owned(),
            digest: digest.to_string(),
            size: Some(size),
            ..Default::default()
        };
        let content = Arc::new(Mutex::new(content));
        let mut patience = self.patience();
        loop {
            content.lock().await.seek(SeekFrom::Start(start)).await?;
            let (sender, requests) = mpsc::channel(AHEAD);
            let reading = tokio::spawn(read(content.clone(), header.clone(), sender));
            let mut artifacts = ArtifactServiceClient::new(self.connection());
            let answer = artifacts
                .upload_artifact(ReceiverStream::new(requests))
                .await;
            // With the call its receiver is gone, so that the reading ends.
            if let Ok(Err(error)) = reading.await {
                return Err(error.into());
            }
            match answer {
                Ok(answer) => return Ok(answer.into_inner().file.unwrap_or_default()),
                Err(status) => patience.after(status.into()).await?,
            }
        }
    }

    /// Writes a file of a run. After a lost connection it goes on with the next byte.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), if `into` cannot be written, or if the bytes are not those of the digest.
    pub async fn download_artifact<W: AsyncWrite + Unpin>(
        &self,
        run_id: &str,
        path: &str,
        into: W,
    ) -> Result<File, Error> {
        let open = async |offset| {
            let request = DownloadArtifactRequest {
                run_id: run_id.to_owned(),
                path: path.to_owned(),
                offset,
                ..Default::default()
            };
            let mut artifacts = ArtifactServiceClient::new(self.connection());
            let parts = artifacts.download_artifact(request).await?.into_inner();
            Ok(known(parts, |part| {
                Some(match part.message? {
                    ArtifactPart::File(file) => Part::File(file),
                    ArtifactPart::Chunk(chunk) => Part::Chunk(chunk),
                })
            }))
        };
        self.download(path, into, open).await
    }

    /// Writes a file of a version, such as `fraud-detector@Production`, likewise.
    ///
    /// # Errors
    ///
    /// As [`download_artifact`](Self::download_artifact).
    pub async fn download_version_file<W: AsyncWrite + Unpin>(
        &self,
        reference: &str,
        path: &str,
        into: W,
    ) -> Result<File, Error> {
        let open = async |offset| {
            let request = DownloadVersionFileRequest {
                reference: reference.to_owned(),
                path: path.to_owned(),
                offset,
                ..Default::default()
            };
            let mut versions = VersionServiceClient::new(self.connection());
            let parts = versions.download_version_file(request).await?.into_inner();
            Ok(known(parts, |part| {
                Some(match part.message? {
                    VersionPart::File(file) => Part::File(file),
                    VersionPart::Chunk(chunk) => Part::Chunk(chunk),
                })
            }))
        };
        self.download(path, into, open).await
    }

    async fn download<W: AsyncWrite + Unpin>(
        &self,
        path: &str,
        mut into: W,
        open: impl AsyncFn(i64) -> Result<BoxStream<'static, Result<Part, Status>>, Status>,
    ) -> Result<File, Error> {
        let mut file: Option<File> = None;
        let mut written = 0;
        let mut hash = Sha256::new();
        let mut patience = self.patience();
        'attempts: loop {
            let mut parts = match open(written).await {
                Ok(parts) => parts,
                Err(status) => {
                    patience.after(status.into()).await?;
                    continue;
                }
            };
            while let Some(part) = parts.next().await {
                match part {
                    Ok(Part::File(told)) => {
                        let path = told.path.clone();
                        match file.replace(told) {
                            Some(before)
                                if Some(&before.digest)
                                    != file.as_ref().map(|file| &file.digest) =>
                            {
                                return Err(Error::Replaced { path });
                            }
                            _ => {}
                        }
                    }
                    Ok(Part::Chunk(chunk)) => {
                        hash.update(&chunk);
                        into.write_all(&chunk).await?;
                        written += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
                        patience.renew();
                    }
                    Err(status) => {
                        patience.after(status.into()).await?;
                        continue 'attempts;
                    }
                }
            }
            break;
        }
        into.flush().await?;
        let file = file.ok_or_else(|| Failed::from(Status::internal("the server told no file")))?;
        let found = Digest(hash.finalize().into()).to_string();
        match found == file.digest {
            true => Ok(file),
            false => Err(Error::Damaged {
                path: path.to_owned(),
                found,
                expected: file.digest,
            }),
        }
    }
}

/// The parts of a download, without those of a later contract.
fn known<T: 'static>(
    parts: impl Stream<Item = Result<T, Status>> + Send + 'static,
    read: impl Fn(T) -> Option<Part> + Send + Sync + 'static,
) -> BoxStream<'static, Result<Part, Status>> {
    parts
        .filter_map(move |part| std::future::ready(part.map(&read).transpose()))
        .boxed()
}

/// Digest and size of what is left of `content`.
async fn digest(content: &mut (impl AsyncRead + Unpin)) -> Result<(Digest, i64), std::io::Error> {
    let mut hash = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = content.read(&mut buffer).await?;
        if count == 0 {
            return Ok((Digest(hash.finalize().into()), size));
        }
        hash.update(&buffer[..count]);
        size += i64::try_from(count).unwrap_or(i64::MAX);
    }
}

/// Hands a file over in pieces, until nobody takes them any more.
async fn read<R: AsyncRead + Unpin>(
    content: Arc<Mutex<R>>,
    header: ArtifactHeader,
    requests: mpsc::Sender<UploadArtifactRequest>,
) -> Result<(), std::io::Error> {
    let mut content = content.lock().await;
    let mut message = Message::Header(header);
    while requests
        .send(UploadArtifactRequest {
            message: Some(message),
        })
        .await
        .is_ok()
    {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut *content)
            .take(CHUNK as u64)
            .read_to_end(&mut chunk)
            .await?;
        if read == 0 {
            break;
        }
        message = Message::Chunk(chunk.into());
    }
    Ok(())
}
