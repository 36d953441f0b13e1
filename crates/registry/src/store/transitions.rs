//! Moves and rollbacks: decided and done in one transaction under the model's row.

use chrono::{DateTime, Utc};
use herdbook_core::WorkspaceId;
use herdbook_proto::{
    InvalidRequest,
    registry::v1::{AuditAction, Decision, Outcome},
    time::to_timestamp,
};
use herdbook_rpc::Caller;
use prost::Message as _;
use sqlx::PgConnection;

use super::{
    Store,
    models::{Model, lock, record, seal},
    stages::{Moves, move_versions, standing, stood_before, undo_since},
    versions::read,
};
use crate::{
    RegistryError, convert,
    facts::{Facts, Standing},
    pedigree,
    policy::Stage,
    rules::{Case, Mover},
    transition::{Plan, Refusal, Way, weigh},
    version::Version,
};

/// What a caller saw when it asked for a move.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) model: Model,
    pub(crate) version: Version,
    pub(crate) to: Stage,
    pub(crate) standing: Standing,
    pub(crate) way: Way,
}

/// A move that is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// A transition or a rollback.
    pub(crate) action: AuditAction,
    /// The version, if it is named.
    pub(crate) number: Option<i64>,
    pub(crate) to: &'a str,
    pub(crate) comment: &'a str,
    pub(crate) expected_revision: i64,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) dry_run: bool,
}

impl Store {
    /// What stands now, before anything is decided.
    pub(crate) async fn see(
        &self,
        workspace: WorkspaceId,
        model: &str,
        asked: &Asked<'_>,
    ) -> Result<Seen, RegistryError> {
        let model = self.model(workspace, model).await?;
        let to = stage(&model, asked.to)?;
        let mut connection = self.pool.acquire().await?;
        let (way, number) = match (asked.action, asked.number) {
            (AuditAction::Rollback, named) => {
                let (before, _) = rolled_back_to(&mut connection, &model, &to, named).await?;
                (Way::Rollback { named }, before)
            }
            (_, number) => (Way::Move, number.unwrap_or_default()),
        };
        let version = read(&mut connection, &model, number).await?;
        let standing = standing(&mut connection, &model, &to).await?;
        Ok(Seen {
            model,
            version,
            to,
            standing,
            way,
        })
    }

    /// Decides a move by the facts, and does it if the rules hold. If others changed what was seen, the
    /// caller decides again. A dry run goes the same way, and stops before anything is written.
    pub(crate) async fn transition(
        &self,
        caller: &Caller,
        seen: &Seen,
        facts: Facts,
        asked: &Asked<'_>,
    ) -> Result<Decision, RegistryError> {
        let mut transaction = self.pool.begin().await?;
        let model = lock(&mut transaction, caller.workspace, &seen.model.name).await?;
        if let Some(revision) = revision_of_request(&mut transaction, &model, asked).await? {
            drop(transaction);
            return self.repeat(caller.workspace, revision, asked).await;
        }
        check_expected(&model, asked.expected_revision)?;
        let since = check_seen(&mut transaction, &model, seen).await?;
        let version = read(&mut transaction, &model, seen.version.number).await?;
        let standing = standing(&mut transaction, &model, &seen.to).await?;
        let moved = version.stage != seen.version.stage
            || model.policy_revision != seen.model.policy_revision
            || !same(&standing, &seen.standing);
        if moved {
            return Err(concurrent(&model, &seen.to, &standing));
        }
        let case = Case {
            version,
            mover: Mover {
                name: caller.name.clone(),
                role: caller.role,
            },
            facts,
            standing,
        };
        let (plan, case) = weigh(&model.policy, seen.way, &seen.to, case).await?;
        let mut decision = convert::to_decision(
            &case.version,
            &seen.to.name,
            &plan,
            &model,
            caller,
            asked.comment,
        );
        decision.outcome = match (asked.dry_run, plan.allowed()) {
            (false, true) => Outcome::Allowed,
            (false, false) => Outcome::Refused,
            (true, true) => Outcome::WouldAllow,
            (true, false) => Outcome::WouldRefuse,
        }
        .into();
        if asked.dry_run {
            decision.decided_at = Some(to_timestamp(case.standing.now));
            return Ok(decision);
        }
        let change = Change {
            action: asked.action,
            model: &model,
            version: &case.version,
            at: case.standing.now,
            undone_since: since,
        };
        let decision = self
            .settle(
                &mut transaction,
                caller,
                change,
                &plan,
                decision,
                asked.request_id,
            )
            .await?;
        transaction.commit().await?;
        self.committed();
        answer(&case.version, decision, plan)
    }

