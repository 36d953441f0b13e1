//! The chore that removes for good what is to be removed: experiments whose purge was started and broken off,
//! and what was deleted long ago.

use std::time::Duration;

use herdbook_core::{ExperimentId, WorkspaceId};
use tokio_util::sync::CancellationToken;

use crate::{TrackingError, store::Store};

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(60);

/// Purges until `shutdown`, on any replica; what was deleted `age` ago too, if it is given.
pub(crate) async fn run(store: Store, age: Option<Duration>, shutdown: CancellationToken) {
    let work = async {
        loop {
            if let Err(error) = purge_due(&store, age).await {
                tracing::warn!(%error, "not all could be purged; it is tried again");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

/// Removes an experiment whose purge was started, with its runs.
pub(crate) async fn purge_experiment(
    store: &Store,
    workspace: WorkspaceId,
    id: ExperimentId,
) -> Result<(), TrackingError> {
    while store.purge_some(workspace, id).await? {}
    Ok(())
}

async fn purge_due(store: &Store, age: Option<Duration>) -> Result<(), TrackingError> {
    if let Some(age) = age {
        store.start_old_purges(age).await?;
    }
    for (workspace, id) in store.purging().await? {
        if let Err(error) = purge_experiment(store, workspace, id).await {
            tracing::warn!(%error, experiment = %id, "an experiment could not be purged");
        }
    }
    let Some(age) = age else { return Ok(()) };
    while store.purge_deleted_models(age).await? {}
    let mut last = None;
    loop {
        let runs = store.deleted_runs(age, last).await?;
        let Some(newest) = runs.last() else {
            return Ok(());
        };
        last = Some(*newest);
        for run in runs {
            // It may be restored, purged or forked meanwhile.
            if let Err(error) = store.purge_run(run.workspace(), run.id()).await {
                tracing::debug!(%error, run = %run.id(), "a run was not purged");
            }
        }
    }
}
