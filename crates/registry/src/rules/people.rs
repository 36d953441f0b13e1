//! Rules about people: who moves a version, and who approves that.

use herdbook_rpc::Role;

use super::{Case, Finding, Mover, stamp};
use crate::{
    policy::{Approvers, Asks, Rule},
    request::Approval,
};

pub(super) fn role(case: &Case, number: i32) -> Finding {
    let needed = role_of_number(number);
    let Mover { name, role, .. } = &case.mover;
    Finding {
        passed: *role >= needed,
        requirement: format!("the role {needed}"),
        evidence: format!("{name} is {role}"),
        remedy: format!("have somebody with the role {needed} move it"),
    }
}

pub(super) fn principals(case: &Case, names: &[String]) -> Finding {
    let mover = &case.mover.name;
    let listed = names.join(" or ");
    Finding {
        passed: names.iter().any(|name| **name == **mover),
        requirement: format!("to be moved by {listed}"),
        evidence: format!("{mover} asks"),
        remedy: format!("have {listed} move it"),
    }
}

pub(super) fn approvals(case: &Case, count: u32, from: &Approvers) -> Finding {
    let mut counted = Vec::new();
    let mut passed_over = Vec::new();
    for approval in case.approvals() {
        let Approval { name, at, .. } = approval;
        match case.facts.role(approval.principal) {
            _ if is_author(case, name) => passed_over.push(format!("{name} is the author")),
            None => passed_over.push(format!("{name} has no role here any more")),
            Some(role) if !from.includes(name, role) => {
                passed_over.push(format!("{name} is {role}"));
            }
            Some(_) => counted.push(format!("{name} at {}", stamp(*at))),
        }
    }
    let given = counted.len();
    let found = counted.into_iter().chain(passed_over);
    let listed = found.collect::<Vec<_>>().join(", ");
    let missing = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_sub(given);
    let approvals = if count == 1 { "approval" } else { "approvals" };
    Finding {
        passed: missing == 0,
        requirement: format!("{count} {approvals} of {from}, not of the author"),
        evidence: match listed.is_empty() {
            true => format!("{given} of {count}"),
            false => format!("{given} of {count}: {listed}"),
        },
        remedy: format!("have {missing} more of {from} approve it"),
    }
}

/// Whether somebody registered the version or asks for its move.
pub(crate) fn is_author(case: &Case, name: &str) -> bool {
    name == &*case.mover.name || name == case.version.created_by
}

/// Whether one of `rules` counts the approval of somebody.
pub(crate) fn is_asked(rules: &[Rule], name: &str, role: Role) -> bool {
    rules
        .iter()
        .any(|rule| matches!(&rule.asks, Asks::Approvals { from, .. } if from.includes(name, role)))
}

impl Approvers {
    fn includes(&self, name: &str, role: Role) -> bool {
        match self {
            Self::Role(number) => role >= role_of_number(*number),
            Self::Named(names) => names.iter().any(|listed| listed == name),
        }
    }
}

impl std::fmt::Display for Approvers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Role(number) => write!(f, "those with the role {}", role_of_number(*number)),
            Self::Named(names) => f.write_str(&names.join(", ")),
        }
    }
}

fn role_of_number(number: i32) -> Role {
    Role::from_proto(number).unwrap_or(Role::Admin)
}
