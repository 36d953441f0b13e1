//! Versions of models in the domain.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_blobs::Blob;
use herdbook_core::{Digest, RunId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::signing::Statement;
use crate::{card::Card, schema::Schema};

/// Keys and their values.
pub(crate) type Pairs = BTreeMap<String, String>;

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) digest: Digest,
}

impl File {
    /// As [`manifest_digest`] takes it.
    pub(crate) fn entry(&self) -> (&str, u64, Digest) {
        (&self.path, self.size, self.digest)
    }

    pub(crate) fn blob(&self) -> Blob {
        Blob {
            digest: self.digest,
            size: self.size,
        }
    }
}

/// The digest of a version: SHA-256 over its files (path, size in bytes, digest) in the order of their
/// paths, a line `<digest> <size> <path>` each.
#[must_use]
pub fn manifest_digest<'a>(files: impl IntoIterator<Item = (&'a str, u64, Digest)>) -> Digest {
    let mut hash = Sha256::new();
    for (path, size, digest) in files {
        hash.update(format!("{digest} {size} {path}\n").as_bytes());
    }
    Digest(hash.finalize().into())
}

/// A version of a model.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) model: String,
    pub(crate) number: i64,
    pub(crate) label: String,
    pub(crate) stage: String,
    pub(crate) description: String,
    pub(crate) tags: Pairs,
    pub(crate) source: String,
    /// `None` if it is not known.
    pub(crate) run: Option<RunId>,
    /// The logged model it came from; empty if from none.
    pub(crate) logged_model: String,
    /// Whether its files are at its source, and none of them here.
    pub(crate) external: bool,
    pub(crate) based_on: Vec<String>,
    pub(crate) files: Vec<File>,
    pub(crate) digest: Digest,
    pub(crate) params: Pairs,
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) stage_since: DateTime<Utc>,
    pub(crate) revision: i64,
    pub(crate) flavor: String,
    pub(crate) schema: Option<Schema>,
    /// What is different of the model's card.
    pub(crate) own_card: Card,
    /// The model's card, with what is different in place of it.
    pub(crate) card: Card,
    /// Those of the model.
    pub(crate) owners: Vec<String>,
}

impl Version {
    /// The run it came from; empty if it is not known.
    pub(crate) fn run_id(&self) -> String {
        self.run.map(|run| run.to_string()).unwrap_or_default()
    }

    /// What is signed of it.
    pub(crate) fn statement(&self) -> Statement {
        let files: Vec<_> = self.files.iter().map(File::entry).collect();
        Statement::of(&self.model, self.number, &files)
    }
}

/// A label that is not a semantic version.
#[derive(Debug, thiserror::Error)]
#[error("must be a semantic version such as v1.2.0 or 2.0.0-rc.1")]
pub(crate) struct InvalidLabel;

/// Checks a label: a semantic version (semver.org, 2.0.0), with or without a leading `v`.
pub(crate) fn check_label(label: &str) -> Result<(), InvalidLabel> {
    let version = label.strip_prefix('v').unwrap_or(label);
    let (version, build) = version.split_once('+').unwrap_or((version, "0"));
    let (core, pre) = version.split_once('-').unwrap_or((version, "0"));
    let number = |part: &str| {
        !part.is_empty()
            && part.len() <= 18
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let core_fits = core.split('.').count() == 3 && core.split('.').all(number);
    if core_fits && label.len() <= 255 && pre.split('.').all(word) && build.split('.').all(word) {
        Ok(())
    } else {
        Err(InvalidLabel)
    }
}

#[cfg(test)]
mod tests {
    use super::check_label;

    #[test]
    fn labels_are_semantic_versions() {
        for label in [
            "v1.2.0",
            "0.0.1",
            "2.0.0-rc.1",
            "v1.0.0-alpha+001",
            "10.20.30",
        ] {
            assert!(check_label(label).is_ok(), "{label}");
        }
        for label in [
            "", "v1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "v1.2.3-", "latest", "1.2.3 ",
        ] {
            assert!(check_label(label).is_err(), "{label}");
        }
    }
}
