//! Moves that wait for approvals.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use herdbook_core::{Digest, PrincipalId, WorkspaceId};
use herdbook_proto::registry::v1::RequestState;
use herdbook_rpc::{Caller, Role};
use sqlx::{FromRow, PgConnection, types::Json};
use uuid::Uuid;

use super::{
    Store,
    models::Model,
    stages::standing,
    transitions::{Change, Seen, stage},
    versions::read,
};
use crate::{
    RegistryError,
    policy::{Policy, Rule},
    request::{Approval, Request},
    rules::people::is_asked,
    transition::Way,
};

const COLUMNS: &str = "r.id, m.name AS model, r.number, r.digest, r.from_stage, r.to_stage, r.rollback, r.comment, \
    r.requester, r.requested_by, r.requested_at, r.expires_at, r.closed_at, r.closed_by, \
    CASE WHEN r.state = 1 AND r.expires_at <= clock_timestamp() THEN 5 ELSE r.state END AS state";

/// Requests that are judged at a time.
const JUDGED: usize = 200;

#[derive(FromRow)]
struct Row {
    id: i64,
    model: String,
    number: i64,
    digest: Vec<u8>,
    from_stage: String,
    to_stage: String,
    rollback: bool,
    comment: String,
    requester: Uuid,
    requested_by: String,
    requested_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    closed_by: Option<String>,
    state: i32,
}

/// A request with the policy by which it is judged.
#[derive(FromRow)]
struct JudgedRow {
    #[sqlx(flatten)]
    row: Row,
    policy: Json<Policy>,
}

impl JudgedRow {
    fn rules(&self) -> Option<Cow<'_, [Rule]>> {
        let Row {
            number,
            from_stage,
            to_stage,
            rollback,
            ..
        } = &self.row;
        let way = Way::of_request(*rollback, *number);
        way.rules(&self.policy, from_stage, to_stage)
    }
}

#[derive(FromRow)]
struct ApprovalRow {
    request: i64,
    principal: Uuid,
    name: String,
    comment: String,
    approved_at: DateTime<Utc>,
}

impl Row {
    fn with(self, approvals: &[ApprovalRow]) -> Result<Request, RegistryError> {
        let own = approvals.iter().filter(|row| row.request == self.id);
        let approvals = own.map(|row| Approval {
            principal: PrincipalId::from(row.principal),
            name: row.name.clone(),
            comment: row.comment.clone(),
            at: row.approved_at,
        });
        Ok(Request {
            id: self.id,
            model: self.model,
            number: self.number,
            digest: Digest::try_from(self.digest.as_slice()).map_err(|_| RegistryError::Damaged)?,
            from: self.from_stage,
            to: self.to_stage,
            rollback: self.rollback,
            comment: self.comment,
            requester: PrincipalId::from(self.requester),
            requested_by: self.requested_by,
            requested_at: self.requested_at,
            expires_at: self.expires_at,
            state: RequestState::try_from(self.state).map_err(|_| RegistryError::Damaged)?,
            closed_at: self.closed_at,
            closed_by: self.closed_by,
            approvals: approvals.collect(),
        })
    }
}

/// Adds their approvals to requests of `workspace`.
async fn complete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    rows: Vec<Row>,
) -> Result<Vec<Request>, RegistryError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let approvals: Vec<ApprovalRow> = sqlx::query_as(
        "SELECT request, principal, name, comment, approved_at FROM registry.approvals \
         WHERE workspace_id = $1 AND request = ANY($2) ORDER BY approved_at, principal",
    )
    .bind(workspace.0)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| row.with(&approvals)).collect()
}

/// The open request for bringing a version to a stage.
pub(super) async fn open_request(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    model: &Model,
    number: i64,
    to: &str,
    way: Way,
) -> Result<Option<Request>, RegistryError> {
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.requests AS r JOIN registry.models AS m USING (model_key) \
         WHERE r.model_key = $1 AND r.number = $2 AND r.to_stage = $3 \
             AND r.rollback = $4 AND r.state = 1 AND r.expires_at > clock_timestamp()"
    )))
    .bind(model.key)
    .bind(number)
    .bind(to)
    .bind(way.is_rollback())
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(complete(connection, workspace, rows).await?.pop())
}

pub(super) async fn read_request(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    id: i64,
) -> Result<Request, RegistryError> {
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM registry.requests AS r JOIN registry.models AS m USING (model_key) \
         WHERE r.workspace_id = $1 AND r.id = $2"
    )))
    .bind(workspace.0)
    .bind(id)
    .fetch_all(&mut *connection)
    .await?;
    let found = complete(connection, workspace, rows).await?.pop();
    found.ok_or(RegistryError::RequestNotFound(id))
}

