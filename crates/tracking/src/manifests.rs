//! The manifests of runs.

use std::error::Error;

use futures::{FutureExt as _, future::BoxFuture};
use herdbook_blobs::{Manifests, Owner};

use crate::store::Store;

/// What runs name of blobs.
#[derive(Debug)]
pub(crate) struct RunManifests {
    store: Store,
}

impl RunManifests {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Manifests for RunManifests {
    fn owner(&self) -> Owner {
        Owner::Tracking
    }

    fn count(&self) -> BoxFuture<'_, Result<(), Box<dyn Error + Send + Sync>>> {
        async {
            while self.store.count_artifacts().await? {}
            Ok(())
        }
        .boxed()
    }
}
