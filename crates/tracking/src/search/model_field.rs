//! What a filter and an order of logged models can name.

use herdbook_filter::{Form, Group, Vocabulary};

use crate::logged_model::ModelStatus;

/// A fact about a logged model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ModelField {
    Metric(String),
    Param(String),
    Tag(String),
    Attribute(ModelAttribute),
}

/// A fact every logged model has, if perhaps empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ModelAttribute {
    Id,
    Name,
    Type,
    Status,
    StatusMessage,
    SourceRun,
    Experiment,
    CreatedAt,
    UpdatedAt,
}

impl ModelAttribute {
    const ALL: [(&'static str, Self); 9] = [
        ("model_id", Self::Id),
        ("name", Self::Name),
        ("type", Self::Type),
        ("status", Self::Status),
        ("status_message", Self::StatusMessage),
        ("source_run_id", Self::SourceRun),
        ("experiment_id", Self::Experiment),
        ("created_at", Self::CreatedAt),
        ("updated_at", Self::UpdatedAt),
    ];
}

impl Vocabulary for ModelField {
    const THINGS: &'static str = "logged models";
    const EXAMPLE: &'static str = "status";
    const KEYED: &'static [&'static str] = &["metrics", "params", "tags"];
    const GROUPS: &'static str = "metrics, params, tags or attributes";

    fn attributes() -> Vec<&'static str> {
        ModelAttribute::ALL.map(|(name, _)| name).into()
    }

    fn attribute(name: &str) -> Option<Self> {
        let named = ModelAttribute::ALL.iter().find(|(known, _)| *known == name);
        named.map(|(_, attribute)| Self::Attribute(*attribute))
    }

    fn group(word: &str) -> Option<Group<Self>> {
        Some(match word {
            "metrics" | "metric" => Group::Keys(|key, _| Self::Metric(key)),
            "params" | "param" | "parameters" => Group::Keys(|key, _| Self::Param(key)),
            "tags" | "tag" => Group::Keys(|key, _| Self::Tag(key)),
            "attributes" | "attribute" | "attr" => Group::Attributes,
            _ => return None,
        })
    }

    fn form(&self) -> Form {
        match self {
            Self::Metric(_) | Self::Attribute(ModelAttribute::Experiment) => Form::Number,
            Self::Param(_) => Form::Param,
            Self::Attribute(ModelAttribute::Status) => {
                Form::OneOf(ModelStatus::ALL.map(ModelStatus::name).into())
            }
            Self::Attribute(ModelAttribute::SourceRun) => Form::Id,
            Self::Attribute(ModelAttribute::CreatedAt | ModelAttribute::UpdatedAt) => Form::Time,
            Self::Tag(_) | Self::Attribute(_) => Form::Text,
        }
    }
}
