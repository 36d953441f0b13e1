//! Facets of jobs, and explicit lineage, which stands at data sets too.

#![allow(dead_code, reason = "most fields are read only to be checked")]

use std::collections::BTreeMap;

use herdbook_core::FieldViolation;
use serde::Deserialize;
use serde_json::{Number, value::RawValue};

use super::{Tags, Transformation, check_as};
use crate::openlineage::event::{RunId, nullable};

pub(super) fn check(
    name: &str,
    facet: &RawValue,
    field: &str,
) -> Option<Result<(), FieldViolation>> {
    match name {
        "documentation" => check_as::<Documentation>(facet, field),
        "jobType" => check_as::<JobType>(facet, field),
        "lineage" => check_as::<Lineage>(facet, field),
        "ownership" => check_as::<Ownership>(facet, field),
        "sourceCode" => check_as::<SourceCode>(facet, field),
        "sourceCodeLocation" => check_as::<SourceCodeLocation>(facet, field),
        "sql" => check_as::<Sql>(facet, field),
        "tags" => check_as::<Tags>(facet, field),
        _ => None,
    }
}

/// What a job or a data set is for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Documentation {
    pub(crate) description: String,
    content_type: Option<String>,
}

/// What sort of job it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobType {
    pub(crate) processing_type: String,
    pub(crate) integration: String,
    pub(crate) job_type: Option<String>,
    emission_pattern: Option<EmissionPattern>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmissionPattern {
    event_trigger: String,
    event_content_mode: String,
    window_duration: Option<Number>,
}

#[derive(Deserialize)]
pub(super) struct Ownership {
    owners: Option<Vec<Owner>>,
}

#[derive(Deserialize)]
struct Owner {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The source of a job.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceCode {
    pub(crate) language: String,
    pub(crate) source_code: String,
}

/// Where the source of a job is kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceCodeLocation {
    #[serde(rename = "type")]
    kind: String,
    pub(crate) url: String,
    pub(crate) repo_url: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) version: Option<String>,
    tag: Option<String>,
    pub(crate) branch: Option<String>,
    pull_request_number: Option<String>,
}

#[derive(Deserialize)]
struct Sql {
    query: String,
    dialect: Option<String>,
}

/// Explicit lineage of a job.
#[derive(Deserialize)]
pub(crate) struct Lineage {
    pub(crate) entries: Vec<LineageEntry>,
}

/// What flows into a data set or a job.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(crate) enum LineageEntry {
    #[serde(rename = "DATASET")]
    Dataset {
        namespace: String,
        name: String,
        #[serde(flatten)]
        flows: LineageFields,
    },
    #[serde(rename = "JOB")]
    Job {
        namespace: Option<String>,
        name: Option<String>,
        #[serde(rename = "runId")]
        run_id: Option<RunId>,
        #[serde(default, deserialize_with = "nullable")]
        inputs: Vec<LineageInput>,
    },
}

/// What flows into a data set as a whole, and into its fields. By itself the facet of a data set.
#[derive(Deserialize)]
pub(crate) struct LineageFields {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) inputs: Vec<LineageInput>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) fields: BTreeMap<String, LineageField>,
}

/// What flows into a field.
#[derive(Deserialize)]
pub(crate) struct LineageField {
    pub(crate) inputs: Vec<LineageInput>,
}

/// A source.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(crate) enum LineageInput {
    #[serde(rename = "DATASET")]
    Dataset {
        namespace: String,
        name: String,
        field: Option<String>,
        #[serde(default, deserialize_with = "nullable")]
        transformations: Vec<Transformation>,
    },
    #[serde(rename = "JOB")]
    Job {
        namespace: Option<String>,
        name: Option<String>,
        #[serde(rename = "runId")]
        run_id: Option<RunId>,
        #[serde(default, deserialize_with = "nullable")]
        transformations: Vec<Transformation>,
    },
}
