//! Between the contract and the domain.

pub(crate) mod policy;

use herdbook_core::{check_name, check_text};
use herdbook_proto::{
    InvalidRequest, Violations, common::v1 as common, registry::v1 as proto, time::to_timestamp,
};
use herdbook_rpc::Caller;

use crate::{
    policy::Policy,
    reference::RESERVED,
    rules::Verdict,
    store::{
        models::{Contents, Model},
        stages::Stay,
    },
    transition::{Plan, Refusal},
    version::{File, Version},
};

/// Registered versions that a version may be based on.
const BASES: usize = 100;

/// Checks the name of a model.
pub(crate) fn check_model_name(field: &str, name: &str, violations: &mut Violations) {
    violations.check(field, check_name(name));
    if let Some(reserved) = name.chars().find(|c| RESERVED.contains(c)) {
        violations.add(
            field,
            format!("must not have {reserved:?}, which separates the parts of references"),
        );
    }
}

/// Checks a comment or a description.
pub(crate) fn check_words(field: &str, text: &str, violations: &mut Violations) {
    violations.check(field, check_text(text));
}

/// Checks `model/number` references.
pub(crate) fn check_bases(bases: &[String], violations: &mut Violations) {
    if bases.len() > BASES {
        violations.add(
            "based_on",
            format!("has {} entries; at most {BASES} are allowed", bases.len()),
        );
    }
    for (index, base) in bases.iter().enumerate() {
        let fits = base.rsplit_once('/').is_some_and(|(model, number)| {
            check_name(model).is_ok() && number.parse::<u32>().is_ok_and(|number| number > 0)
        });
        if !fits {
            violations.add(
                format!("based_on[{index}]"),
                "must be model/number, such as fraud-detector/3",
            );
        }
    }
}

/// Checks an alias.
pub(crate) fn check_alias(alias: &str, policy: &Policy) -> Result<(), InvalidRequest> {
    let fits = alias.starts_with(|c: char| c.is_ascii_alphabetic())
        && alias.len() <= 255
        && alias
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !fits {
        let what = "must be letters, digits, `_` and `-`, with a letter first";
        return Err(InvalidRequest::field("alias", what));
    }
    if alias.eq_ignore_ascii_case("latest") || policy.stage(alias).is_some() {
        let what = format!("{alias:?} means something else already; choose another");
        return Err(InvalidRequest::field("alias", what));
    }
    Ok(())
}

/// A model with what stands where.
pub(crate) fn to_model(model: Model, contents: Option<&Contents>) -> proto::Model {
    let stages = model.policy.stages.iter().filter_map(|stage| {
        let versions = contents?.stages.get(&stage.name)?.clone();
        Some(proto::StageContent {
            stage: stage.name.clone(),
            versions,
        })
    });
    proto::Model {
        stages: stages.collect(),
        aliases: contents
            .map(|c| c.aliases.clone().into_iter().collect())
            .unwrap_or_default(),
        name: model.name,
        description: model.description,
        tags: model.tags.0.into_iter().collect(),
        latest_version: model.latest_version,
        created_by: model.created_by,
        created_at: Some(to_timestamp(model.created_at)),
        updated_at: Some(to_timestamp(model.updated_at)),
        revision: model.revision,
    }
}

/// A version with the aliases that point at it.
pub(crate) fn to_version(version: Version, contents: Option<&Contents>) -> proto::Version {
    let aliases = contents.into_iter().flat_map(|contents| &contents.aliases);
    let aliases = aliases.filter(|(_, number)| **number == version.number);
    proto::Version {
        aliases: aliases.map(|(alias, _)| alias.clone()).collect(),
        model: version.model,
        number: version.number,
        label: version.label,
        stage: version.stage,
        description: version.description,
        tags: version.tags.into_iter().collect(),
        source: version.source,
        run_id: version.run.to_string(),
        based_on: version.based_on,
        files: version.files.into_iter().map(Into::into).collect(),
        digest: version.digest.to_string(),
        params: version.params.into_iter().collect(),
        metrics: version.metrics.into_iter().collect(),
        created_by: version.created_by,
        created_at: Some(to_timestamp(version.created_at)),
        updated_at: Some(to_timestamp(version.updated_at)),
        stage_since: Some(to_timestamp(version.stage_since)),
        revision: version.revision,
    }
}

/// A stay as the contract has it.
pub(crate) fn to_stay(stay: Stay) -> proto::Stay {
    proto::Stay {
        version: stay.number,
        label: stay.label,
        entered_at: stay.entered_at.map(to_timestamp),
        left_at: stay.left_at.map(to_timestamp),
        left_revision: stay.left_revision,
    }
}

impl From<File> for common::File {
    fn from(file: File) -> Self {
        Self {
            path: file.path,
            size: i64::try_from(file.size).unwrap_or(i64::MAX),
            digest: file.digest.to_string(),
        }
    }
}

/// A decision about moving `version`; its outcome, time and revision are for the caller to fill in.
pub(crate) fn to_decision(
    version: &Version,
    to: &str,
    plan: &Plan,
    model: &Model,
    caller: &Caller,
    comment: &str,
) -> proto::Decision {
    proto::Decision {
        model: version.model.clone(),
        version: version.number,
        from: version.stage.clone(),
        to: to.to_owned(),
        outcome: proto::Outcome::Unspecified.into(),
        verdicts: plan.verdicts.iter().map(to_verdict).collect(),
        displaced: if plan.allowed() {
            plan.displaced.clone()
        } else {
            Vec::new()
        },
        principal: caller.name.to_string(),
        comment: comment.to_owned(),
        decided_at: None,
        revision: 0,
        policy_revision: model.policy_revision,
    }
}

fn to_verdict(verdict: &Verdict) -> proto::RuleVerdict {
    let Verdict {
        rule,
        passed,
        requirement,
        evidence,
        remedy,
        ..
    } = verdict.clone();
    proto::RuleVerdict {
        rule,
        passed,
        requirement,
        evidence,
        remedy,
    }
}

/// A refusal that was given before, from the audit log.
pub(crate) fn to_refusal(decision: proto::Decision) -> Refusal {
    let verdict = |verdict: proto::RuleVerdict| Verdict {
        rule: verdict.rule,
        kind: "RULE",
        passed: verdict.passed,
        requirement: verdict.requirement,
        evidence: verdict.evidence,
        remedy: verdict.remedy,
    };
    Refusal {
        model: decision.model,
        number: decision.version,
        to: decision.to,
        verdicts: decision.verdicts.into_iter().map(verdict).collect(),
        revision: decision.revision,
    }
}
