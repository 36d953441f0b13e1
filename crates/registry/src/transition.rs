//! What a move comes to: a pure function of the policy, the version, who asks, and the facts.

use std::fmt;

use herdbook_core::PreconditionViolation;
use herdbook_rpc::Role;

use crate::{
    facts::Facts,
    policy::{Policy, Stage},
    rules::{Verdict, judge},
    version::Version,
};

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
        self.verdicts.iter().all(|verdict| verdict.passed)
    }
}

/// Decides about moving `version` to the stage `to`, in which `occupants` stand.
pub(crate) fn decide(
    policy: &Policy,
    version: &Version,
    to: &Stage,
    occupants: &[i64],
    role: Role,
    facts: &Facts,
) -> Plan {
    let verdicts = match policy.find_move(&version.stage, &to.name) {
        _ if version.stage == to.name => vec![stands_there(version)],
        Some(step) => step
            .rules
            .iter()
            .map(|rule| judge(rule, version, role, facts))
            .collect(),
        None => vec![no_such_move(policy, version, to)],
    };
    let displaced = match &to.displaced_to {
        Some(_) => occupants
            .iter()
            .copied()
            .filter(|number| *number != version.number)
            .collect(),
        None => Vec::new(),
    };
    Plan {
        verdicts,
        displaced,
        displaced_to: to.displaced_to.clone().unwrap_or_default(),
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
        kind: "NO_SUCH_MOVE",
        passed: false,
        requirement: format!("a move from {} to {}", version.stage, to.name),
        evidence: "the policy has none".to_owned(),
        remedy,
    }
}

fn stands_there(version: &Version) -> Verdict {
    Verdict {
        rule: "move".to_owned(),
        kind: "NO_SUCH_MOVE",
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
