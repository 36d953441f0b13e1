//! The commands that call a server, a file a noun.

pub(crate) mod artifacts;
pub(crate) mod audit;
pub(crate) mod experiments;
pub(crate) mod import;
pub(crate) mod lineage;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod policies;
pub(crate) mod runs;
mod selector;
pub(crate) mod sync;
pub(crate) mod tokens;
pub(crate) mod values;
pub(crate) mod watch;
pub(crate) mod webhooks;
pub(crate) mod workspaces;

use std::collections::BTreeMap;

use crate::exit::Failure;

/// Reads `key=value` words.
fn pairs(words: Vec<String>) -> Result<BTreeMap<String, String>, Failure> {
    let pair = |word: String| match word.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(Failure::usage(format!("{word:?} is not key=value"))),
    };
    words.into_iter().map(pair).collect()
}

/// Splits `model/3` into its parts.
fn version_of(reference: &str) -> Option<(&str, i64)> {
    let (model, number) = reference.rsplit_once('/')?;
    Some((model, number.parse().ok()?))
}
