//! Facets of runs.

#![allow(dead_code, reason = "most fields are read only to be checked")]

use herdbook_core::FieldViolation;
use serde::Deserialize;
use serde_json::{Number, value::RawValue};

use super::{Tags, check_as};
use crate::openlineage::{event::RunId, time::EventTime};

pub(super) fn check(
    name: &str,
    facet: &RawValue,
    field: &str,
) -> Option<Result<(), FieldViolation>> {
    match name {
        "environmentVariables" => check_as::<EnvironmentVariables>(facet, field),
        "errorMessage" => check_as::<ErrorMessage>(facet, field),
        "executionParameters" => check_as::<ExecutionParameters>(facet, field),
        "externalQuery" => check_as::<ExternalQuery>(facet, field),
        "extractionError" => check_as::<ExtractionError>(facet, field),
        "jobDependencies" => check_as::<JobDependencies>(facet, field),
        "nominalTime" => check_as::<NominalTime>(facet, field),
        "parent" => check_as::<Parent>(facet, field),
        "processing_engine" => check_as::<ProcessingEngine>(facet, field),
        "tags" => check_as::<Tags>(facet, field),
        "test" => check_as::<Tests>(facet, field),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvironmentVariables {
    environment_variables: Vec<EnvironmentVariable>,
}

#[derive(Deserialize)]
struct EnvironmentVariable {
    name: String,
    value: String,
}

/// Why a run failed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorMessage {
    pub(crate) message: String,
    programming_language: String,
    stack_trace: Option<String>,
}

#[derive(Deserialize)]
struct ExecutionParameters {
    parameters: Option<Vec<ExecutionParameter>>,
}

#[derive(Deserialize)]
struct ExecutionParameter {
    key: String,
    name: Option<String>,
    description: Option<String>,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalQuery {
    external_query_id: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtractionError {
    total_tasks: Number,
    failed_tasks: Number,
    errors: Vec<TaskError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskError {
    error_message: String,
    stack_trace: Option<String>,
    task: Option<String>,
    task_number: Option<Number>,
}

#[derive(Deserialize)]
struct JobDependencies {
    upstream: Option<Vec<JobDependency>>,
    downstream: Option<Vec<JobDependency>>,
    trigger_rule: Option<String>,
}

#[derive(Deserialize)]
struct JobDependency {
    job: JobName,
    run: Option<RunName>,
    dependency_type: Option<String>,
    sequence_trigger_rule: Option<String>,
    status_trigger_rule: Option<String>,
}

/// A job by name.
#[derive(Deserialize)]
pub(crate) struct JobName {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// A run by id.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunName {
    pub(crate) run_id: RunId,
}

/// When a run was due.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NominalTime {
    pub(crate) nominal_start_time: EventTime,
    nominal_end_time: Option<EventTime>,
}

/// The run that started a run.
#[derive(Deserialize)]
pub(crate) struct Parent {
    pub(crate) run: RunName,
    pub(crate) job: JobName,
    root: Option<Root>,
}

#[derive(Deserialize)]
struct Root {
    run: RunName,
    job: JobName,
}

/// What a run ran on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessingEngine {
    pub(crate) version: String,
    pub(crate) name: Option<String>,
    openlineage_adapter_version: Option<String>,
}

#[derive(Deserialize)]
struct Tests {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    name: String,
    status: String,
    severity: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    description: Option<String>,
    expected: Option<String>,
    actual: Option<String>,
    content: Option<String>,
    content_type: Option<String>,
}
