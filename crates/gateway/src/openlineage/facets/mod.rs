//! The facets of the specification: what each must look like. Others are whatever their authors want.
//!
//! Only what the specification requires is required, and of what may be missing only the type is
//! checked; further fields are always fine. So older and newer versions of a facet pass.

mod dataset;
mod job;
mod run;

use herdbook_core::FieldViolation;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::event::{Facets, wrong};

pub(crate) use dataset::{
    ColumnLineage, DatasetType, DatasetVersion, Datasource, InputField, Symlinks, Transformation,
};
pub(crate) use job::{
    Documentation, JobType, Lineage, LineageEntry, LineageFields, LineageInput, SourceCode,
    SourceCodeLocation,
};
pub(crate) use run::{ErrorMessage, NominalTime, Parent, ProcessingEngine};

/// Where a facet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Run,
    Job,
    Dataset,
    Input,
    Output,
}

/// What every facet has.
#[derive(Deserialize)]
struct Base {
    #[serde(rename = "_producer")]
    _producer: Option<String>,
    #[serde(rename = "_schemaURL")]
    _schema_url: Option<String>,
    #[serde(rename = "_deleted")]
    _deleted: Option<bool>,
}

/// A tag, of a run, a job, a data set, or a column of one.
#[derive(Debug, Deserialize)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
    #[serde(rename = "source")]
    _source: Option<String>,
    pub(crate) field: Option<String>,
}

/// Tags.
#[derive(Debug, Deserialize)]
pub(crate) struct Tags {
    #[serde(default, deserialize_with = "super::event::nullable")]
    pub(crate) tags: Vec<Tag>,
}

/// The facet of this name, if it is there.
pub(crate) fn read<T: DeserializeOwned>(
    facets: &Facets,
    name: &str,
    scope: &str,
) -> Result<Option<T>, FieldViolation> {
    let facet = facets.get(name);
    facet
        .map(|facet| shape(facet, &format!("{scope}.{name}")))
        .transpose()
}

fn shape<T: DeserializeOwned>(facet: &RawValue, field: &str) -> Result<T, FieldViolation> {
    let deserializer = &mut serde_json::Deserializer::from_str(facet.get());
    serde_path_to_error::deserialize(deserializer).map_err(|error| wrong(field, &error))
}

/// Checks a facet that stands at `field`.
pub(crate) fn check(
    place: Place,
    name: &str,
    facet: &RawValue,
    field: &str,
) -> Result<(), FieldViolation> {
    if !facet.get().starts_with('{') {
        return Err(FieldViolation::new(field, "must be an object"));
    }
    shape::<Base>(facet, field)?;
    let checked = match place {
        Place::Run => run::check(name, facet, field),
        Place::Job => job::check(name, facet, field),
        Place::Dataset | Place::Input | Place::Output => dataset::check(name, facet, field),
    };
    checked.unwrap_or(Ok(()))
}

/// The check of a facet by its type.
fn check_as<T: DeserializeOwned>(
    facet: &RawValue,
    field: &str,
) -> Option<Result<(), FieldViolation>> {
    Some(shape::<T>(facet, field).map(drop))
}
