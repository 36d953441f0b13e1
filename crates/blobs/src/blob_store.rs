//! The object store.

use std::{
    fs, io,
    ops::Range,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream::BoxStream};
use herdbook_core::Digest;
use http::Method;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, local::LocalFileSystem,
    memory::InMemory, path::Path, signer::Signer,
};
use sha2::{Digest as _, Sha256};

use crate::{
    BlobError,
    bucket::{self, Bucket},
    object::Object,
};

/// What is known of some bytes once they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Digest of the bytes.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
}

/// Where the bytes of blobs are; cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Makes URLs, of a bucket.
    signer: Option<Arc<dyn Signer>>,
    root: Path,
    /// The folder, of a local store.
    folder: Option<PathBuf>,
}

impl BlobStore {
    /// Opens the store at `url`: `file:///folder` (made if needed), `s3://bucket/prefix`,
    /// `gs://bucket/prefix`, `az://container/prefix` or `memory:`. Keys and endpoints of the clouds are
    /// taken from their usual environment variables, such as `AWS_ACCESS_KEY_ID` and `AWS_ENDPOINT`.
    pub fn open(url: &str) -> Result<Self, BlobError> {
        let refused = |reason: String| BlobError::InvalidUrl {
            url: url.to_owned(),
            reason,
        };
        if let Some(folder) = url.strip_prefix("file://") {
            let folder = PathBuf::from(folder);
            let objects = local(&folder).map_err(|error| {
                refused(format!(
                    "{error}; choose another folder, or correct its permissions"
                ))
            })?;
            return Ok(Self {
                objects: Arc::new(objects),
                signer: None,
                root: Path::default(),
                folder: Some(folder),
            });
        }
        if url == "memory:" {
            return Ok(Self {
                objects: Arc::new(InMemory::new()),
                signer: None,
                root: Path::default(),
                folder: None,
            });
        }
        // A provider may be there already, from another store or server of this process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parsed = url.parse().map_err(|_| {
            refused("expected file:///folder, s3://bucket/prefix, gs://… or az://…".to_owned())
        })?;
        let Bucket {
            objects,
            signer,
            root,
        } = bucket::open(&parsed).map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            objects,
            signer: Some(signer),
            root,
            folder: None,
        })
    }

    /// Whether the bytes of `digest` are kept.
    pub async fn contains(&self, digest: Digest) -> Result<bool, BlobError> {
        match self.objects.head(&self.path(Object::Blob(digest))).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the bytes of `digest`, if they are there, and what killed processes left of them.
    pub(crate) async fn remove(&self, digest: Digest) -> Result<(), BlobError> {
        let path = self.path(Object::Blob(digest));
        if let Some(folder) = &self.folder {
            remove_staged(&folder.join(path.as_ref())).await;
        }
        match self.objects.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes uploads that were cut short and have not grown since `time`; how many.
    pub(crate) async fn remove_uploads(&self, time: DateTime<Utc>) -> Result<u64, BlobError> {
        let uploads = Object::uploads(&self.root);
        let listed = self.objects.list(Some(&uploads));
        let stale =
            listed.try_filter(move |upload| std::future::ready(upload.last_modified < time));
        let stale = stale.map_ok(|upload| upload.location).boxed();
        let removed: Vec<_> = self.objects.delete_stream(stale).try_collect().await?;
        let parts = match &self.folder {
            Some(folder) => remove_parts(&folder.join(uploads.as_ref()), time.into())
                .await
                .map_err(BlobError::Folder)?,
            None => 0,
        };
        Ok(removed.len() as u64 + parts)
    }

    /// As [`crate::Blobs::presign`] says.
    pub(crate) async fn presign(
        &self,
        digest: Digest,
        expires_in: Duration,
    ) -> Result<String, BlobError> {
        let signer = self.signer.as_ref().ok_or(BlobError::NotPresigned)?;
        let path = self.path(Object::Blob(digest));
        let url = signer.signed_url(Method::GET, &path, expires_in).await?;
        Ok(url.into())
    }

    pub(crate) fn path(&self, object: Object) -> Path {
        object.path(&self.root)
    }

    /// The bytes of `blob` in `range`, which must lie within it. When all of them are asked for, the
    /// stream ends with [`BlobError::Damaged`] if they do not have the digest.
    pub async fn get(
        &self,
        blob: Blob,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let whole = range == (0..blob.size);
        if range.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let path = self.path(Object::Blob(blob.digest));
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        let result = match self.objects.get_opts(&path, options).await {
            Ok(result) => result,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(BlobError::Missing(blob.digest));
            }
            Err(error) => return Err(error.into()),
        };
        // Seen before the first byte, and in a part too.
        if result.meta.size != blob.size {
            return Err(BlobError::Damaged(blob.digest));
        }
        let pieces = result
            .into_stream()
            .map(|piece| piece.map_err(BlobError::from));
        Ok(if whole {
            verified(pieces.boxed(), blob).boxed()
        } else {
            pieces.boxed()
        })
    }
}

/// The pieces, then an error if together they are not `blob`.
fn verified(
    pieces: BoxStream<'static, Result<Bytes, BlobError>>,
    blob: Blob,
) -> impl Stream<Item = Result<Bytes, BlobError>> {
    futures::stream::unfold(Some((pieces, Sha256::new())), move |state| async move {
        let (mut pieces, mut hash) = state?;
        match pieces.next().await {
            Some(Ok(piece)) => {
                hash.update(&piece);
                Some((Ok(piece), Some((pieces, hash))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None if <[u8; 32]>::from(hash.finalize()) == blob.digest.0 => None,
            None => Some((Err(BlobError::Damaged(blob.digest)), None)),
        }
    })
}

/// Removes the files `path#1`, `path#2` … into which the local store writes before it renames.
async fn remove_staged(path: &std::path::Path) {
    for number in 1_u32.. {
        let mut staged = path.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        if tokio::fs::remove_file(staged).await.is_err() {
            return;
        }
    }
}

/// Removes the files of uploads under way that have not grown since `time`: the local store writes
/// them under names that it does not list.
async fn remove_parts(uploads: &std::path::Path, time: SystemTime) -> io::Result<u64> {
    let mut files = match tokio::fs::read_dir(uploads).await {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    while let Some(file) = files.next_entry().await? {
        // Whoever finishes an upload meanwhile moves its file away.
        let modified = file.metadata().await.and_then(|facts| facts.modified());
        if modified.is_ok_and(|modified| modified < time)
            && tokio::fs::remove_file(file.path()).await.is_ok()
        {
            removed += 1;
        }
    }
    Ok(removed)
}

/// A local folder in which every write is flushed to disk before it is acknowledged.
fn local(folder: &std::path::Path) -> io::Result<LocalFileSystem> {
    fs::create_dir_all(folder)?;
    let probe = folder.join(".writable");
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(io::Error::other)?;
    Ok(store.with_fsync(true))
}
