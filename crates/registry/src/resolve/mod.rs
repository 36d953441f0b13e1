//! What references mean, from memory and never stale.
//!
//! A read first confirms in Postgres how far the log of its workspace has come ([`Confirmations`], as
//! etcd's `ReadIndex` does), which drops from memory what the log says was changed. What is there then
//! ([`Cache`]) is right, and the rest is read from Postgres and kept.

mod cache;
mod confirmations;

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use herdbook_core::{Digest, WorkspaceId};
use tokio::sync::Mutex;

use crate::{
    RegistryError,
    reference::Reference,
    store::Store,
    version::{File, Version},
};

use cache::{BYTES, Cache};
use confirmations::Confirmations;

/// References that are read from Postgres at a time, so that a cold start leaves connections to others.
const LOADING: usize = 8;
/// Files that an error names.
const FILES_SHOWN: usize = 10;

/// What a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) model: String,
    pub(crate) number: i64,
    pub(crate) label: String,
    pub(crate) stage: String,
    pub(crate) digest: Digest,
    pub(crate) files: Vec<File>,
}

impl From<Version> for Resolved {
    fn from(version: Version) -> Self {
        Self {
            model: version.model,
            number: version.number,
            label: version.label,
            stage: version.stage,
            digest: version.digest,
            files: version.files,
        }
    }
}

impl Resolved {
    /// Its file at `path`.
    pub(crate) fn file(&self, path: &str) -> Result<&File, RegistryError> {
        let missing = || {
            let shown = self.files.iter().take(FILES_SHOWN);
            let files: Vec<_> = shown.map(|file| file.path.as_str()).collect();
            RegistryError::FileNotFound {
                version: format!("{}/{}", self.model, self.number),
                path: path.chars().take(200).collect(),
                files: files.join(", "),
            }
        };
        let found = self.files.iter().find(|file| file.path == path);
        found.ok_or_else(missing)
    }
}

/// Resolves references; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Resolver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    cache: Cache,
    confirmations: Confirmations,
    /// Whoever reads a model from Postgres holds one of these, always the same for the same model: those
    /// who wait for it find in memory what it read.
    loading: [Mutex<()>; LOADING],
    hasher: RandomState,
}

impl Resolver {
    pub(crate) fn new(store: Store) -> Self {
        Self(Arc::new(Inner {
            confirmations: Confirmations::new(&store),
            cache: Cache::new(BYTES),
            store,
            loading: Default::default(),
            hasher: RandomState::new(),
        }))
    }

    /// What `reference` means in `workspace`, and the revision at which it does: none before the one that
    /// was committed last when this was called.
    pub(crate) async fn resolve(
        &self,
        workspace: WorkspaceId,
        reference: &Reference,
    ) -> Result<(Arc<Resolved>, i64), RegistryError> {
        let inner = &*self.0;
        inner.confirmations.confirm(workspace, &inner.cache).await?;
        if let Some(found) = inner.cache.get(workspace, reference) {
            return Ok(found);
        }
        let place = inner.hasher.hash_one((workspace, &reference.model)) % LOADING as u64;
        let _loading = inner.loading[usize::try_from(place).unwrap_or_default()]
            .lock()
            .await;
        if let Some(found) = inner.cache.get(workspace, reference) {
            return Ok(found);
        }
        let (version, revision) = inner.store.resolve(workspace, reference).await?;
        let resolved = Arc::new(Resolved::from(version));
        inner.cache.keep(workspace, reference, &resolved, revision);
        Ok((resolved, revision))
    }
}
