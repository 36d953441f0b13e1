//! Search of runs and experiments: in the language of `herdbook_filter`, over their fields.
//!
//! A question about runs is answered on columns: what many runs have of a field. The rows of a segment, or a few
//! that changed of late, are evaluated together.

pub(crate) mod codec;
pub(crate) mod column;
pub(crate) mod evaluate;
mod experiment;
mod field;
pub(crate) mod groups;
mod model_field;
pub(crate) mod rank;
mod rows;
pub(crate) mod tally;
#[cfg(test)]
mod tests;

pub(crate) use experiment::{ExperimentAttribute, ExperimentField};
pub(crate) use field::{Attribute, Field, Keyed};
pub(crate) use herdbook_filter::{Mask, ParseError, Test, parse_field, parse_filter, parse_order};
pub(crate) use model_field::{ModelAttribute, ModelField};
pub(crate) use rows::{Columns, Keys, Rows, place};

/// A filter of logged models.
pub(crate) type ModelFilter = herdbook_filter::Filter<ModelField>;
/// A filter of runs.
pub(crate) type Filter = herdbook_filter::Filter<Field>;
/// One order of a search of runs.
pub(crate) type Order = herdbook_filter::Order<Field>;
