//! Asking Postgres how far logs have come: one question for all who wait.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use herdbook_core::WorkspaceId;
use herdbook_postgres::KeptConnection;
use tokio::sync::{Mutex as Turn, OnceCell};

use super::cache::{Cache, RECORDS};
use crate::{RegistryError, store::Store};

/// Asks, a question at a time. Whoever comes while one is under way waits for the next, since the one
/// under way may have missed what he has to see.
pub(super) struct Confirmations {
    next: Mutex<Arc<Round>>,
    turn: Turn<KeptConnection>,
}

/// A question that was not asked yet, or is.
#[derive(Debug, Default)]
struct Round {
    workspaces: Mutex<BTreeSet<WorkspaceId>>,
    done: OnceCell<Result<(), Arc<RegistryError>>>,
}

impl fmt::Debug for Confirmations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirmations").finish_non_exhaustive()
    }
}

impl Confirmations {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            next: Mutex::default(),
            turn: Turn::new(store.kept_connection()),
        }
    }

    /// Brings `cache` forward, in what it has of `workspace`, to what was committed when this was called
    /// or later.
    pub(super) async fn confirm(
        &self,
        workspace: WorkspaceId,
        cache: &Cache,
    ) -> Result<(), RegistryError> {
        let round = {
            let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            next.join(workspace);
            next.clone()
        };
        // If the caller who asks goes away, another of the round asks in its place.
        let done = round.done.get_or_init(|| self.ask(&round, cache)).await;
        done.clone().map_err(RegistryError::Shared)
    }

    async fn ask(&self, round: &Arc<Round>, cache: &Cache) -> Result<(), Arc<RegistryError>> {
        let mut connection = self.turn.lock().await;
        self.close(round);
        let since = cache.positions(&round.workspaces());
        let progress = Store::progress(&mut connection, &since, RECORDS).await?;
        cache.bring_forward(progress);
        Ok(())
    }

    /// Lets nobody else into `round`.
    fn close(&self, round: &Arc<Round>) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&next, round) {
            *next = Arc::default();
        }
    }
}

impl Round {
    fn join(&self, workspace: WorkspaceId) {
        let mut workspaces = self
            .workspaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        workspaces.insert(workspace);
    }

    fn workspaces(&self) -> BTreeSet<WorkspaceId> {
        let workspaces = self.workspaces.lock();
        workspaces.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
