//! Moves and rollbacks: decided and done in one transaction under the model's row.

use std::{borrow::Cow, num::NonZeroU32};

use chrono::{DateTime, TimeDelta, Utc};
use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_proto::{
    InvalidRequest,
    registry::v1::{AuditAction, Decision, Outcome},
    time::to_timestamp,
};
use herdbook_rpc::Caller;
use sqlx::PgConnection;

use super::{
    Store,
    models::{Model, lock, record, seal},
    repeats::{note_request, revision_of_request},
    requests::{close_moved, open},
    stages::{Left, Moves, move_versions, standing, stood_before, undo_since},
    versions::read,
};
use crate::{
    RegistryError, convert,
    facts::{Facts, Sources, Standing},
    pedigree,
    policy::{Rule, Stage},
    request::Request,
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

impl Seen {
    /// The rules of the move; none if there is no such move.
    pub(crate) fn rules(&self) -> Cow<'_, [Rule]> {
        let (from, to) = (&self.version.stage, &self.to.name);
        let rules = self.way.rules(&self.model.policy, from, to);
        rules.unwrap_or_default()
    }

    /// Asks others for what the rules need to know.
    pub(crate) async fn gather(
        &self,
        sources: &Sources,
        caller: &Caller,
    ) -> Result<Facts, RegistryError> {
        Facts::gather(
            sources,
            caller,
            &self.rules(),
            &self.version,
            &self.standing,
        )
        .await
    }
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
    /// Whether to open a request whatever rule fails.
    pub(crate) request: bool,
    /// How long a request stays open.
    pub(crate) request_lasts: TimeDelta,
    /// Why an admin overrides the rules.
    pub(crate) override_reason: Option<&'a str>,
    /// Where all others in the target stage go.
    pub(crate) displace_to: Option<&'a str>,
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
        let to = match asked.displace_to {
            None => stage(&model, asked.to)?,
            Some(others) => emptied(&model, asked.to, others)?,
        };
        let mut connection = self.pool.acquire().await?;
        let (way, number) = match (asked.action, asked.number) {
            (AuditAction::Rollback, named) => {
                let (before, _) = rolled_back_to(&mut connection, &model, &to, named).await?;
                (Way::Rollback { named }, before)
            }
            (_, number) => (Way::Move, number.unwrap_or_default()),
        };
        let version = read(&mut connection, &model, number).await?;
        let standing = standing(&mut connection, workspace, &model, &version, &to, way).await?;
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
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        let model = lock(&mut transaction, caller.workspace, &seen.model.name).await?;
        if let Some(revision) = revision_of_request(&mut transaction, &model, asked).await? {
            drop(transaction);
            return self.repeat(caller.workspace, revision, asked).await;
        }
        check_expected(&model, asked.expected_revision)?;
        let since = check_seen(&mut transaction, &model, seen).await?;
        let version = read(&mut transaction, &model, seen.version.number).await?;
        let workspace = caller.workspace;
        let (to, way) = (&seen.to, seen.way);
        let standing = standing(&mut transaction, workspace, &model, &version, to, way).await?;
        check_unmoved(&model, &version, &standing, seen)?;
        let case = Case {
            version,
            mover: Mover {
                principal: caller.principal,
                name: caller.name.clone(),
                role: caller.role,
            },
            facts,
            standing,
        };
        let (plan, case) = weigh(&model.policy, seen.way, &seen.to, case).await?;
        let (action, outcome) = conclude(asked, &plan);
        let mut decision = convert::to_decision(&case, &seen.to.name, &plan, &model, asked.comment);
        decision.outcome = outcome.into();
        if outcome == Outcome::Overridden {
            decision.override_reason = asked.override_reason.unwrap_or_default().to_owned();
        }
        if asked.dry_run {
            decision.decided_at = Some(to_timestamp(case.standing.now));
            return Ok(decision);
        }
        if let Some(open) = case
            .standing
            .request
            .as_ref()
            .filter(|_| outcome == Outcome::Pending)
        {
            return pending(open, caller, decision, case.standing.now);
        }
        let change = Change {
            action,
            model: &model,
            version: &case.version,
            at: case.standing.now,
            undone_since: since,
            details: String::new(),
        };
        let mut decision = self
            .settle(&mut transaction, caller, &change, &plan, decision)
            .await?;
        if outcome == Outcome::Pending {
            decision.request = decision.revision;
            let (to, comment, id) = (&seen.to.name, asked.comment, decision.revision);
            open(
                &mut transaction,
                caller,
                &change,
                to,
                comment,
                id,
                asked.request_lasts,
            )
            .await?;
        }
        if let Some(request_id) = asked.request_id {
            note_request(&mut transaction, &model, request_id, decision.revision).await?;
        }
        transaction.commit().await?;
        self.committed();
        if outcome == Outcome::Overridden {
            let Decision {
                model,
                version,
                to,
                override_reason,
                ..
            } = &decision;
            tracing::warn!(%model, version, %to, by = %caller.name, reason = %override_reason, "rules were overridden");
        }
        answer(&case.version, decision, plan)
    }

    /// Does what was decided and appends it to the audit log.
    pub(super) async fn settle(
        &self,
        transaction: &mut PgConnection,
        caller: &Caller,
        change: &Change<'_>,
        plan: &Plan,
        decision: Decision,
    ) -> Result<Decision, RegistryError> {
        let Change { model, version, .. } = *change;
        let to = decision.to.clone();
        let moves = matches!(decision.outcome(), Outcome::Allowed | Outcome::Overridden);
        if let Some(since) = change.undone_since.filter(|_| moves) {
            undo_since(transaction, model, &to, since).await?;
        }
        let mut record = record(change.action, &caller.name, &model.name);
        record.version = version.number;
        record.details.clone_from(&change.details);
        record.decision = Some(decision);
        let record = seal(transaction, caller.workspace, model.key, record).await?;
        if moves {
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
            let left = move_versions(transaction, model, &moves).await?;
            close_moved(transaction, change, &moves.numbers, &to, &caller.name).await?;
            let first = model.policy.first_stage();
            for Left {
                number,
                stage,
                stage_since,
            } in left
            {
                let moved = read(transaction, model, number).await?;
                let told = pedigree::of_move(&moved, &stage, stage_since, first, &caller.name);
                let told = told.encode();
                self.outbox
                    .add(transaction, caller.workspace, &told)
                    .await?;
            }
        }
        record.decision.ok_or(RegistryError::Damaged)
    }
}

