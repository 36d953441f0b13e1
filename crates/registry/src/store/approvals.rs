//! Approving requests, which judges their moves anew, and closing them.

use herdbook_core::Digest;
use herdbook_proto::{
    registry::v1::{AuditAction, Decision, Outcome, RequestState},
    time::to_timestamp,
};
use herdbook_rpc::{Caller, Role};
use sqlx::PgConnection;

use super::{
    Store,
    models::{lock, record, seal},
    requests::read_request,
    stages::standing,
    transitions::{Change, Seen, check_seen, check_unmoved},
    versions::read,
};
use crate::{
    RegistryError, convert,
    facts::Facts,
    request::{Request, RequestRefused},
    rules::{
        Case, Mover,
        people::{is_asked, is_author},
    },
    transition::{Plan, weigh},
};

impl Store {
    /// Judges the move of a request as if its requester asked for it now.
    pub(crate) async fn judge_request(
        &self,
        request: &Request,
        seen: Seen,
        facts: Facts,
    ) -> Result<Decision, RegistryError> {
        let (case, plan) = self.judged(request, &seen, facts).await?;
        let outcome = match (plan.allowed(), plan.can_wait(true)) {
            (true, _) => Outcome::WouldAllow,
            (false, true) => Outcome::WouldPend,
            (false, false) => Outcome::WouldRefuse,
        };
        let mut decision =
            convert::to_decision(&case, &seen.to.name, &plan, &seen.model, &request.comment);
        decision.outcome = outcome.into();
        decision.request = request.id;
        decision.decided_at = Some(to_timestamp(case.standing.now));
        Ok(decision)
    }

    async fn judged(
        &self,
        request: &Request,
        seen: &Seen,
        facts: Facts,
    ) -> Result<(Case, Plan), RegistryError> {
        let role = facts.role(request.requester);
        let case = Case {
            version: seen.version.clone(),
            mover: Mover {
                principal: request.requester,
                name: request.requested_by.as_str().into(),
                role: role.ok_or_else(|| refused(request.id, RequestRefused::RequesterGone))?,
            },
            facts,
            standing: seen.standing.clone(),
        };
        let (plan, case) = weigh(&seen.model.policy, seen.way, &seen.to, case).await?;
        Ok((case, plan))
    }

    /// Approves a request, and does its move if all its rules hold then.
    pub(crate) async fn approve(
        &self,
        caller: &Caller,
        id: i64,
        seen: &Seen,
        facts: Facts,
        comment: &str,
        digest: Option<Digest>,
    ) -> Result<(Request, Decision), RegistryError> {
        let workspace = caller.workspace;
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, &seen.model.name).await?;
        let before = read_request(&mut transaction, workspace, id).await?;
        check_open(&before)?;
        let version = read(&mut transaction, &model, before.number).await?;
        let same = version.digest == before.digest
            && digest.is_none_or(|digest| digest == before.digest)
            && version.stage == before.from;
        if !same {
            return Err(refused(id, RequestRefused::Other));
        }
        if before
            .approvals
            .iter()
            .any(|a| a.principal == caller.principal)
        {
            return Err(refused(id, RequestRefused::Twice));
        }
        let since = check_seen(&mut transaction, &model, seen).await?;
        let (to, way) = (&seen.to, seen.way);
        let mut standing = standing(&mut transaction, workspace, &model, &version, to, way).await?;
        check_unmoved(&model, &version, &standing, seen)?;
        approve(&mut transaction, caller, id, comment).await?;
        let request = read_request(&mut transaction, workspace, id).await?;
        standing.request = Some(request.clone());
        let now = Seen {
            model,
            version,
            to: seen.to.clone(),
            standing,
            way: seen.way,
        };
        let (case, plan) = self.judged(&request, &now, facts).await?;
        if is_author(&case, &caller.name) {
            return Err(refused(id, RequestRefused::Author));
        }
        if !is_asked(&now.rules(), &caller.name, caller.role) {
            return Err(refused(id, RequestRefused::NotAsked));
        }
        let mut decision =
            convert::to_decision(&case, &now.to.name, &plan, &now.model, &request.comment);
        decision.request = id;
        let (outcome, action) = match plan.allowed() {
            true if request.rollback => (Outcome::Allowed, AuditAction::Rollback),
            true => (Outcome::Allowed, AuditAction::Transition),
            false => (Outcome::Pending, AuditAction::ApproveRequest),
        };
        decision.outcome = outcome.into();
        let change = Change {
            action,
            model: &now.model,
            version: &case.version,
            at: case.standing.now,
            undone_since: since,
            details: serde_json::json!({ "request": id, "approval": comment }).to_string(),
        };
        let decision = self
            .settle(&mut transaction, caller, &change, &plan, decision)
            .await?;
        let after = read_request(&mut transaction, workspace, id).await?;
        transaction.commit().await?;
        self.committed();
        Ok((after, decision))
    }

    /// Closes a request without its move.
    pub(crate) async fn close_request(
        &self,
        caller: &Caller,
        id: i64,
        state: RequestState,
        comment: &str,
    ) -> Result<Request, RegistryError> {
        let workspace = caller.workspace;
        let model = self.request(workspace, id).await?.model;
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, workspace, &model).await?;
        let before = read_request(&mut transaction, workspace, id).await?;
        check_open(&before)?;
        let mine = before.requester == caller.principal || caller.role == Role::Admin;
        let action = match state {
            RequestState::Withdrawn if !mine => {
                return Err(refused(id, RequestRefused::NotYours));
            }
            RequestState::Withdrawn => AuditAction::WithdrawRequest,
            _ => AuditAction::RejectRequest,
        };
        sqlx::query(
            "UPDATE registry.requests SET state = $3, closed_at = clock_timestamp(), closed_by = $4 \
             WHERE workspace_id = $1 AND id = $2",
        )
        .bind(workspace.0)
        .bind(id)
        .bind(i16::try_from(i32::from(state)).unwrap_or_default())
        .bind(&*caller.name)
        .execute(&mut *transaction)
        .await?;
        let mut record = record(action, &caller.name, &model.name);
        record.version = before.number;
        record.details = serde_json::json!({ "request": id, "comment": comment }).to_string();
        seal(&mut transaction, workspace, model.key, record).await?;
        let after = read_request(&mut transaction, workspace, id).await?;
        transaction.commit().await?;
        self.committed();
        Ok(after)
    }
}

async fn approve(
    transaction: &mut PgConnection,
    caller: &Caller,
    id: i64,
    comment: &str,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO registry.approvals (workspace_id, request, principal, name, comment, approved_at) \
         VALUES ($1, $2, $3, $4, $5, clock_timestamp())",
    )
    .bind(caller.workspace.0)
    .bind(id)
    .bind(caller.principal.as_uuid())
    .bind(&*caller.name)
    .bind(comment)
    .execute(transaction)
    .await?;
    Ok(())
}

fn check_open(request: &Request) -> Result<(), RegistryError> {
    match request.state {
        RequestState::Open => Ok(()),
        state => Err(refused(request.id, RequestRefused::Closed(state))),
    }
}

fn refused(id: i64, why: RequestRefused) -> RegistryError {
    RegistryError::RequestRefused { id, why }
}
