//! Blobs of its own for each test.

use std::{
    convert::Infallible, error::Error, ops::Range, path::PathBuf, sync::Arc, time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt as _, TryStreamExt as _, future::BoxFuture, stream};
use herdbook_blobs::{
    Blob, BlobError, BlobStore, Blobs, Collector, Manifests, Owner, References, SCHEMA,
};
use herdbook_core::Digest;
use herdbook_postgres::{Database, migrate};
use herdbook_testkit::TestDatabase;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

type Pieces = stream::Iter<std::vec::IntoIter<Result<Bytes, Infallible>>>;

pub(crate) fn pieces(content: &[u8]) -> Pieces {
    let pieces: Vec<_> = content
        .chunks(1 << 20)
        .map(|c| Ok(Bytes::copy_from_slice(c)))
        .collect();
    stream::iter(pieces)
}

pub(crate) struct Place {
    pub(crate) blobs: Blobs,
    pub(crate) database: Database,
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await.database();
        migrate(&database, SCHEMA, &herdbook_blobs::MIGRATIONS)
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(&format!("file://{}", folder.path().display())).unwrap();
        Self {
            blobs: Blobs::new(&database, store),
            database,
            folder,
        }
    }

    pub(crate) async fn put(&self, content: &[u8]) -> Blob {
        self.try_put(content).await.unwrap()
    }

    pub(crate) async fn try_put(&self, content: &[u8]) -> Result<Blob, BlobError> {
        self.blobs.put(pieces(content), None, None).await
    }

    pub(crate) async fn read(&self, blob: Blob, range: Range<u64>) -> Result<Vec<u8>, BlobError> {
        let pieces: Vec<Bytes> = self.blobs.get(blob, range).await?.try_collect().await?;
        Ok(pieces.concat())
    }

    pub(crate) async fn is_there(&self, blob: Blob) -> bool {
        match self.read(blob, 0..blob.size).await {
            Ok(_) => true,
            Err(BlobError::Missing(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn take(&self, digests: &[Digest]) -> Result<(), BlobError> {
        let mut references = References::default();
        references.extend(digests.iter().copied());
        self.apply(references).await
    }

    pub(crate) async fn release(&self, digest: Digest) {
        let mut references = References::default();
        references.release(digest);
        self.apply(references).await.unwrap();
    }

    pub(crate) async fn apply(&self, references: References) -> Result<(), BlobError> {
        let mut transaction = herdbook_postgres::begin(self.database.pool())
            .await
            .unwrap();
        references.apply(&mut transaction).await?;
        transaction.commit().await.unwrap();
        Ok(())
    }

    /// Collects once as a process does in which all owners are counted.
    pub(crate) async fn collect(&self, grace: Duration) -> u64 {
        self.collect_with(grace, &[Owner::Tracking, Owner::Registry])
            .await
    }

    pub(crate) async fn collect_with(&self, grace: Duration, owners: &[Owner]) -> u64 {
        let manifests = |owner: &Owner| Arc::new(Counted(*owner)) as Arc<dyn Manifests>;
        let manifests: Vec<_> = owners.iter().map(manifests).collect();
        let collector = Collector::new(self.blobs.clone(), grace);
        collector.round(&manifests).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql)
            .execute(self.database.pool())
            .await
            .unwrap();
    }

    /// Whatever lies in the folder.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files(self.folder.path())
    }
}

struct Counted(Owner);

impl Manifests for Counted {
    fn owner(&self) -> Owner {
        self.0
    }

    fn count(&self) -> BoxFuture<'_, Result<(), Box<dyn Error + Send + Sync>>> {
        async { Ok(()) }.boxed()
    }
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
