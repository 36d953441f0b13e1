//! Versions as answers have them.

use herdbook_proto::registry::v1::Version;
use serde::Serialize;

use crate::mlflow::{
    registered_models::{RUN_ID, RUN_LINK, TagShown, tags_shown},
    wire::millis,
};

#[derive(Serialize)]
pub(super) struct One {
    pub(super) model_version: Shown,
}

#[derive(Serialize)]
pub(in crate::mlflow) struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::mlflow) model_versions: Vec<Shown>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::mlflow) next_page_token: String,
}

/// A version; it is ready from the beginning.
#[derive(Serialize)]
pub(in crate::mlflow) struct Shown {
    name: String,
    version: String,
    creation_timestamp: Option<i64>,
    last_updated_timestamp: Option<i64>,
    user_id: String,
    current_stage: String,
    description: String,
    source: String,
    run_id: String,
    run_link: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<TagShown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
}

impl Shown {
    /// With the aliases that point at it.
    #[must_use]
    pub(in crate::mlflow) fn with_aliases(self, aliases: Vec<String>) -> Self {
        Self { aliases, ..self }
    }
}

/// The run that a version came from, as it was given; empty if it was not.
pub(super) fn run_id(version: &Version) -> &str {
    version.tags.get(RUN_ID).unwrap_or(&version.run_id)
}

/// As lists have it, without aliases.
impl From<Version> for Shown {
    fn from(mut version: Version) -> Self {
        let run_id = run_id(&version).to_owned();
        version.tags.remove(RUN_ID);
        let run_link = version.tags.remove(RUN_LINK);
        Self {
            name: version.model,
            version: version.number.to_string(),
            creation_timestamp: millis(version.created_at.as_ref()),
            last_updated_timestamp: millis(version.updated_at.as_ref()),
            user_id: version.created_by,
            current_stage: version.stage,
            description: version.description,
            source: version.source,
            run_id,
            run_link: run_link.unwrap_or_default(),
            status: "READY",
            tags: tags_shown(version.tags),
            aliases: Vec::new(),
        }
    }
}
