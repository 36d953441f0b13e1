//! Advisory locks: at most one of all replicas does a chore at a time.
//!
//! What: transaction-level locks (`pg_try_advisory_xact_lock`), so that a pooler between us and
//! Postgres does no harm and a killed process frees its lock with its connection.
//! Why: singleton chores need no leader election, only this.
//! Footprint: one connection of the pool for as long as the chore's transaction lasts.
//! Key space: the two-key form belongs to Herdbook; the first key is [`NAMESPACE`], the second one
//! of the constants of [`Chore`]. sqlx's migrations use the one-key form, which does not overlap.

use herdbook_core::WorkspaceId;
use sqlx::PgConnection;

use crate::DatabaseError;

/// First key of all of Herdbook's locks: "HERD" in ASCII.
const NAMESPACE: i32 = 0x4845_5244;

/// A chore that only one replica does at a time. The numbers are part of the protocol between
/// versions that run side by side: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Chore {
    /// Compacting metric blocks.
    MetricCompaction = 1,
    /// Making the key with which services sign for each other.
    SigningKeys = 2,
    /// Folding runs into the columns for search.
    SearchColumns = 3,
    /// Signing how far the audit logs have come.
    AuditCheckpoints = 20,
    /// Removing blobs that nothing names.
    BlobCollection = 10,
}

/// Takes the lock of `chore` until the transaction ends; `false` if another process has it.
pub async fn try_lock(transaction: &mut PgConnection, chore: Chore) -> Result<bool, DatabaseError> {
    let locked = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1, $2)")
        .bind(NAMESPACE)
        .bind(chore as i32)
        .fetch_one(transaction)
        .await?;
    Ok(locked)
}

/// Takes the lock of `chore` until the transaction ends, waiting for whoever has it.
pub async fn lock(transaction: &mut PgConnection, chore: Chore) -> Result<(), DatabaseError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)")
        .bind(NAMESPACE)
        .bind(chore as i32)
        .execute(transaction)
        .await?;
    Ok(())
}

/// First key of the locks under which the edges of a workspace are searched for cycles: "HERL" in
/// ASCII. The second key is the workspace.
const LINEAGE_NAMESPACE: i32 = 0x4845_524c;

/// Keeps other batches that could close a cycle in the lineage of `workspace` waiting until the
/// transaction ends.
pub async fn lock_lineage(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<(), DatabaseError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)")
        .bind(LINEAGE_NAMESPACE)
        .bind(workspace.0)
        .execute(transaction)
        .await?;
    Ok(())
}

/// First key of the locks under which nodes of a workspace stay the ones they are: "HERN" in ASCII. The
/// second key is the workspace. Taken before that of cycles.
const NODES_NAMESPACE: i32 = 0x4845_524e;

/// Keeps every node of `workspace` the one it is until the transaction ends: those found are neither
/// retracted nor merged meanwhile. Any number may hold it.
pub async fn hold_lineage_nodes(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<(), DatabaseError> {
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1, $2)")
        .bind(NODES_NAMESPACE)
        .bind(workspace.0)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Waits for all who hold the nodes of `workspace`, and keeps others waiting until the transaction ends.
pub async fn seize_lineage_nodes(
    transaction: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<(), DatabaseError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)")
        .bind(NODES_NAMESPACE)
        .bind(workspace.0)
        .execute(transaction)
        .await?;
    Ok(())
}
