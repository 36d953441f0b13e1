//! Making checkpoints: what came since the last is verified, then how far the log has come is signed.

use std::time::Duration;

use herdbook_core::WorkspaceId;
use tokio_util::sync::CancellationToken;

use crate::{RegistryError, checkpoint::Checkpoint, store::Store};

/// How often it is looked whether a workspace is due.
const POLL: Duration = Duration::from_secs(30);

/// Makes checkpoints that are due until `shutdown`. Two processes that do so at once make the same.
pub(crate) async fn run(store: Store, shutdown: CancellationToken) {
    loop {
        if let Err(error) = round(&store).await {
            tracing::warn!(%error, "checkpoints of the audit log could not be made");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn round(store: &Store) -> Result<(), RegistryError> {
    for workspace in store.due_for_checkpoint().await? {
        match make(store, workspace).await {
            Ok(_) => {}
            Err(error @ RegistryError::AuditBroken { .. }) => {
                tracing::error!(%workspace, %error, "the audit log was tampered with");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a checkpoint of `workspace`, or returns the last if no record came since.
pub(crate) async fn make(
    store: &Store,
    workspace: WorkspaceId,
) -> Result<Checkpoint, RegistryError> {
    let last = store.last_checkpoint(workspace).await?;
    let verified = store.verify_audit(workspace, last.as_ref(), None).await?;
    if let Some((revision, problem)) = verified.broken {
        let problem = problem.to_string();
        return Err(RegistryError::AuditBroken { revision, problem });
    }
    let hash = verified.hash().ok_or(RegistryError::AuditEmpty)?;
    match last {
        Some(last) if last.revision == verified.revision => Ok(last),
        _ => {
            store
                .add_checkpoint(workspace, verified.revision, hash)
                .await
        }
    }
}
