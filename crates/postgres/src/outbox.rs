//! The transactional outbox: what one service tells another, written in the commit it is about.
//!
//! What is stored: encoded requests for another service, each with the workspace it belongs to.
//! Why durable: an entry is committed with the change it tells of, so that neither can be lost
//! without the other; it is deleted only after the other service has acknowledged it.
//! What must be fast: adding an entry (one insert). Delivery is in the background.
//! On failure: an entry whose relay died is leased again once the lease ends; the receiver may see
//! it twice and must be idempotent. One that is refused for good is parked, not retried: it must not
//! hold up the others.
//!
//! Each service that has an outbox creates the table in a migration of its own:
//!
//! ```sql
//! CREATE TABLE <schema>.outbox (
//!     id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
//!     workspace_id int NOT NULL,
//!     payload      bytea NOT NULL,
//!     attempts     int NOT NULL DEFAULT 0,
//!     due_at       timestamptz NOT NULL DEFAULT now(),
//!     parked       text
//! );
//! CREATE INDEX outbox_due ON <schema>.outbox (due_at, id) WHERE parked IS NULL;
//! ```

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use herdbook_core::WorkspaceId;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, SqlSafeStr, SqlStr};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{DatabaseError, KeptConnection};

/// Entries a relay takes at once.
const BATCH: usize = 200;
/// How long a relay may take over a batch before another takes it on.
const LEASE: Duration = Duration::from_secs(30);
/// How long a relay that was woken waits for more: delivering many together costs little more than one, and
/// what it costs is taken from whoever writes meanwhile.
const GATHER: Duration = Duration::from_millis(50);
/// Has a statement's commit not wait for the disk. What a crash takes back is an entry that is delivered
/// again, which receivers expect anyway.
const UNHURRIED: &str = "(SELECT set_config('synchronous_commit', 'off', true)) AS unhurried";
/// How often a relay looks when nobody in this process woke it.
const POLL: Duration = Duration::from_millis(500);
/// Longest wait between two attempts at an entry.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// The outbox of a service.
#[derive(Debug, Clone)]
pub struct Outbox {
    wake: Arc<Notify>,
    insert: SqlStr,
    lease: SqlStr,
    delete: SqlStr,
    postpone: SqlStr,
    park: SqlStr,
}

/// An entry on its way.
#[derive(Debug, Clone)]
pub struct Entry {
    id: i64,
    /// The workspace it belongs to.
    pub workspace: WorkspaceId,
    /// The encoded request.
    pub payload: Vec<u8>,
}

/// Why an entry was not delivered.
#[derive(Debug, Clone)]
pub enum Undelivered {
    /// The receiver is away: try again later.
    Later(String),
    /// The receiver will never take it.
    Refused(String),
}

impl Outbox {
    /// The outbox in `schema`, which must be a plain identifier.
    #[must_use]
    pub fn new(schema: &'static str) -> Self {
        // Safe: the schema is a constant of the program.
        let statement = |text: String| AssertSqlSafe(text).into_sql_str();
        Self {
            wake: Arc::new(Notify::new()),
            insert: statement(format!(
                "INSERT INTO {schema}.outbox (workspace_id, payload) SELECT $1, unnest($2::bytea[])"
            )),
            lease: statement(format!(
                "UPDATE {schema}.outbox SET due_at = now() + $2, attempts = attempts + 1 \
                 FROM {UNHURRIED} WHERE id IN (SELECT id FROM {schema}.outbox \
                     WHERE parked IS NULL AND due_at <= now() \
                     ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED) \
                 RETURNING id, workspace_id, payload"
            )),
            delete: statement(format!(
                "DELETE FROM {schema}.outbox USING {UNHURRIED} WHERE id = ANY($1)"
            )),
            postpone: statement(format!(
                "UPDATE {schema}.outbox \
                 SET due_at = now() + least($2, interval '1 second' * power(2, least(attempts, 10))) \
                 WHERE id = ANY($1)"
            )),
            park: statement(format!(
                "UPDATE {schema}.outbox SET parked = $2 WHERE id = $1"
            )),
        }
    }

    /// Adds an entry in the caller's transaction. Call [`Self::wake`] once that is committed.
    pub async fn add(
        &self,
        transaction: &mut PgConnection,
        workspace: WorkspaceId,
        payload: &[u8],
    ) -> Result<(), DatabaseError> {
        self.add_all(transaction, workspace, &[payload]).await
    }

