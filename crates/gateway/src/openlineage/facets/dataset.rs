//! Facets of data sets, as such and as inputs and outputs.

#![allow(dead_code, reason = "most fields are read only to be checked")]

use std::collections::BTreeMap;

use herdbook_core::FieldViolation;
use serde::Deserialize;
use serde_json::{Number, value::RawValue};

use super::{Documentation, LineageFields, Tags, check_as, job::Ownership};
use crate::openlineage::{event::nullable, time::EventTime};

pub(super) fn check(
    name: &str,
    facet: &RawValue,
    field: &str,
) -> Option<Result<(), FieldViolation>> {
    match name {
        "catalog" => check_as::<Catalog>(facet, field),
        "columnLineage" => check_as::<ColumnLineage>(facet, field),
        "dataQualityAssertions" => check_as::<DataQualityAssertions>(facet, field),
        "dataQualityMetrics" => check_as::<DataQualityMetrics>(facet, field),
        "dataSource" => check_as::<Datasource>(facet, field),
        "datasetType" => check_as::<DatasetType>(facet, field),
        "documentation" => check_as::<Documentation>(facet, field),
        "hierarchy" => check_as::<Hierarchy>(facet, field),
        "inputStatistics" | "outputStatistics" => check_as::<Statistics>(facet, field),
        "lifecycleStateChange" => check_as::<LifecycleStateChange>(facet, field),
        "lineage" => check_as::<LineageFields>(facet, field),
        "ownership" => check_as::<Ownership>(facet, field),
        "schema" => check_as::<Schema>(facet, field),
        "storage" => check_as::<Storage>(facet, field),
        "subset" => check_as::<Subset>(facet, field),
        "symlinks" => check_as::<Symlinks>(facet, field),
        "tags" => check_as::<Tags>(facet, field),
        "version" => check_as::<DatasetVersion>(facet, field),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalog {
    framework: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    metadata_uri: Option<String>,
    warehouse_uri: Option<String>,
    source: Option<String>,
    catalog_properties: Option<BTreeMap<String, String>>,
}

/// What columns came from.
#[derive(Deserialize)]
pub(crate) struct ColumnLineage {
    pub(crate) fields: BTreeMap<String, Column>,
    /// What all columns depend on, such as those of a filter.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) dataset: Vec<InputField>,
}

/// What a column came from.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Column {
    pub(crate) input_fields: Vec<InputField>,
    /// As it was told before transformations stood at the input.
    pub(crate) transformation_description: Option<String>,
    pub(crate) transformation_type: Option<String>,
}

/// A column of another data set.
#[derive(Deserialize)]
pub(crate) struct InputField {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) field: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) transformations: Vec<Transformation>,
}

/// What was done to a column.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Transformation {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) subtype: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) masking: Option<bool>,
}

#[derive(Deserialize)]
struct DataQualityAssertions {
    assertions: Vec<Assertion>,
}

#[derive(Deserialize)]
struct Assertion {
    assertion: String,
    success: bool,
    column: Option<String>,
    severity: Option<String>,
    name: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataQualityMetrics {
    column_metrics: BTreeMap<String, ColumnMetrics>,
    row_count: Option<Number>,
    bytes: Option<Number>,
    file_count: Option<Number>,
    last_updated: Option<EventTime>,
    capture_date: Option<EventTime>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ColumnMetrics {
    null_count: Option<Number>,
    distinct_count: Option<Number>,
    sum: Option<Number>,
    count: Option<Number>,
    min: Option<Number>,
    max: Option<Number>,
    quantiles: Option<BTreeMap<String, Number>>,
}

/// Where a data set is kept.
#[derive(Deserialize)]
pub(crate) struct Datasource {
    name: Option<String>,
    pub(crate) uri: Option<String>,
}

/// What sort of data set it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetType {
    pub(crate) dataset_type: String,
    sub_type: Option<String>,
}

/// Which state of a data set it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetVersion {
    pub(crate) dataset_version: String,
}

#[derive(Deserialize)]
struct Hierarchy {
    hierarchy: Vec<Level>,
}

#[derive(Deserialize)]
struct Level {
    #[serde(rename = "type")]
    kind: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    row_count: Option<Number>,
    size: Option<Number>,
    file_count: Option<Number>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifecycleStateChange {
    lifecycle_state_change: StateChange,
    previous_identifier: Option<Identifier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum StateChange {
    Alter,
    Create,
    Drop,
    Overwrite,
    Rename,
    Truncate,
}

/// Another name of a data set.
#[derive(Deserialize)]
pub(crate) struct Identifier {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct Schema {
    fields: Option<Vec<SchemaField>>,
}

#[derive(Deserialize)]
struct SchemaField {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    description: Option<String>,
    ordinal_position: Option<Number>,
    fields: Option<Vec<SchemaField>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    storage_layer: String,
    file_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subset {
    input_condition: Option<Condition>,
    output_condition: Option<Condition>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Condition {
    Location {
        locations: Vec<String>,
    },
    Partition {
        partitions: Vec<Partition>,
    },
    Binary {
        left: Box<Condition>,
        right: Box<Condition>,
        operator: String,
    },
    Compare {
        comparison: String,
    },
}

#[derive(Deserialize)]
struct Partition {
    identifier: Option<String>,
}

/// Other names of a data set.
#[derive(Deserialize)]
pub(crate) struct Symlinks {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) identifiers: Vec<Identifier>,
}
