//! What a move comes to: a pure function of the policy, the version, who asks, and the facts.

use std::{borrow::Cow, fmt};

use herdbook_core::PreconditionViolation;

use crate::{
    RegistryError,
    facts::Occupant,
    policy::{Policy, Rule, Stage},
    rules::{APPROVALS, Case, Verdict, judge},
    version::Version,
};

const NO_SUCH_MOVE: &str = "NO_SUCH_MOVE";

/// What a move comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) verdicts: Vec<Verdict>,
    /// Versions that have to leave the stage, and where they go.
    pub(crate) displaced: Vec<i64>,
    pub(crate) displaced_to: String,
}

impl Plan {
    pub(crate) fn allowed(&self) -> bool {
        self.failed().next().is_none()
    }

    /// Whether nothing is missing that time and others cannot bring: `request` is whether a request was
    /// asked for.
    pub(crate) fn can_wait(&self, request: bool) -> bool {
        self.has_move() && (request || self.failed().all(|verdict| verdict.kind == APPROVALS))
    }

    /// Whether the policy has such a move at all.
    pub(crate) fn has_move(&self) -> bool {
        self.failed().all(|verdict| verdict.kind != NO_SUCH_MOVE)
    }

    fn failed(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| !verdict.passed)
    }
}

/// How a version comes to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a move of the policy.
    Move,
    /// Back to where it stood: the version that was named, or else the one before.
    Rollback {
        /// Its number.
        named: Option<i64>,
    },
}

impl Way {
    /// How the version `number` comes to its stage by a request.
    pub(crate) fn of_request(rollback: bool, number: i64) -> Self {
        match rollback {
            true => Self::Rollback {
                named: Some(number),
            },
            false => Self::Move,
        }
    }

    pub(crate) fn is_rollback(self) -> bool {
        matches!(self, Self::Rollback { .. })
    }

    /// The rules for a version to come from a stage to another this way; `None` if it cannot.
    pub(crate) fn rules<'a>(
        self,
        policy: &'a Policy,
        from: &str,
        to: &str,
    ) -> Option<Cow<'a, [Rule]>> {
        if from == to {
            return None;
        }
        match self {
            Self::Move => {
                let step = policy.find_move(from, to)?;
                Some(Cow::Borrowed(&step.rules))
            }
            Self::Rollback { .. } => (!policy.is_terminal(from)).then(|| policy.rollback_rules()),
        }
    }
}

/// Decides as `decide` does, where an expression over many facts holds nobody up.
pub(crate) async fn weigh(
    policy: &Policy,
    way: Way,
    to: &Stage,
    case: Case,
) -> Result<(Plan, Case), RegistryError> {
    let (policy, to) = (policy.clone(), to.clone());
    let weighed = tokio::task::spawn_blocking(move || {
        let plan = decide(&policy, way, &to, &case);
        (plan, case)
    });
    weighed.await.map_err(|_| RegistryError::Damaged)
}

/// Decides about bringing the version of `case` to the stage `to`.
fn decide(policy: &Policy, way: Way, to: &Stage, case: &Case) -> Plan {
    let version = &case.version;
    let verdicts = match way.rules(policy, &version.stage, &to.name) {
        _ if version.stage == to.name => vec![stands_there(version)],
        Some(rules) => rules
            .iter()
            .map(|rule| judge(rule, &to.name, case))
            .collect(),
        None => vec![no_such_move(policy, version, to)],
    };
    Plan {
        verdicts,
        displaced: make_way(to, way, version.number, &case.standing.occupants),
        displaced_to: to.displaced_to.clone().unwrap_or_default(),
    }
}

/// The versions that have to leave the stage `to` for `number`, if those in it came in the order of
/// `occupants`: for a move those that stand there longest, for a rollback the one that came last.
fn make_way(to: &Stage, way: Way, number: i64, occupants: &[Occupant]) -> Vec<i64> {
    let Some(limit) = to.limit() else {
        return Vec::new();
    };
    let others = occupants.iter().map(|occupant| occupant.number);
    let others: Vec<i64> = others.filter(|other| *other != number).collect();
    let too_many = (others.len() + 1).saturating_sub(limit);
    match way {
        Way::Move => others[..too_many.min(others.len())].to_vec(),
        Way::Rollback { .. } => {
            let leaving = too_many.max(1).min(others.len());
            others[others.len() - leaving..].to_vec()
        }
    }
}

fn no_such_move(policy: &Policy, version: &Version, to: &Stage) -> Verdict {
    let targets = policy.targets(&version.stage);
    let remedy = match targets.is_empty() {
        true => format!("no move leads out of {}", version.stage),
        false => format!("move it to one of {}", targets.join(", ")),
    };
    Verdict {
        rule: "move".to_owned(),
        kind: NO_SUCH_MOVE,
        passed: false,
        requirement: format!("a move from {} to {}", version.stage, to.name),
        evidence: "the policy has none".to_owned(),
        remedy,
    }
}

fn stands_there(version: &Version) -> Verdict {
    Verdict {
        rule: "move".to_owned(),
        kind: NO_SUCH_MOVE,
        passed: false,
        requirement: "another stage than the present one".to_owned(),
        evidence: format!("it stands in {} already", version.stage),
        remedy: "nothing is left to do".to_owned(),
    }
}

/// A move that was refused and is in the audit log as such.
#[derive(Debug)]
pub struct Refusal {
    pub(crate) model: String,
    pub(crate) number: i64,
    pub(crate) to: String,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) revision: i64,
}

impl Refusal {
    /// The rules that failed.
    pub(crate) fn violations(&self) -> Vec<PreconditionViolation> {
        let failed = self.verdicts.iter().filter(|verdict| !verdict.passed);
        let violation = |verdict: &Verdict| PreconditionViolation {
            kind: verdict.kind.to_owned(),
            subject: format!("{}/{}", self.model, self.number),
            description: describe(verdict),
        };
        failed.map(violation).collect()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.verdicts.iter().filter(|verdict| !verdict.passed);
        let reasons: Vec<_> = failed.map(describe).collect();
        let Self {
            model, number, to, ..
        } = self;
        write!(
            f,
            "{model}/{number} may not move to {to}: {}",
            reasons.join("; ")
        )
    }
}

fn describe(verdict: &Verdict) -> String {
    let Verdict {
        rule,
        requirement,
        evidence,
        remedy,
        ..
    } = verdict;
    format!("rule {rule:?} asks for {requirement}, but {evidence}; {remedy}")
}

#[cfg(test)]
mod tests;
