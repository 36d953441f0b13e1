//! The schema `registry`.
//!
//! What is stored: models with their policies, versions with their files, and the audit log of every
//! change. Why durable: what serves is decided here. What must be fast: resolving a reference, one or
//! two index look-ups. On failure: a change is one transaction with its audit record; what was not
//! acknowledged may be asked for again with its request id.
//!
//! Order of locks: a shared policy, the model's row, then the workspace's revision, the last row touched.

mod approvals;
pub(crate) mod audit;
mod checkpoints;
pub(crate) mod checks;
mod deletion;
pub(crate) mod models;
pub(crate) mod policies;
pub(crate) mod registration;
mod renaming;
mod repeats;
pub(crate) mod requests;
pub(crate) mod resolve;
mod search;
pub(crate) mod signatures;
pub(crate) mod stages;
pub(crate) mod transitions;
pub(crate) mod versions;
mod webhook_sending;
pub(crate) mod webhooks;

use std::{collections::HashMap, sync::Arc};

use herdbook_core::WorkspaceId;
use herdbook_postgres::Outbox;
use sqlx::PgPool;

use crate::{RegistryError, checkpoint::AuditKey, watch::Pulse};

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
    outbox: Outbox,
    pulse: Pulse,
    catalogues: Arc<search::Catalogues>,
    audit_key: Option<AuditKey>,
}

impl Store {
    pub(crate) fn new(
        pool: PgPool,
        outbox: Outbox,
        pulse: Pulse,
        audit_key: Option<AuditKey>,
    ) -> Self {
        Self {
            pool,
            outbox,
            pulse,
            catalogues: Arc::default(),
            audit_key,
        }
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The last revision of each of `workspaces` in which anything ever changed.
    pub(crate) async fn revisions(
        &self,
        workspaces: &[WorkspaceId],
    ) -> Result<HashMap<WorkspaceId, i64>, RegistryError> {
        let ids: Vec<i32> = workspaces.iter().map(|workspace| workspace.0).collect();
        let rows: Vec<(i32, i64)> = sqlx::query_as(
            "SELECT workspace_id, revision FROM registry.workspaces WHERE workspace_id = ANY($1)",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|(id, revision)| (WorkspaceId(id), revision))
            .collect())
    }

    /// Says that a change was committed.
    fn committed(&self) {
        self.pulse.nudge();
        self.outbox.wake();
    }
}
