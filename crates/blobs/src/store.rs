//! Putting and getting blobs.

use std::{fs, io, ops::Range, path::PathBuf, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream::BoxStream};
use herdbook_core::Digest;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, WriteMultipart, local::LocalFileSystem,
    memory::InMemory, path::Path,
};
use sha2::{Digest as _, Sha256};

use crate::{BlobError, object::Object};

/// Up to this many bytes an upload stays in memory and is put in one go; a larger one goes out in
/// parts of this size.
const PART_BYTES: usize = 8 << 20;
/// Parts of one upload on their way at the same time.
const PARTS_AT_ONCE: usize = 2;

/// What is known of some bytes once they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Digest of the bytes.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
}

/// A store of blobs; cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore {
    objects: Arc<dyn ObjectStore>,
    root: Path,
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
            let objects = local(PathBuf::from(folder)).map_err(|error| {
                refused(format!(
                    "{error}; choose another folder, or correct its permissions"
                ))
            })?;
            return Ok(Self {
                objects: Arc::new(objects),
                root: Path::default(),
            });
        }
        if url == "memory:" {
            return Ok(Self {
                objects: Arc::new(InMemory::new()),
                root: Path::default(),
            });
        }
        // A provider may be there already, from another store or server of this process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parsed = url.parse().map_err(|_| {
            refused("expected file:///folder, s3://bucket/prefix, gs://… or az://…".to_owned())
        })?;
        let settings = std::env::vars().map(|(name, value)| (name.to_lowercase(), value));
        let (objects, root) = object_store::parse_url_opts(&parsed, settings)
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            objects: objects.into(),
            root,
        })
    }

    /// Keeps the bytes of `stream`. If `expected` is given and the digest is another, nothing is kept;
    /// likewise if `size` is given and there are more or fewer.
    pub async fn put<S, E>(
        &self,
        mut stream: S,
        expected: Option<Digest>,
        size: Option<u64>,
    ) -> Result<Blob, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let mut intake = Intake::default();
        let mut buffer = BytesMut::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|_| BlobError::Interrupted)?;
            intake.take(&piece, size)?;
            buffer.extend_from_slice(&piece);
            if buffer.len() > PART_BYTES {
                return self
                    .put_large(stream, buffer.freeze(), intake, expected, size)
                    .await;
            }
        }
        let blob = intake.finish(expected, size)?;
        if !self.contains(blob.digest).await? {
            let path = Object::Blob(blob.digest).path(&self.root);
            self.objects.put(&path, buffer.freeze().into()).await?;
        }
        Ok(blob)
    }

    /// Sends a large upload on in parts, under a name of its own until all is there.
    async fn put_large<S, E>(
        &self,
        mut stream: S,
        first: Bytes,
        mut intake: Intake,
        expected: Option<Digest>,
        size: Option<u64>,
    ) -> Result<Blob, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let number = uuid::Uuid::now_v7().as_u128();
        let temporary = Object::Upload(number).path(&self.root);
        let upload = self.objects.put_multipart(&temporary).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let received = async {
            upload.put(first);
            while let Some(piece) = stream.next().await {
                let piece = piece.map_err(|_| BlobError::Interrupted)?;
                intake.take(&piece, size)?;
                upload.wait_for_capacity(PARTS_AT_ONCE).await?;
                upload.put(piece);
            }
            intake.finish(expected, size)
        };
        let blob = match received.await {
            Ok(blob) => blob,
            Err(error) => {
                upload.abort().await?;
                return Err(error);
            }
        };
        upload.finish().await?;
        let path = Object::Blob(blob.digest).path(&self.root);
        if self.contains(blob.digest).await? {
            self.objects.delete(&temporary).await?;
        } else {
            self.objects.rename(&temporary, &path).await?;
        }
        Ok(blob)
    }

    /// Whether the bytes of `digest` are kept.
    pub async fn contains(&self, digest: Digest) -> Result<bool, BlobError> {
        match self
            .objects
            .head(&Object::Blob(digest).path(&self.root))
            .await
        {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
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
        let path = Object::Blob(blob.digest).path(&self.root);
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

/// Counts and hashes bytes as they come.
#[derive(Default)]
struct Intake {
    hash: Sha256,
    size: u64,
}

impl Intake {
    fn take(&mut self, piece: &[u8], expected: Option<u64>) -> Result<(), BlobError> {
        self.hash.update(piece);
        self.size += piece.len() as u64;
        match expected {
            Some(expected) if self.size > expected => Err(BlobError::SizeMismatch {
                expected,
                found: self.size,
            }),
            _ => Ok(()),
        }
    }

    fn finish(self, digest: Option<Digest>, size: Option<u64>) -> Result<Blob, BlobError> {
        let blob = Blob {
            digest: Digest(self.hash.finalize().into()),
            size: self.size,
        };
        if let Some(expected) = size.filter(|size| *size != blob.size) {
            return Err(BlobError::SizeMismatch {
                expected,
                found: blob.size,
            });
        }
        match digest.filter(|digest| *digest != blob.digest) {
            Some(expected) => Err(BlobError::DigestMismatch {
                expected,
                found: blob.digest,
            }),
            None => Ok(blob),
        }
    }
}

/// A local folder in which every write is flushed to disk before it is acknowledged.
fn local(folder: PathBuf) -> io::Result<LocalFileSystem> {
    fs::create_dir_all(&folder)?;
    let probe = folder.join(".writable");
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)?;
    let store = LocalFileSystem::new_with_prefix(&folder).map_err(io::Error::other)?;
    Ok(store.with_fsync(true))
}
