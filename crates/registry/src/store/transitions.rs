//! Moves: decided and done in one transaction under the model's row.

use herdbook_core::WorkspaceId;
use herdbook_proto::registry::v1::{AuditAction, Decision, Outcome};
use herdbook_rpc::Caller;
use prost::Message as _;
use sqlx::PgConnection;

use super::{
    Store,
    models::{Model, lock, record, seal},
    versions::{read, set_revision},
};
use crate::{
    RegistryError, convert,
    facts::Facts,
    pedigree,
    policy::Stage,
    transition::{Plan, Refusal, decide},
    version::Version,
};

/// What a caller saw when it asked for a move.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) model: Model,
    pub(crate) version: Version,
    pub(crate) to: Stage,
    /// Versions in the target stage.
    pub(crate) occupants: Vec<i64>,
}

/// A move that is asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) comment: &'a str,
    pub(crate) expected_revision: i64,
    pub(crate) request_id: Option<&'a str>,
}

impl Store {
    /// What stands now, before anything is decided.
    pub(crate) async fn see(
        &self,
        workspace: WorkspaceId,
        model: &str,
        number: i64,
        to: &str,
    ) -> Result<Seen, RegistryError> {
        let mut connection = self.pool.acquire().await?;
        let model = self.model(workspace, model).await?;
        let version = read(&mut connection, &model, number).await?;
        let to = stage(&model, to)?;
        let occupants = occupants(&mut connection, &model, &to.name).await?;
        Ok(Seen {
            model,
            version,
            to,
            occupants,
        })
    }

