//! The manifests of versions.

use std::error::Error;

use futures::{FutureExt as _, future::BoxFuture};
use herdbook_blobs::{Manifests, Owner};

use crate::store::Store;

/// What versions name of blobs.
#[derive(Debug)]
pub(crate) struct VersionManifests {
    store: Store,
}

impl VersionManifests {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Manifests for VersionManifests {
    fn owner(&self) -> Owner {
        Owner::Registry
    }

    fn count(&self) -> BoxFuture<'_, Result<(), Box<dyn Error + Send + Sync>>> {
        async {
            while self.store.count_version().await? {}
            Ok(())
        }
        .boxed()
    }
}