/// Opens a request at the revision `id` for the move of `change` to `to`.
pub(super) async fn open(
    transaction: &mut PgConnection,
    caller: &Caller,
    change: &Change<'_>,
    to: &str,
    comment: &str,
    id: i64,
    lasts: TimeDelta,
) -> Result<(), RegistryError> {
    let Change {
        model, version, at, ..
    } = change;
    let rollback = change.undone_since.is_some();
    // One that expired stands as open until now.
    sqlx::query(
        "UPDATE registry.requests SET state = 5, closed_at = expires_at \
         WHERE model_key = $1 AND number = $2 AND to_stage = $3 AND rollback = $4 AND state = 1",
    )
    .bind(model.key)
    .bind(version.number)
    .bind(to)
    .bind(rollback)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "INSERT INTO registry.requests (workspace_id, id, model_key, number, digest, from_stage, \
             to_stage, comment, requester, requested_by, requested_at, expires_at, rollback) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(caller.workspace.0)
    .bind(id)
    .bind(model.key)
    .bind(version.number)
    .bind(version.digest.0)
    .bind(&version.stage)
    .bind(to)
    .bind(comment)
    .bind(caller.principal.as_uuid())
    .bind(&*caller.name)
    .bind(at)
    .bind(*at + lasts)
    .bind(rollback)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Closes what moving `numbers`, of them `moved` to `to`, has settled or made void.
pub(super) async fn close_moved(
    transaction: &mut PgConnection,
    change: &Change<'_>,
    numbers: &[i64],
    to: &str,
    by: &str,
) -> Result<(), RegistryError> {
    sqlx::query(
        "UPDATE registry.requests SET closed_at = $5, closed_by = $6, \
             state = CASE WHEN expires_at <= $5 THEN 5 WHEN number = $3 AND to_stage = $4 THEN 2 ELSE 6 END \
         WHERE model_key = $1 AND number = ANY($2) AND state = 1",
    )
    .bind(change.model.key)
    .bind(numbers)
    .bind(change.version.number)
    .bind(to)
    .bind(change.at)
    .bind(by)
    .execute(transaction)
    .await?;
    Ok(())
}

impl Store {
    pub(super) async fn request(
        &self,
        workspace: WorkspaceId,
        id: i64,
    ) -> Result<Request, RegistryError> {
        let mut connection = self.pool.acquire().await?;
        read_request(&mut connection, workspace, id).await
    }

    /// What stands now, before the move of a request is judged.
    pub(crate) async fn see_request(
        &self,
        workspace: WorkspaceId,
        id: i64,
    ) -> Result<(Request, Seen), RegistryError> {
        let request = self.request(workspace, id).await?;
        let model = self.model(workspace, &request.model).await?;
        let mut connection = self.pool.acquire().await?;
        let version = read(&mut connection, &model, request.number).await?;
        let to = stage(&model, &request.to)?;
        let way = request.way();
        let standing = standing(&mut connection, workspace, &model, &version, &to, way).await?;
        let seen = Seen {
            model,
            version,
            to,
            standing,
            way,
        };
        Ok((request, seen))
    }

    /// Requests of `workspace` (of one model, if named) before the number `before`, newest first.
    pub(crate) async fn requests(
        &self,
        workspace: WorkspaceId,
        model: &str,
        closed: bool,
        before: i64,
        limit: usize,
    ) -> Result<Vec<Request>, RegistryError> {
        let mut connection = self.pool.acquire().await?;
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM registry.requests AS r \
             JOIN registry.models AS m USING (model_key) \
             WHERE r.workspace_id = $1 AND ($2 = '' OR m.name = $2) AND r.id < $3 \
                 AND ($4 OR r.state = 1 AND r.expires_at > clock_timestamp()) \
             ORDER BY r.id DESC LIMIT $5"
        )))
        .bind(workspace.0)
        .bind(model)
        .bind(before)
        .bind(closed)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *connection)
        .await?;
        complete(&mut connection, workspace, rows).await
    }

    /// Open requests of `workspace` (of one model, if named) before the number `before`, newest first, that
    /// `caller` may approve and has not.
    pub(crate) async fn requests_awaiting(
        &self,
        caller: &Caller,
        model: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<Request>, RegistryError> {
        if caller.role < Role::Contributor {
            return Ok(Vec::new());
        }
        let workspace = caller.workspace;
        let mut connection = self.pool.acquire().await?;
        let (mut before, mut awaiting) = (before, Vec::new());
        loop {
            let rows: Vec<JudgedRow> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT {COLUMNS}, m.policy FROM registry.requests AS r \
                 JOIN registry.models AS m USING (model_key) \
                 JOIN registry.versions AS v USING (model_key, number) \
                 WHERE r.workspace_id = $1 AND ($2 = '' OR m.name = $2) AND r.id < $3 \
                     AND r.state = 1 AND r.expires_at > clock_timestamp() \
                     AND r.requested_by <> $4 AND v.created_by <> $4 AND NOT EXISTS ( \
                         SELECT FROM registry.approvals AS a \
                         WHERE a.workspace_id = $1 AND a.request = r.id AND a.principal = $5) \
                 ORDER BY r.id DESC LIMIT $6"
            )))
            .bind(workspace.0)
            .bind(model)
            .bind(before)
            .bind(&*caller.name)
            .bind(caller.principal.as_uuid())
            .bind(i64::try_from(JUDGED).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await?;
            let more = rows.len() == JUDGED;
            before = rows.last().map_or(before, |last| last.row.id);
            let counts = |judged: &JudgedRow| {
                let rules = judged.rules();
                rules.is_some_and(|rules| is_asked(&rules, &caller.name, caller.role))
            };
            awaiting.extend(rows.into_iter().filter(counts).map(|judged| judged.row));
            if !more || awaiting.len() >= limit {
                break;
            }
        }
        awaiting.truncate(limit);
        complete(&mut connection, workspace, awaiting).await
    }
}
