//! Search of models and versions: in the language of `herdbook_filter`, in memory.
//!
//! What a workspace has is kept as columns, confirmed by the workspace's revision with each question, and
//! brought up to date by what changed since: a change writes no index, and nothing stale is found.

mod catalogue;
mod dictionary;
mod field;
mod table;

pub(crate) use catalogue::{Catalogue, Found, ModelFacts, VersionFacts};
pub(crate) use field::{ModelField, VersionField};
pub(crate) use table::{Key, Part, Place};