    /// Does what was decided and appends it to the audit log.
    async fn settle(
        &self,
        transaction: &mut PgConnection,
        caller: &Caller,
        change: Change<'_>,
        plan: &Plan,
        decision: Decision,
        request_id: Option<&str>,
    ) -> Result<Decision, RegistryError> {
        let Change { model, version, .. } = change;
        let to = decision.to.clone();
        let allowed = decision.outcome() == Outcome::Allowed;
        if let Some(since) = change.undone_since.filter(|_| allowed) {
            undo_since(transaction, model, &to, since).await?;
        }
        let mut record = record(change.action, &caller.name, &model.name);
        record.version = version.number;
        record.decision = Some(decision);
        let record = seal(transaction, caller.workspace, model.key, record).await?;
        if allowed {
            let going = plan
                .displaced
                .iter()
                .map(|number| (*number, &*plan.displaced_to));
            let (numbers, targets) = going.chain([(version.number, &*to)]).unzip();
            let moves = Moves {
                numbers,
                targets,
                at: change.at,
                revision: record.revision,
                undone: change.undone_since.map(|_| &*to),
            };
            move_versions(transaction, model, &moves).await?;
            for number in moves.numbers {
                let moved = read(transaction, model, number).await?;
                let told = pedigree::of_change(&moved).encode_to_vec();
                self.outbox
                    .add(transaction, caller.workspace, &told)
                    .await?;
            }
        }
        if let Some(request_id) = request_id {
            sqlx::query(
                "INSERT INTO registry.decisions (model_key, request_id, revision) VALUES ($1, $2, $3)",
            )
            .bind(model.key)
            .bind(request_id)
            .bind(record.revision)
            .execute(transaction)
            .await?;
        }
        record.decision.ok_or(RegistryError::Damaged)
    }

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
    async fn repeat(
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
        Ok(decision)
    }
}

impl Asked<'_> {
    fn is_repeat_of(&self, action: AuditAction, decision: &Decision) -> bool {
        action == self.action
            && self.number.is_none_or(|number| number == decision.version)
            && self.to.eq_ignore_ascii_case(&decision.to)
            && self.comment == decision.comment
    }
}

/// What is changed, and by which kind of decision.
struct Change<'a> {
    action: AuditAction,
    model: &'a Model,
    version: &'a Version,
    at: DateTime<Utc>,
    /// For a rollback: the revision at which the version left the stage.
    undone_since: Option<i64>,
}

fn answer(version: &Version, decision: Decision, plan: Plan) -> Result<Decision, RegistryError> {
    if plan.allowed() {
        return Ok(decision);
    }
    Err(RegistryError::Refused(Box::new(Refusal {
        model: version.model.clone(),
        number: version.number,
        to: decision.to,
        verdicts: plan.verdicts,
        revision: decision.revision,
    })))
}

pub(super) fn stage(model: &Model, name: &str) -> Result<Stage, RegistryError> {
    model.policy.stage(name).cloned().ok_or_else(|| {
        let stages: Vec<_> = model
            .policy
            .stages
            .iter()
            .map(|stage| stage.name.as_str())
            .collect();
        RegistryError::StageNotFound {
            model: model.name.clone(),
            stage: name.chars().take(255).collect(),
            stages: stages.join(", "),
        }
    })
}

/// The version that a rollback of `to` returns to, and the revision at which it left.
async fn rolled_back_to(
    connection: &mut PgConnection,
    model: &Model,
    to: &Stage,
    number: Option<i64>,
) -> Result<(i64, i64), RegistryError> {
    let found = stood_before(connection, model, &to.name, number).await?;
    found.ok_or_else(|| RegistryError::NothingBefore {
        model: model.name.clone(),
        stage: to.name.clone(),
        number,
    })
}

/// The revision since which stays are undone if `seen` is a rollback, which must go where it went when
/// it was seen.
async fn check_seen(
    transaction: &mut PgConnection,
    model: &Model,
    seen: &Seen,
) -> Result<Option<i64>, RegistryError> {
    let Way::Rollback { named } = seen.way else {
        return Ok(None);
    };
    let (number, since) = rolled_back_to(transaction, model, &seen.to, named).await?;
    if number != seen.version.number {
        let standing = standing(transaction, model, &seen.to).await?;
        return Err(concurrent(model, &seen.to, &standing));
    }
    Ok(Some(since))
}

fn check_expected(model: &Model, expected: i64) -> Result<(), RegistryError> {
    if expected == 0 || expected == model.revision {
        return Ok(());
    }
    Err(RegistryError::Concurrent {
        what: format!("{:?} was changed", model.name),
        principal: model.changed_by.clone(),
        revision: model.revision,
    })
}

/// Whether the same versions stand in the stage.
fn same(now: &Standing, seen: &Standing) -> bool {
    let numbers = |standing: &Standing| -> Vec<i64> {
        let occupants = standing.occupants.iter();
        occupants.map(|occupant| occupant.number).collect()
    };
    numbers(now) == numbers(seen)
}

fn concurrent(model: &Model, to: &Stage, standing: &Standing) -> RegistryError {
    let occupants = standing.occupants.iter();
    let now: Vec<_> = occupants.map(|other| other.number.to_string()).collect();
    let holds = match (to.limit(), now.is_empty()) {
        (None, _) => String::new(),
        (_, true) => format!(" ({} holds nothing now)", to.name),
        (_, false) => format!(" ({} holds version {} now)", to.name, now.join(", ")),
    };
    RegistryError::Concurrent {
        what: format!("{:?} was changed meanwhile{holds}", model.name),
        principal: model.changed_by.clone(),
        revision: model.revision,
    }
}

async fn revision_of_request(
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
