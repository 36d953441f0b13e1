//! Between the contract and the domain.

mod card;
pub(crate) mod policy;
pub(crate) mod webhook;

use herdbook_core::{Digest, check_name, check_text};
use herdbook_proto::{
    InvalidRequest, Violations, common::v1 as common, registry::v1 as proto, time::to_timestamp,
};

use crate::{
    facts::{Check, Signature},
    policy::Policy,
    reference::RESERVED,
    request::{Approval, Request},
    resolve::Resolved,
    rules::{Case, Verdict},
    store::{
        models::{Contents, Model},
        stages::Stay,
    },
    transition::{Plan, Refusal},
    version::{File, Version},
};

/// Registered versions that a version may be based on.
const BASES: usize = 100;
/// Owners of a model.
const OWNERS: usize = 100;
/// Characters of an alias.
const ALIAS_CHARS: usize = 255;

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

/// Checks who answers for a model.
pub(crate) fn check_owners(field: &str, owners: &[String], violations: &mut Violations) {
    if owners.len() > OWNERS {
        let what = format!("has {} entries; at most {OWNERS} are kept", owners.len());
        violations.add(field, what);
        return;
    }
    for (index, owner) in owners.iter().enumerate() {
        violations.check(format!("{field}[{index}]"), check_name(owner));
    }
}

/// Checks what a version was made with.
pub(crate) fn check_flavor(field: &str, flavor: &str, violations: &mut Violations) {
    if !flavor.is_empty() {
        violations.check(field, check_name(flavor));
    }
}

/// Checks an alias. It may be the name of a stage in another case: what is written exactly is found first.
pub(crate) fn check_alias(alias: &str, policy: &Policy) -> Result<(), InvalidRequest> {
    let refused = |what: String| Err(InvalidRequest::field("alias", what));
    let within = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let only_digits = alias.bytes().all(|b| b.is_ascii_digit());
    if only_digits || alias.chars().count() > ALIAS_CHARS || !alias.chars().all(within) {
        return refused(format!(
            "must be at most {ALIAS_CHARS} letters, digits, `_` and `-`, and not only digits"
        ));
    }
    if alias.eq_ignore_ascii_case("latest") {
        return refused(format!("{alias:?} is the newest version; choose another"));
    }
    if policy.stages.iter().all(|stage| stage.name != alias) {
        return Ok(());
    }
    refused(match alias.to_lowercase() {
        lower if lower != alias => {
            format!("{alias:?} is a stage; write {lower:?} in lower case, or choose another")
        }
        _ => format!("{alias:?} is a stage; choose another"),
    })
}

/// A model with what stands where.
pub(crate) fn to_model(model: Model, contents: Option<&Contents>) -> proto::Model {
    let stages = model.policy.stages.iter().filter_map(|stage| {
        let versions = contents?.stages.0.get(&stage.name)?.clone();
        Some(proto::StageContent {
            stage: stage.name.clone(),
            versions,
            newest: None,
        })
    });
    proto::Model {
        stages: stages.collect(),
        aliases: contents
            .map(|c| c.aliases.0.clone().into_iter().collect())
            .unwrap_or_default(),
        name: model.name,
        description: model.description,
        tags: model.tags.0,
        latest_version: model.latest_version,
        created_by: model.created_by,
        created_at: Some(to_timestamp(model.created_at)),
        updated_at: Some(to_timestamp(model.updated_at)),
        revision: model.revision,
        policy: model.policy_name.unwrap_or_default(),
        owners: model.owners,
        card: Some(model.card.0.into()),
    }
}

/// A version with the aliases that point at it.
pub(crate) fn to_version(version: Version, aliases: Vec<String>) -> proto::Version {
    let run_id = version.run_id();
    proto::Version {
        aliases,
        logged_model: version.logged_model,
        external: version.external,
        model: version.model,
        number: version.number,
        label: version.label,
        stage: version.stage,
        description: version.description,
        tags: version.tags,
        source: version.source,
        run_id,
        based_on: version.based_on,
        files: version.files.into_iter().map(Into::into).collect(),
        digest: version.digest.to_string(),
        params: version.params,
        metrics: version.metrics.into_iter().collect(),
        created_by: version.created_by,
        created_at: Some(to_timestamp(version.created_at)),
        updated_at: Some(to_timestamp(version.updated_at)),
        stage_since: Some(to_timestamp(version.stage_since)),
        revision: version.revision,
        flavor: version.flavor,
        schema: version.schema.map(Into::into),
        card: Some(version.card.into()),
        own_card: Some(version.own_card.into()),
    }
}

/// What a reference means at `revision`.
pub(crate) fn to_resolved(found: &Resolved, revision: i64) -> proto::ResolveVersionResponse {
    proto::ResolveVersionResponse {
        model: found.model.clone(),
        version: found.number,
        label: found.label.clone(),
        stage: found.stage.clone(),
        digest: found.digest.to_string(),
        files: found.files.iter().cloned().map(Into::into).collect(),
        revision,
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

/// A request as the contract has it.
pub(crate) fn to_request(request: Request) -> proto::TransitionRequest {
    let approval = |approval: Approval| proto::Approval {
        principal: approval.name,
        comment: approval.comment,
        approved_at: Some(to_timestamp(approval.at)),
    };
    proto::TransitionRequest {
        id: request.id,
        model: request.model,
        version: request.number,
        digest: request.digest.to_string(),
        from: request.from,
        to: request.to,
        rollback: request.rollback,
        comment: request.comment,
        requested_by: request.requested_by,
        requested_at: Some(to_timestamp(request.requested_at)),
        expires_at: Some(to_timestamp(request.expires_at)),
        state: request.state.into(),
        closed_at: request.closed_at.map(to_timestamp),
        closed_by: request.closed_by.unwrap_or_default(),
        approvals: request.approvals.into_iter().map(approval).collect(),
    }
}

/// A check of the files with `digest` as the contract has it.
pub(crate) fn to_check(name: String, check: Check, number: i64, digest: Digest) -> proto::Check {
    proto::Check {
        name,
        passed: check.passed,
        details: check.details,
        url: check.url,
        digest: digest.to_string(),
        reported_by: check.reported_by,
        reported_at: Some(to_timestamp(check.reported_at)),
        version: number,
    }
}

/// A signature as the contract has it.
pub(crate) fn to_signature(signature: Signature) -> proto::Signature {
    proto::Signature {
        key_id: signature.key.id().to_string(),
        public_key: signature.key.to_pem(),
        signature: signature.bytes.to_vec().into(),
        added_by: signature.added_by,
        added_at: Some(to_timestamp(signature.added_at)),
    }
}

/// Reads a digest, `None` if the field is empty.
pub(crate) fn digest(field: &str, text: &str, violations: &mut Violations) -> Option<Digest> {
    match text {
        "" => None,
        text => violations.check(field, text.parse::<Digest>()),
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

/// A decision about the move of `case`; its outcome, time and revision are for the caller to fill in.
pub(crate) fn to_decision(
    case: &Case,
    to: &str,
    plan: &Plan,
    model: &Model,
    comment: &str,
) -> proto::Decision {
    let version = &case.version;
    proto::Decision {
        model: version.model.clone(),
        version: version.number,
        from: version.stage.clone(),
        to: to.to_owned(),
        verdicts: plan.verdicts.iter().map(to_verdict).collect(),
        displaced: plan.displaced.clone(),
        principal: case.mover.name.to_string(),
        comment: comment.to_owned(),
        policy_revision: model.policy_revision,
        policy: model.policy_name.clone().unwrap_or_default(),
        ..Default::default()
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
