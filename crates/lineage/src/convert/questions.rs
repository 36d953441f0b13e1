//! Answers about whole descents, for the contract.

use herdbook_proto::lineage::v1 as proto;

use crate::{
    completeness::{Finding, Purpose, score},
    diff::{Change, Comparison, Fact},
    making::Descent,
    reproduction::{Code, Data, Environment, Gap, Output, Reproduction},
};

/// Nodes that a finding names at most.
const SHOWN: usize = 20;
/// What manifests are written as; another number when their fields change their meaning.
const FORMAT: &str = "herdbook.reproduction/1";

pub(crate) fn to_comparison(
    from: &Descent,
    to: &Descent,
    found: Comparison,
) -> proto::ComparePedigreesResponse {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    proto::ComparePedigreesResponse {
        from: from.node().cloned().map(Into::into),
        to: to.node().cloned().map(Into::into),
        changes: found.changes.into_iter().map(Into::into).collect(),
        same_data: count(found.same_data),
        same_params: count(found.same_params),
        same_packages: count(found.same_packages),
    }
}

pub(crate) fn to_completeness(
    descent: &Descent,
    findings: Vec<Finding>,
) -> proto::CheckCompletenessResponse {
    proto::CheckCompletenessResponse {
        node: descent.node().cloned().map(Into::into),
        reproduction_score: score(&findings, Purpose::Reproduction),
        audit_score: score(&findings, Purpose::Audit),
        findings: findings.into_iter().map(Into::into).collect(),
    }
}

pub(crate) fn to_reproduction(descent: &Descent, found: Reproduction) -> proto::Reproduction {
    proto::Reproduction {
        format: FORMAT.to_owned(),
        node: Some(descent.subject.clone().into()),
        run_id: found.run,
        data: found.data.into_iter().map(Into::into).collect(),
        code: found.code.map(Into::into),
        command: found.command,
        environment: found.environment.map(Into::into),
        params: found.params.into_iter().collect(),
        seeds: found.seeds,
        based_on: found
            .based_on
            .into_iter()
            .map(|key| format!("{}/{}", key.name, key.version))
            .collect(),
        outputs: found.outputs.into_iter().map(Into::into).collect(),
        metrics: found.metrics.into_iter().collect(),
        missing: found.missing.into_iter().map(Into::into).collect(),
    }
}

impl From<Change> for proto::PedigreeChange {
    fn from(change: Change) -> Self {
        Self {
            aspect: change.aspect as i32,
            name: change.name,
            from: change.from,
            to: change.to,
            facts: change.facts.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Fact> for proto::FactChange {
    fn from(fact: Fact) -> Self {
        Self {
            name: fact.name,
            from: fact.from,
            to: fact.to,
        }
    }
}

impl From<Finding> for proto::CompletenessFinding {
    fn from(finding: Finding) -> Self {
        let Finding { rule, missing_at } = finding;
        let passed = missing_at.is_empty();
        Self {
            rule: rule.name.to_owned(),
            purpose: rule.purpose as i32,
            weight: rule.weight,
            passed,
            asks: rule.asks.to_owned(),
            missing_at: missing_at.into_iter().take(SHOWN).map(Into::into).collect(),
            remedy: match passed {
                true => String::new(),
                false => rule.remedy.to_owned(),
            },
        }
    }
}

impl From<Data> for proto::ReproductionData {
    fn from(data: Data) -> Self {
        Self {
            name: data.key.name,
            digest: data.key.version,
            uri: data.uri,
            context: data.context,
        }
    }
}

impl From<Code> for proto::ReproductionCode {
    fn from(code: Code) -> Self {
        Self {
            repository: code.repository,
            commit: code.commit,
            branch: code.branch,
            dirty: code.dirty,
            diff_digest: code.diff_digest,
            entry_point: code.entry_point,
        }
    }
}

impl From<Environment> for proto::ReproductionEnvironment {
    fn from(environment: Environment) -> Self {
        Self {
            python_version: environment.python_version,
            platform: environment.platform,
            requirements: environment.requirements,
            digest: environment.digest,
        }
    }
}

impl From<Output> for proto::ReproductionOutput {
    fn from(output: Output) -> Self {
        Self {
            path: output.path,
            digest: output.digest,
            size: i64::try_from(output.size).unwrap_or(i64::MAX),
        }
    }
}

impl From<Gap> for proto::ReproductionGap {
    fn from(gap: Gap) -> Self {
        Self {
            what: gap.what,
            remedy: gap.remedy,
        }
    }
}