    /// Does so for each of some payloads, in their order.
    pub async fn add_all(
        &self,
        transaction: &mut PgConnection,
        workspace: WorkspaceId,
        payloads: &[&[u8]],
    ) -> Result<(), DatabaseError> {
        sqlx::query(self.insert.clone())
            .bind(workspace.0)
            .bind(payloads)
            .execute(transaction)
            .await?;
        Ok(())
    }

    /// Tells this process's relay that an entry was committed, so that it need not wait for its poll.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Delivers entries until `shutdown`, oldest first, each at least once. Any number of relays may
    /// run. `deliver` gets as many entries of one workspace as wait, and delivers all or none; those that
    /// are refused together it gets again one by one.
    pub async fn relay<D, F>(&self, pool: &PgPool, shutdown: &CancellationToken, deliver: D)
    where
        D: Fn(Vec<Entry>) -> F,
        F: Future<Output = Result<(), Undelivered>>,
    {
        let mut connection = KeptConnection::new(pool);
        while !shutdown.is_cancelled() {
            match self.relay_batch(&mut connection, &deliver).await {
                Ok(true) => {}
                Ok(false) => self.rest(shutdown).await,
                Err(error) => {
                    tracing::warn!(%error, "outbox relay failed");
                    self.rest(shutdown).await;
                }
            }
        }
    }

    async fn rest(&self, shutdown: &CancellationToken) {
        tokio::select! {
            () = self.wake.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(POLL) => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// Delivers one batch; whether more are known to wait.
    async fn relay_batch<D, F>(
        &self,
        connection: &mut KeptConnection,
        deliver: &D,
    ) -> Result<bool, DatabaseError>
    where
        D: Fn(Vec<Entry>) -> F,
        F: Future<Output = Result<(), Undelivered>>,
    {
        let entries = connection.run(async |c| self.lease(c).await).await?;
        if entries.is_empty() {
            return Ok(false);
        }
        let full = entries.len() == BATCH;
        let (mut delivered, mut later) = (Vec::new(), Vec::new());
        let mut groups: VecDeque<Vec<Entry>> = by_workspace(entries).into();
        while let Some(group) = groups.pop_front() {
            let ids: Vec<i64> = group.iter().map(|entry| entry.id).collect();
            match (deliver(group.clone()).await, ids.as_slice()) {
                (Ok(()), _) => delivered.extend(ids),
                (Err(Undelivered::Later(reason)), _) => {
                    tracing::warn!(?ids, reason, "outbox entries are tried again later");
                    later.extend(ids);
                }
                (Err(Undelivered::Refused(reason)), [id]) => {
                    tracing::error!(id, reason, "outbox entry was refused and is parked");
                    let park = sqlx::query(self.park.clone()).bind(id).bind(reason);
                    connection.run(async |c| park.execute(c).await).await?;
                }
                (Err(Undelivered::Refused(_)), _) => {
                    group
                        .into_iter()
                        .rev()
                        .for_each(|entry| groups.push_front(vec![entry]));
                }
            }
        }
        let delete = sqlx::query(self.delete.clone()).bind(&delivered);
        connection.run(async |c| delete.execute(c).await).await?;
        if !later.is_empty() {
            let postpone = sqlx::query(self.postpone.clone())
                .bind(&later)
                .bind(MAX_BACKOFF);
            connection.run(async |c| postpone.execute(c).await).await?;
        }
        Ok(full && later.is_empty())
    }

    async fn lease(&self, connection: &mut PgConnection) -> Result<Vec<Entry>, sqlx::Error> {
        let mut rows: Vec<(i64, i32, Vec<u8>)> = sqlx::query_as(self.lease.clone())
            .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
            .bind(LEASE)
            .fetch_all(connection)
            .await?;
        rows.sort_unstable_by_key(|row| row.0);
        let entry = |(id, workspace, payload)| Entry {
            id,
            workspace: WorkspaceId(workspace),
            payload,
        };
        Ok(rows.into_iter().map(entry).collect())
    }
}

/// The entries of each workspace, in their order.
fn by_workspace(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    for entry in entries {
        let same = |group: &&mut Vec<Entry>| {
            group
                .first()
                .is_some_and(|first| first.workspace == entry.workspace)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}
