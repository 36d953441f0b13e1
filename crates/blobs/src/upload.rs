//! Putting blobs.

use std::{ops::Range, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream::BoxStream};
use herdbook_core::Digest;
use herdbook_postgres::Database;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use crate::{
    Blob, BlobError, BlobStore,
    object::Object,
    store::staging::{self, Staged},
};

/// Up to this many bytes an upload stays in memory and is put in one go; a larger one goes out in
/// parts of this size.
const PART_BYTES: usize = 8 << 20;
/// Parts of one upload on their way at the same time.
const PARTS_AT_ONCE: usize = 2;

/// How often an upload asks whether a collector is done with the same bytes, and how long it waits.
const STAGING: (Duration, usize) = (Duration::from_millis(20), 250);

/// The blobs of an installation: their bytes, and how many manifest entries name each; cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    pub(crate) store: BlobStore,
    pub(crate) pool: PgPool,
}

impl Blobs {
    /// Those whose bytes are in `store`, counted in the migrated schema in `database`.
    #[must_use]
    pub fn new(database: &Database, store: BlobStore) -> Self {
        let pool = database.pool().clone();
        Self { store, pool }
    }

    /// A URL by which anybody can read the bytes of `digest` for the time `expires_in`.
    /// [`BlobError::NotPresigned`] if they are not in a bucket.
    pub async fn presign(&self, digest: Digest, expires_in: Duration) -> Result<String, BlobError> {
        self.store.presign(digest, expires_in).await
    }

    /// Keeps the bytes of `stream`. If `expected` is given and the digest is another, nothing is kept;
    /// likewise if `size` is given and there are more or fewer. They stay for the time of grace; take a
    /// reference within it.
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
        let staged = self.stage(blob).await?;
        if !staged.stored {
            let path = self.store.path(Object::Blob(blob.digest));
            self.store
                .objects
                .put(&path, buffer.freeze().into())
                .await?;
            staging::confirm(&self.pool, blob, staged).await?;
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
        let temporary = self.store.path(Object::Upload(number));
        let upload = self.store.objects.put_multipart(&temporary).await?;
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
        let staged = self.stage(blob).await?;
        if staged.stored {
            self.store.objects.delete(&temporary).await?;
        } else {
            let path = self.store.path(Object::Blob(blob.digest));
            self.store.objects.rename(&temporary, &path).await?;
            staging::confirm(&self.pool, blob, staged).await?;
        }
        Ok(blob)
    }

    /// Makes sure that a reference may be taken to `blobs`, which a manifest names: one whose bytes an
    /// earlier version stored is counted from now on. [`BlobError::Gone`] if the bytes are not there.
    pub async fn adopt(&self, blobs: &[Blob]) -> Result<(), BlobError> {
        let known = staging::known(&self.pool, blobs).await?;
        let mut unknown = blobs.to_vec();
        unknown.retain(|blob| !known.contains(&blob.digest));
        for blob in &unknown {
            if !self.store.contains(blob.digest).await? {
                return Err(BlobError::Gone(blob.digest));
            }
        }
        if !unknown.is_empty() {
            staging::adopt(&self.pool, &unknown).await?;
        }
        Ok(())
    }

    /// The bytes of `blob`, as [`BlobStore::get`] gives them.
    pub async fn get(
        &self,
        blob: Blob,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        self.store.get(blob, range).await
    }

    /// Notes that the bytes of `blob` are about to be there: from then on, for the time of grace, no
    /// collector removes them.
    async fn stage(&self, blob: Blob) -> Result<Staged, BlobError> {
        let (pause, attempts) = STAGING;
        for _ in 0..attempts {
            match staging::stage(&self.pool, blob).await {
                Err(BlobError::Collecting(_)) => tokio::time::sleep(pause).await,
                staged => return staged,
            }
        }
        Err(BlobError::Collecting(blob.digest))
    }
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
