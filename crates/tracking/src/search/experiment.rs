//! What a filter and an order of experiments can name.

use herdbook_filter::{Form, Group, Vocabulary};

/// A fact about an experiment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExperimentField {
    Tag(String),
    Attribute(ExperimentAttribute),
}

/// A fact every experiment has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExperimentAttribute {
    Name,
    Id,
    CreatedAt,
    UpdatedAt,
}

impl ExperimentAttribute {
    const ALL: [(&'static str, Self); 4] = [
        ("name", Self::Name),
        ("id", Self::Id),
        ("created_at", Self::CreatedAt),
        ("updated_at", Self::UpdatedAt),
    ];
}

impl Vocabulary for ExperimentField {
    const THINGS: &'static str = "experiments";
    const EXAMPLE: &'static str = "name";
    const KEYED: &'static [&'static str] = &["tags"];
    const GROUPS: &'static str = "tags or attributes";

    fn attributes() -> Vec<&'static str> {
        ExperimentAttribute::ALL.map(|(name, _)| name).into()
    }

    fn attribute(name: &str) -> Option<Self> {
        let found = ExperimentAttribute::ALL
            .into_iter()
            .find(|(known, _)| *known == name);
        found.map(|(_, attribute)| Self::Attribute(attribute))
    }

    fn group(word: &str) -> Option<Group<Self>> {
        Some(match word {
            "tags" | "tag" => Group::Keys(|key, _| Self::Tag(key)),
            "attributes" | "attribute" | "attr" | "experiment" => Group::Attributes,
            _ => return None,
        })
    }

    fn form(&self) -> Form {
        match self {
            Self::Tag(_) | Self::Attribute(ExperimentAttribute::Name) => Form::Text,
            Self::Attribute(ExperimentAttribute::Id) => Form::Number,
            Self::Attribute(_) => Form::Time,
        }
    }
}
