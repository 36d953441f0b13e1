//! How a rule judges the facts: a pure function, so that a dry run and the real one cannot differ.

use herdbook_rpc::Role;

use crate::{
    facts::Facts,
    policy::{Asks, Rule},
    version::Version,
};

/// How a rule judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rule: String,
    /// UPPER_SNAKE, such as `METRIC_THRESHOLD`.
    pub(crate) kind: &'static str,
    pub(crate) passed: bool,
    pub(crate) requirement: String,
    pub(crate) evidence: String,
    /// Empty if it holds.
    pub(crate) remedy: String,
}

/// Judges `version`, moved by somebody with `role`, by one rule.
pub(crate) fn judge(rule: &Rule, version: &Version, role: Role, facts: &Facts) -> Verdict {
    let judged = match &rule.asks {
        Asks::Metric {
            key,
            comparison,
            threshold,
        } => {
            let requirement = format!("{key} {} {threshold}", comparison.words());
            let (passed, evidence) = match facts.metric(key) {
                Ok(value) => (
                    comparison.holds(value, *threshold),
                    format!("{key} is {value} in run {}", version.run),
                ),
                Err(missing) => (false, missing),
            };
            let remedy = format!("register a version from a run with {requirement}");
            ("METRIC_THRESHOLD", passed, requirement, evidence, remedy)
        }
        Asks::Tags(keys) => {
            let missing: Vec<_> = keys
                .iter()
                .filter(|key| !version.tags.contains_key(*key))
                .cloned()
                .collect();
            let evidence = match missing.is_empty() {
                true => "all of them are set".to_owned(),
                false => format!("not set: {}", missing.join(", ")),
            };
            let remedy = format!("set the tags {} of the version", missing.join(", "));
            let requirement = format!("the tags {}", keys.join(", "));
            (
                "REQUIRED_TAGS",
                missing.is_empty(),
                requirement,
                evidence,
                remedy,
            )
        }
        Asks::Role(number) => {
            let needed = Role::from_proto(*number).unwrap_or(Role::Admin);
            let requirement = format!("the role {needed}");
            let remedy = format!("have somebody with the role {needed} move it");
            (
                "REQUIRED_ROLE",
                role >= needed,
                requirement,
                format!("the caller is {role}"),
                remedy,
            )
        }
        Asks::Description => {
            let described = !version.description.trim().is_empty();
            let evidence = if described {
                "it has one"
            } else {
                "it has none"
            };
            let remedy = "describe the version".to_owned();
            (
                "REQUIRED_DESCRIPTION",
                described,
                "a description".to_owned(),
                evidence.to_owned(),
                remedy,
            )
        }
    };
    let (kind, passed, requirement, evidence, remedy) = judged;
    let remedy = if passed { String::new() } else { remedy };
    Verdict {
        rule: rule.name.clone(),
        kind,
        passed,
        requirement,
        evidence,
        remedy,
    }
}

/// The number by which a policy keeps a role; `None` for the unspecified and the unknown.
pub(crate) fn role_number(number: i32) -> Option<i32> {
    Role::from_proto(number).map(|role| role.to_proto().into())
}
