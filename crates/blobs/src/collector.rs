//! Removing blobs that nothing names.
//!
//! A blob's row is marked in one commit, then its bytes are removed, then its row. Whoever names the
//! blob locks the row, so that either the reference is there before the mark, and the blob stays, or
//! the mark is there first, and the caller is told to upload the bytes again. A collector that is
//! killed in between leaves a mark, which the next one finds.

use std::{error::Error, sync::Arc, time::Duration};

use futures::{StreamExt as _, future::BoxFuture};
use herdbook_postgres::{
    DatabaseError,
    advisory::{self, Chore},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    BlobError, Blobs,
    store::{
        COLLECTION,
        collection::{self, Marked},
    },
};

/// Blobs marked at a time: few enough to be removed well before the marks are old.
const BATCH: usize = 200;
/// Bytes removed at the same time.
const REMOVALS_AT_ONCE: usize = 8;
/// Shortest and longest time between two rounds.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// Who names blobs in manifests. The names are part of the protocol between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Runs.
    Tracking,
    /// Versions of models.
    Registry,
}

impl Owner {
    const ALL: [&str; 2] = [Self::Tracking.name(), Self::Registry.name()];

    const fn name(self) -> &'static str {
        match self {
            Self::Tracking => "tracking",
            Self::Registry => "registry",
        }
    }
}

/// The manifests of an owner.
pub trait Manifests: Send + Sync {
    /// Whose they are.
    fn owner(&self) -> Owner;

    /// Takes the references of entries that versions wrote which did not count. May be called at any
    /// time and any number of times.
    fn count(&self) -> BoxFuture<'_, Result<(), Box<dyn Error + Send + Sync>>>;
}

/// Removes blobs that nothing names.
#[derive(Debug, Clone)]
pub struct Collector {
    blobs: Blobs,
    grace: Duration,
}

impl Collector {
    /// One that leaves blobs alone until nothing has named them for `grace`.
    #[must_use]
    pub fn new(blobs: Blobs, grace: Duration) -> Self {
        Self { blobs, grace }
    }

    /// Collects again and again until `shutdown`, each time after the manifests of this process are
    /// counted. Any number of processes may do so.
    pub async fn run(self, manifests: Vec<Arc<dyn Manifests>>, shutdown: CancellationToken) {
        // A round that is cut short does no more harm than one that is killed.
        shutdown.run_until_cancelled(self.repeat(&manifests)).await;
    }

    async fn repeat(&self, manifests: &[Arc<dyn Manifests>]) {
        let (shortest, longest) = REST;
        let rest = (self.grace / 10).clamp(shortest, longest);
        loop {
            match self.round(manifests).await {
                Ok(0) => {}
                Ok(blobs) => tracing::info!(blobs, "collected blobs that nothing names"),
                Err(error) => tracing::warn!(error, "collecting blobs failed"),
            }
            tokio::time::sleep(rest).await;
        }
    }

    /// Counts `manifests`, which are those of this process, and collects what is due unless another
    /// process is at it or an owner's manifests are not counted yet; how many blobs. Uploads that were
    /// cut short go too.
    pub async fn round(
        &self,
        manifests: &[Arc<dyn Manifests>],
    ) -> Result<u64, Box<dyn Error + Send + Sync>> {
        for manifests in manifests {
            manifests.count().await?;
            collection::note_counted(&self.blobs.pool, manifests.owner().name()).await?;
        }
        Ok(self.collect().await?)
    }

    async fn collect(&self) -> Result<u64, BlobError> {
        let pool = &self.blobs.pool;
        if collection::counted(pool, &Owner::ALL).await? < Owner::ALL.len() as i64 {
            return Ok(0);
        }
        let mut transaction = herdbook_postgres::begin(pool)
            .await
            .map_err(DatabaseError::from)?;
        if !advisory::try_lock(&mut transaction, Chore::BlobCollection).await? {
            return Ok(0);
        }
        let mut collected = 0;
        loop {
            let marked_at = Instant::now();
            let marked = collection::mark(pool, self.grace, BATCH).await?;
            let more = marked.len() == BATCH;
            let gone = self.remove(marked, marked_at).await;
            collected += collection::remove(pool, &gone).await?;
            if !more {
                break;
            }
        }
        let stale = collection::ago(pool, self.grace).await?;
        let uploads = self.blobs.store.remove_uploads(stale).await?;
        if uploads > 0 {
            tracing::info!(uploads, "removed uploads that were cut short");
        }
        // One that is only dropped holds its lock until the pool comes to it.
        transaction.commit().await.map_err(DatabaseError::from)?;
        Ok(collected)
    }

    /// Removes the bytes of `marked`; those that are gone. Stops well before the marks are old.
    async fn remove(&self, marked: Vec<Marked>, marked_at: Instant) -> Vec<Marked> {
        let deadline = marked_at + COLLECTION / 2;
        let in_time = futures::stream::iter(marked)
            .take_while(|_| std::future::ready(Instant::now() < deadline));
        let removals = in_time.map(async |blob: Marked| {
            let removal = self.blobs.store.remove(blob.digest);
            match tokio::time::timeout_at(deadline, removal).await {
                Ok(Ok(())) => Some(blob),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the bytes of a blob were not removed");
                    None
                }
                Err(_) => None,
            }
        });
        let gone = removals.buffer_unordered(REMOVALS_AT_ONCE);
        gone.filter_map(std::future::ready).collect().await
    }
}
