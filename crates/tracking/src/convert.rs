//! Between the contract and the domain.

pub(crate) mod logged_model;

use std::collections::BTreeMap;

use herdbook_core::{
    Digest, ExperimentId, RunId, check_name, check_text,
    limits::{PARAM_VALUE_BYTES, TAG_VALUE_BYTES},
};
use herdbook_proto::{
    InvalidRequest, Violations,
    common::v1::{Lifecycle, View},
    fields,
    time::to_timestamp,
    tracking::v1 as proto,
};
use sha2::{Digest as _, Sha256};

use crate::{
    TrackingError,
    run::{Environment, Input, Pairs, Run, RunStatus, Source},
    store::{experiments::Experiment, summaries::SummaryRow},
};

/// Registered versions that a run may be based on.
const BASES: usize = 100;
/// Packages in an environment, and words in a command.
const LINES: usize = 5_000;

/// A run id of a request; one that is none means no run.
pub(crate) fn run_id(text: &str) -> Result<RunId, TrackingError> {
    text.parse().map_err(|_| {
        TrackingError::RunNotFound(text.chars().filter(|c| !c.is_control()).take(64).collect())
    })
}

/// Which things a listing shows: `deleted IS [NOT] NULL` as `Some(deleted)`, both as `None`.
pub(crate) fn view(view: i32) -> Option<bool> {
    match View::try_from(view).unwrap_or(View::Unspecified) {
        View::Unspecified | View::Active => Some(false),
        View::Deleted => Some(true),
        View::All => None,
    }
}

pub(crate) fn params(params: BTreeMap<String, String>, violations: &mut Violations) -> Pairs {
    fields::pairs("params", params, PARAM_VALUE_BYTES, violations)
}

pub(crate) fn tags(
    field: &str,
    tags: BTreeMap<String, String>,
    violations: &mut Violations,
) -> Pairs {
    fields::pairs(field, tags, TAG_VALUE_BYTES, violations)
}

pub(crate) fn inputs(
    field: &str,
    inputs: Vec<proto::DatasetInput>,
    violations: &mut Violations,
) -> Vec<Input> {
    fields::entries(field, inputs.len(), violations);
    let mut read = Vec::new();
    for (index, input) in inputs.into_iter().enumerate() {
        let scope = format!("{field}[{index}]");
        let Some(dataset) = violations.require(format!("{scope}.dataset"), input.dataset) else {
            continue;
        };
        violations.check(format!("{scope}.dataset.name"), check_name(&dataset.name));
        if !dataset.digest.is_empty() {
            violations.check(
                format!("{scope}.dataset.digest"),
                check_name(&dataset.digest),
            );
        }
        for (name, text) in [
            ("context", &input.context),
            ("dataset.uri", &dataset.uri),
            ("dataset.source_type", &dataset.source_type),
            ("dataset.schema", &dataset.schema),
            ("dataset.profile", &dataset.profile),
            ("dataset.source", &dataset.source),
        ] {
            violations.check(format!("{scope}.{name}"), check_text(text));
        }
        let tags = tags(&format!("{scope}.tags"), input.tags, violations);
        read.push(Input {
            name: dataset.name,
            digest: dataset.digest,
            context: input.context,
            uri: dataset.uri,
            source_type: dataset.source_type,
            schema: dataset.schema,
            profile: dataset.profile,
            source: dataset.source,
            tags,
        });
    }
    read
}

pub(crate) fn source(source: proto::Source, violations: &mut Violations) -> Source {
    lines("source.command", &source.command, violations);
    for (name, text) in [
        ("source.repository", &source.repository),
        ("source.commit", &source.commit),
        ("source.branch", &source.branch),
        ("source.entry_point", &source.entry_point),
    ] {
        if !text.is_empty() {
            let checked = check_name(text);
            violations.check(name, checked);
        }
    }
    let mut diff_digest = source.diff_digest;
    if !diff_digest.is_empty() {
        let digest = violations.check("source.diff_digest", diff_digest.parse::<Digest>());
        diff_digest = digest.map_or_else(String::new, |digest| digest.to_string());
    }
    let source = Source {
        repository: source.repository,
        commit: source.commit,
        branch: source.branch,
        dirty: source.dirty || !diff_digest.is_empty(),
        entry_point: source.entry_point,
        command: source.command,
        diff_digest,
    };
    // Lineage names the state of the code by it.
    if !source.commit.is_empty() && source.dirty {
        violations.check("source.commit", check_name(&source.state()));
    }
    source
}

