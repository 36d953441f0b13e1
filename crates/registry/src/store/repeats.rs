//! Moves that are asked for again with the same request id: they get the first answer.

use herdbook_core::WorkspaceId;
use herdbook_proto::{
    InvalidRequest,
    registry::v1::{AuditAction, Decision, Outcome},
};
use sqlx::PgConnection;

use super::{Store, models::Model, transitions::Asked};
use crate::{RegistryError, convert};

impl Store {
    /// The decision that was made for the request id of `asked` before, if there is any.
    pub(crate) async fn decided(
        &self,
        workspace: WorkspaceId,
        model: &str,
        asked: &Asked<'_>,
    ) -> Result<Option<Decision>, RegistryError> {
        let model = self.model(workspace, model).await?;
        let mut connection = self.pool.acquire().await?;
        let revision = revision_of_request(&mut connection, &model, asked).await?;
        drop(connection);
        match revision {
            Some(revision) => Ok(Some(self.repeat(workspace, revision, asked).await?)),
            None => Ok(None),
        }
    }

    /// The answer that was given before.
    pub(super) async fn repeat(
        &self,
        workspace: WorkspaceId,
        revision: i64,
        asked: &Asked<'_>,
    ) -> Result<Decision, RegistryError> {
        let record = self.audit_record(workspace, revision).await?;
        let action = record.action();
        let decision = record.decision.ok_or(RegistryError::Damaged)?;
        if !asked.is_repeat_of(action, &decision) {
            let what = "was used for another move of this model; give each move its own";
            return Err(InvalidRequest::field("request_id", what).into());
        }
        if decision.outcome() == Outcome::Refused {
            return Err(RegistryError::Refused(Box::new(convert::to_refusal(
                decision,
            ))));
        }
        let request = match decision.outcome() {
            Outcome::Pending => decision.revision,
            _ => decision.request,
        };
        Ok(Decision {
            request,
            ..decision
        })
    }
}

impl Asked<'_> {
    fn is_repeat_of(&self, action: AuditAction, decision: &Decision) -> bool {
        let rollback = [AuditAction::Rollback, AuditAction::RequestRollback].contains(&action);
        rollback == (self.action == AuditAction::Rollback)
            && self.number.is_none_or(|number| number == decision.version)
            && self.to.eq_ignore_ascii_case(&decision.to)
            && self.comment == decision.comment
    }
}

pub(super) async fn note_request(
    transaction: &mut PgConnection,
    model: &Model,
    request_id: &str,
    revision: i64,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO registry.decisions (model_key, request_id, revision) VALUES ($1, $2, $3)",
    )
    .bind(model.key)
    .bind(request_id)
    .bind(revision)
    .execute(transaction)
    .await?;
    Ok(())
}

pub(super) async fn revision_of_request(
    connection: &mut PgConnection,
    model: &Model,
    asked: &Asked<'_>,
) -> Result<Option<i64>, RegistryError> {
    let Some(request_id) = asked.request_id else {
        return Ok(None);
    };
    Ok(sqlx::query_scalar(
        "SELECT revision FROM registry.decisions WHERE model_key = $1 AND request_id = $2",
    )
    .bind(model.key)
    .bind(request_id)
    .fetch_optional(connection)
    .await?)
}