/// What is changed, and by which kind of decision.
pub(super) struct Change<'a> {
    pub(super) action: AuditAction,
    pub(super) model: &'a Model,
    pub(super) version: &'a Version,
    pub(super) at: DateTime<Utc>,
    /// For a rollback: the revision at which the version left the stage.
    pub(super) undone_since: Option<i64>,
    /// What the audit log is to say besides, as JSON.
    pub(super) details: String,
}

/// What becomes of a move, and as what it stands in the audit log.
fn conclude(asked: &Asked<'_>, plan: &Plan) -> (AuditAction, Outcome) {
    let overridden = asked.override_reason.is_some() && plan.has_move();
    let waits = plan.can_wait(asked.request);
    let request = match asked.action {
        AuditAction::Rollback => AuditAction::RequestRollback,
        _ => AuditAction::RequestTransition,
    };
    match (plan.allowed(), asked.dry_run) {
        (true, false) => (asked.action, Outcome::Allowed),
        (true, true) => (asked.action, Outcome::WouldAllow),
        (false, false) if overridden => (AuditAction::Override, Outcome::Overridden),
        (false, true) if overridden => (asked.action, Outcome::WouldAllow),
        (false, false) if waits => (request, Outcome::Pending),
        (false, true) if waits => (asked.action, Outcome::WouldPend),
        (false, false) => (asked.action, Outcome::Refused),
        (false, true) => (asked.action, Outcome::WouldRefuse),
    }
}

/// The answer while a request for the move is open: to who opened it that it is.
fn pending(
    open: &Request,
    caller: &Caller,
    decision: Decision,
    now: DateTime<Utc>,
) -> Result<Decision, RegistryError> {
    if open.requester != caller.principal {
        return Err(RegistryError::RequestOpen {
            id: open.id,
            by: open.requested_by.clone(),
        });
    }
    Ok(Decision {
        request: open.id,
        decided_at: Some(to_timestamp(now)),
        ..decision
    })
}

/// Refuses to go on if others have changed what was seen.
pub(super) fn check_unmoved(
    model: &Model,
    version: &Version,
    standing: &Standing,
    seen: &Seen,
) -> Result<(), RegistryError> {
    let moved = version.stage != seen.version.stage
        || (model.policy_revision, &model.policy_name)
            != (seen.model.policy_revision, &seen.model.policy_name)
        || !same(standing, &seen.standing);
    match moved {
        true => Err(concurrent(model, &seen.to, standing)),
        false => Ok(()),
    }
}

fn answer(version: &Version, decision: Decision, plan: Plan) -> Result<Decision, RegistryError> {
    if decision.outcome() != Outcome::Refused {
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

/// The stage `name`, as if it held one version, and others went to the stage `others`.
fn emptied(model: &Model, name: &str, others: &str) -> Result<Stage, RegistryError> {
    let to = stage(model, name)?;
    let others = stage(model, others)?.name;
    let step = model.policy.find_move(&to.name, &others);
    if others == to.name || step.is_none_or(|step| !step.rules.is_empty()) {
        let what = format!(
            "the policy has no move without rules from {} to {others}; move the others by themselves",
            to.name
        );
        return Err(InvalidRequest::field("displace_to", what).into());
    }
    Ok(Stage {
        displaced_to: Some(others),
        holds: NonZeroU32::MIN,
        ..to
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
pub(super) async fn check_seen(
    transaction: &mut PgConnection,
    model: &Model,
    seen: &Seen,
) -> Result<Option<i64>, RegistryError> {
    let Way::Rollback { named } = seen.way else {
        return Ok(None);
    };
    let (number, since) = rolled_back_to(transaction, model, &seen.to, named).await?;
    if number != seen.version.number {
        return Err(concurrent(model, &seen.to, &seen.standing));
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

/// Whether the same versions stand in the stage, and the same people have approved: those whose facts
/// were asked for.
fn same(now: &Standing, seen: &Standing) -> bool {
    let numbers = |standing: &Standing| -> Vec<i64> {
        let occupants = standing.occupants.iter();
        occupants.map(|occupant| occupant.number).collect()
    };
    let approvers = |standing: &Standing| -> Vec<PrincipalId> {
        let approvals = standing
            .request
            .iter()
            .flat_map(|request| &request.approvals);
        approvals.map(|approval| approval.principal).collect()
    };
    numbers(now) == numbers(seen) && approvers(now) == approvers(seen)
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