/// Reads an environment and computes its digest: SHA-256 over the lines of `python <version>`,
/// `platform <platform>` and the sorted requirements.
pub(crate) fn environment(
    environment: proto::Environment,
    violations: &mut Violations,
) -> Environment {
    lines(
        "environment.requirements",
        &environment.requirements,
        violations,
    );
    for (name, text) in [
        ("environment.python_version", &environment.python_version),
        ("environment.platform", &environment.platform),
    ] {
        violations.check(name, check_text(text));
    }
    let mut requirements = environment.requirements;
    requirements.sort_unstable();
    let mut hash = Sha256::new();
    for line in [
        format!("python {}", environment.python_version),
        format!("platform {}", environment.platform),
    ]
    .iter()
    .chain(&requirements)
    {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    Environment {
        python_version: environment.python_version,
        platform: environment.platform,
        requirements,
        digest: Digest(hash.finalize().into()).to_string(),
    }
}

fn lines(field: &str, lines: &[String], violations: &mut Violations) {
    if lines.len() > LINES {
        violations.add(
            field,
            format!("has {} entries; at most {LINES} are allowed", lines.len()),
        );
    }
    for (index, line) in lines.iter().enumerate() {
        violations.check(format!("{field}[{index}]"), check_text(line));
    }
}

/// Checks `model/number` references.
pub(crate) fn based_on(bases: &[String], violations: &mut Violations) {
    if bases.len() > BASES {
        violations.add(
            "based_on",
            format!("has {} entries; at most {BASES} are allowed", bases.len()),
        );
    }
    for (index, base) in bases.iter().enumerate() {
        let parts = base.rsplit_once('/');
        let valid = parts.is_some_and(|(model, number)| {
            check_name(model).is_ok() && number.parse::<u32>().is_ok_and(|number| number > 0)
        });
        if !valid {
            violations.add(
                format!("based_on[{index}]"),
                "must be model/number, such as fraud-detector/3",
            );
        }
    }
}

pub(crate) fn status(field: &str, number: i32, violations: &mut Violations) -> Option<RunStatus> {
    let status = RunStatus::from_number(number);
    if status.is_none() {
        violations.add(
            field,
            "must be a status from RUN_STATUS_SCHEDULED to RUN_STATUS_KILLED",
        );
    }
    status
}

pub(crate) fn experiment_id(field: &str, id: i64) -> Result<ExperimentId, InvalidRequest> {
    if id < 0 {
        return Err(InvalidRequest::field(field, "must not be negative"));
    }
    Ok(ExperimentId(id))
}

impl From<Experiment> for proto::Experiment {
    fn from(experiment: Experiment) -> Self {
        Self {
            id: experiment.id.0,
            name: experiment.name,
            description: experiment.description,
            tags: experiment.tags,
            lifecycle: lifecycle(experiment.deleted).into(),
            created_at: Some(to_timestamp(experiment.created_at)),
            updated_at: Some(to_timestamp(experiment.updated_at)),
        }
    }
}

fn lifecycle(deleted: bool) -> Lifecycle {
    if deleted {
        Lifecycle::Deleted
    } else {
        Lifecycle::Active
    }
}

/// A run with the summaries of its metrics.
pub(crate) fn to_run(run: Run, metrics: Vec<SummaryRow>) -> proto::Run {
    proto::Run {
        id: run.id.to_string(),
        experiment_id: run.experiment.0,
        name: run.name,
        status: i32::from(run.status.number()),
        user: run.user,
        started_at: Some(to_timestamp(run.started_at)),
        ended_at: run.ended_at.map(to_timestamp),
        description: run.description,
        params: run.params,
        tags: run.tags,
        metrics: metrics.into_iter().map(Into::into).collect(),
        inputs: run.inputs.into_iter().map(Into::into).collect(),
        source: run.source.map(Into::into),
        environment: run.environment.map(Into::into),
        parent_run_id: run.parent.map(|id| id.to_string()).unwrap_or_default(),
        based_on: run.based_on,
        lifecycle: lifecycle(run.deleted).into(),
        created_at: Some(to_timestamp(run.created_at)),
        updated_at: Some(to_timestamp(run.updated_at)),
        forked_from: run.forked_from.map(|fork| proto::Fork {
            run_id: fork.run.to_string(),
            step: fork.step,
        }),
        stop_requested: run.stop_requested,
    }
}

impl From<SummaryRow> for proto::MetricSummary {
    fn from(row: SummaryRow) -> Self {
        let micros = chrono::DateTime::from_timestamp_micros(row.latest_time_us);
        Self {
            key: row.key,
            latest: row.latest,
            latest_step: row.latest_step,
            latest_time: micros.map(to_timestamp),
            min: row.min,
            max: row.max,
            count: row.count,
        }
    }
}

impl From<Input> for proto::DatasetInput {
    fn from(input: Input) -> Self {
        Self {
            context: input.context,
            tags: input.tags,
            dataset: Some(proto::Dataset {
                name: input.name,
                digest: input.digest,
                uri: input.uri,
                source_type: input.source_type,
                schema: input.schema,
                profile: input.profile,
                source: input.source,
            }),
        }
    }
}

impl From<Source> for proto::Source {
    fn from(source: Source) -> Self {
        Self {
            repository: source.repository,
            commit: source.commit,
            branch: source.branch,
            dirty: source.dirty,
            entry_point: source.entry_point,
            command: source.command,
            diff_digest: source.diff_digest,
        }
    }
}

impl From<Environment> for proto::Environment {
    fn from(environment: Environment) -> Self {
        Self {
            python_version: environment.python_version,
            platform: environment.platform,
            requirements: environment.requirements,
            digest: environment.digest,
        }
    }
}
