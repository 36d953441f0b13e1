//! Models as answers have them.

use std::collections::BTreeMap;

use herdbook_proto::registry::v1::{Model, StageContent, Version};
use serde::Serialize;

use crate::mlflow::{model_versions, wire::millis};

#[derive(Serialize)]
pub(super) struct One {
    pub(super) registered_model: Shown,
}

#[derive(Serialize)]
pub(super) struct Page {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) registered_models: Vec<Shown>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) next_page_token: String,
}

#[derive(Serialize)]
pub(super) struct Shown {
    name: String,
    creation_timestamp: Option<i64>,
    last_updated_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<model_versions::Shown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<TagShown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Alias>,
}

#[derive(Serialize)]
struct Alias {
    alias: String,
    version: String,
}

#[derive(Serialize)]
pub(in crate::mlflow) struct TagShown {
    pub(in crate::mlflow) key: String,
    pub(in crate::mlflow) value: String,
}

/// Tags by their keys.
pub(in crate::mlflow) fn tags_shown(tags: BTreeMap<String, String>) -> Vec<TagShown> {
    let tags = tags.into_iter();
    tags.map(|(key, value)| TagShown { key, value }).collect()
}

/// The newest versions of stages by their numbers.
pub(super) fn newest(stages: Vec<StageContent>) -> impl Iterator<Item = Version> {
    let newest = stages.into_iter().filter_map(|content| content.newest);
    let mut newest: Vec<Version> = newest.collect();
    newest.sort_unstable_by_key(|version| version.number);
    newest.into_iter()
}

impl From<Model> for Shown {
    fn from(model: Model) -> Self {
        let aliases = model.aliases.into_iter().map(|(alias, version)| Alias {
            alias,
            version: version.to_string(),
        });
        let mut aliases: Vec<Alias> = aliases.collect();
        aliases.sort_unstable_by(|one, other| one.alias.cmp(&other.alias));
        Self {
            name: model.name,
            creation_timestamp: millis(model.created_at.as_ref()),
            last_updated_timestamp: millis(model.updated_at.as_ref()),
            description: model.description,
            latest_versions: newest(model.stages)
                .map(model_versions::Shown::from)
                .collect(),
            tags: tags_shown(model.tags),
            aliases,
        }
    }
}