    /// Decides the move by the facts, and does it if the rules hold. If others changed what was seen,
    /// the caller decides again.
    pub(crate) async fn transition(
        &self,
        caller: &Caller,
        seen: &Seen,
        facts: &Facts,
        asked: &Asked<'_>,
    ) -> Result<Decision, RegistryError> {
        let workspace = caller.workspace;
        let mut transaction = self.pool.begin().await?;
        let model = lock(&mut transaction, workspace, &seen.model.name).await?;
        if let Some(request_id) = asked.request_id
            && let Some(revision) =
                revision_of_request(&mut transaction, &model, request_id).await?
        {
            drop(transaction);
            return self.repeat(workspace, revision).await;
        }
        check_expected(&model, asked.expected_revision)?;
        let version = read(&mut transaction, &model, seen.version.number).await?;
        let occupants = occupants(&mut transaction, &model, &seen.to.name).await?;
        let moved = version.stage != seen.version.stage
            || model.policy_revision != seen.model.policy_revision
            || (seen.to.displaced_to.is_some() && occupants != seen.occupants);
        if moved {
            return Err(concurrent(&model, &seen.to, &occupants));
        }
        let plan = decide(
            &model.policy,
            &version,
            &seen.to,
            &occupants,
            caller.role,
            facts,
        );
        let mut decision = convert::to_decision(
            &version,
            &seen.to.name,
            &plan,
            &model,
            caller,
            asked.comment,
        );
        decision.outcome = if plan.allowed() {
            Outcome::Allowed
        } else {
            Outcome::Refused
        }
        .into();
        let change = Change {
            action: AuditAction::Transition,
            model: &model,
            version: &version,
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
        answer(&version, decision, plan)
    }

    /// Returns a stage to the version that left it last.
    pub(crate) async fn rollback(
        &self,
        caller: &Caller,
        model: &str,
        stage_name: &str,
        asked: &Asked<'_>,
    ) -> Result<Decision, RegistryError> {
        let workspace = caller.workspace;
        let mut transaction = self.pool.begin().await?;
        let model = lock(&mut transaction, workspace, model).await?;
        if let Some(request_id) = asked.request_id
            && let Some(revision) =
                revision_of_request(&mut transaction, &model, request_id).await?
        {
            drop(transaction);
            return self.repeat(workspace, revision).await;
        }
        let to = stage(&model, stage_name)?;
        let occupants = occupants(&mut transaction, &model, &to.name).await?;
        let before = left_last(&mut transaction, &model, &to.name, &occupants).await?;
        let Some(number) = before else {
            return Err(RegistryError::NothingBefore {
                model: model.name,
                stage: to.name,
            });
        };
        let version = read(&mut transaction, &model, number).await?;
        // Passed by the rules when it first came, so that none is asked again.
        let displaced_to = to.displaced_to.clone().unwrap_or_default();
        let displaced = if displaced_to.is_empty() {
            Vec::new()
        } else {
            occupants
        };
        let plan = Plan {
            verdicts: Vec::new(),
            displaced,
            displaced_to,
        };
        let mut decision =
            convert::to_decision(&version, &to.name, &plan, &model, caller, asked.comment);
        decision.outcome = Outcome::Allowed.into();
        let change = Change {
            action: AuditAction::Rollback,
            model: &model,
            version: &version,
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
        Ok(decision)
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
        let Change {
            action,
            model,
            version,
        } = change;
        let to = decision.to.clone();
        let allowed = decision.outcome() == Outcome::Allowed;
        if allowed {
            move_versions(transaction, model, &plan.displaced, &plan.displaced_to).await?;
            move_versions(transaction, model, &[version.number], &to).await?;
        }
        let mut record = record(action, &caller.name, &model.name);
        record.version = version.number;
        record.decision = Some(decision);
        let record = seal(transaction, caller.workspace, model.key, record).await?;
        if allowed {
            let leaving = [&plan.displaced[..], &[version.number]].concat();
            note_left(transaction, model, &plan.displaced, &to, record.revision).await?;
            note_left(
                transaction,
                model,
                &[version.number],
                &version.stage,
                record.revision,
            )
            .await?;
            set_revision(transaction, model, &leaving, record.revision).await?;
            for number in leaving {
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

    /// The answer that was given before.
    async fn repeat(
        &self,
        workspace: WorkspaceId,
        revision: i64,
    ) -> Result<Decision, RegistryError> {
        let record = self.audit_record(workspace, revision).await?;
        let decision = record.decision.ok_or(RegistryError::Damaged)?;
        if decision.outcome() == Outcome::Refused {
            return Err(RegistryError::Refused(Box::new(convert::to_refusal(
                decision,
            ))));
        }
        Ok(decision)
    }
}

/// What is changed, and by which kind of decision.
struct Change<'a> {
    action: AuditAction,
    model: &'a Model,
    version: &'a Version,
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

fn stage(model: &Model, name: &str) -> Result<Stage, RegistryError> {
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

fn concurrent(model: &Model, to: &Stage, occupants: &[i64]) -> RegistryError {
    let now: Vec<_> = occupants.iter().map(ToString::to_string).collect();
    let holds = if now.is_empty() {
        "nothing".to_owned()
    } else {
        format!("version {}", now.join(", "))
    };
    RegistryError::Concurrent {
        what: format!(
            "{:?} was changed meanwhile ({} holds {holds} now)",
            model.name, to.name
        ),
        principal: model.changed_by.clone(),
        revision: model.revision,
    }
}

async fn occupants(
    connection: &mut PgConnection,
    model: &Model,
    stage: &str,
) -> Result<Vec<i64>, RegistryError> {
    Ok(sqlx::query_scalar(
        "SELECT number FROM registry.versions WHERE model_key = $1 AND stage = $2 ORDER BY number",
    )
    .bind(model.key)
    .bind(stage)
    .fetch_all(connection)
    .await?)
}

async fn revision_of_request(
    transaction: &mut PgConnection,
    model: &Model,
    request_id: &str,
) -> Result<Option<i64>, RegistryError> {
    Ok(sqlx::query_scalar(
        "SELECT revision FROM registry.decisions WHERE model_key = $1 AND request_id = $2",
    )
    .bind(model.key)
    .bind(request_id)
    .fetch_optional(transaction)
    .await?)
}

async fn move_versions(
    transaction: &mut PgConnection,
    model: &Model,
    numbers: &[i64],
    to: &str,
) -> Result<(), RegistryError> {
    if numbers.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE registry.versions \
         SET stage = $3, stage_since = clock_timestamp(), updated_at = clock_timestamp() \
         WHERE model_key = $1 AND number = ANY($2)",
    )
    .bind(model.key)
    .bind(numbers)
    .bind(to)
    .execute(transaction)
    .await?;
    Ok(())
}

async fn note_left(
    transaction: &mut PgConnection,
    model: &Model,
    numbers: &[i64],
    stage: &str,
    revision: i64,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO registry.stage_history (model_key, stage, number, revision) \
         SELECT $1, $2, number, $4 FROM unnest($3::bigint[]) AS n (number)",
    )
    .bind(model.key)
    .bind(stage)
    .bind(numbers)
    .bind(revision)
    .execute(transaction)
    .await?;
    Ok(())
}

/// The version that left the stage last and does not stand in it now.
async fn left_last(
    transaction: &mut PgConnection,
    model: &Model,
    stage: &str,
    occupants: &[i64],
) -> Result<Option<i64>, RegistryError> {
    Ok(sqlx::query_scalar(
        "SELECT number FROM registry.stage_history \
         WHERE model_key = $1 AND stage = $2 AND number <> ALL($3) \
         ORDER BY revision DESC, number DESC LIMIT 1",
    )
    .bind(model.key)
    .bind(stage)
    .bind(occupants)
    .fetch_optional(transaction)
    .await?)
}
