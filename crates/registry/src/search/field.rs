//! What a filter and an order of models and versions can name.

use herdbook_filter::{Form, Group, Vocabulary};

/// A fact about a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum VersionField {
    Metric(String),
    Param(String),
    Tag(String),
    /// One of [`VERSION`].
    Attribute(&'static str),
}

/// A fact about a model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ModelField {
    Tag(String),
    /// One of [`MODEL`].
    Attribute(&'static str),
}

/// What every version has, if perhaps empty. Name and owner are the model's, as is the licence unless the
/// version has its own.
const VERSION: [&str; 15] = [
    "name",
    "version",
    "label",
    "stage",
    "alias",
    "owner",
    "description",
    "flavor",
    "licence",
    "run_id",
    "source",
    "digest",
    "created_by",
    "created_at",
    "updated_at",
];

/// What every model has, if perhaps empty.
const MODEL: [&str; 8] = [
    "name",
    "owner",
    "description",
    "licence",
    "latest_version",
    "created_by",
    "created_at",
    "updated_at",
];

impl VersionField {
    /// The attribute of models that versions have from theirs.
    pub(super) fn of_model(&self) -> Option<ModelField> {
        match self {
            Self::Attribute(name @ ("name" | "owner" | "licence")) => {
                Some(ModelField::Attribute(name))
            }
            _ => None,
        }
    }
}

fn named(names: &[&'static str], word: &str) -> Option<&'static str> {
    names.iter().find(|name| **name == word).copied()
}

fn form(attribute: &str) -> Form {
    match attribute {
        "version" | "latest_version" => Form::Number,
        "created_at" | "updated_at" => Form::Time,
        "run_id" => Form::Id,
        _ => Form::Text,
    }
}

impl Vocabulary for VersionField {
    const THINGS: &'static str = "versions";
    const EXAMPLE: &'static str = "stage";
    const KEYED: &'static [&'static str] = &["metrics", "params", "tags"];
    const GROUPS: &'static str = "metrics, params, tags or attributes";

    fn attributes() -> Vec<&'static str> {
        VERSION.into()
    }

    fn attribute(name: &str) -> Option<Self> {
        named(&VERSION, name).map(Self::Attribute)
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
            Self::Metric(_) => Form::Number,
            Self::Param(_) => Form::Param,
            Self::Tag(_) => Form::Text,
            Self::Attribute(name) => form(name),
        }
    }
}

impl Vocabulary for ModelField {
    const THINGS: &'static str = "models";
    const EXAMPLE: &'static str = "owner";
    const KEYED: &'static [&'static str] = &["tags"];
    const GROUPS: &'static str = "tags or attributes";

    fn attributes() -> Vec<&'static str> {
        MODEL.into()
    }

    fn attribute(name: &str) -> Option<Self> {
        named(&MODEL, name).map(Self::Attribute)
    }

    fn group(word: &str) -> Option<Group<Self>> {
        Some(match word {
            "tags" | "tag" => Group::Keys(|key, _| Self::Tag(key)),
            "attributes" | "attribute" | "attr" => Group::Attributes,
            _ => return None,
        })
    }

    fn form(&self) -> Form {
        match self {
            Self::Tag(_) => Form::Text,
            Self::Attribute(name) => form(name),
        }
    }
}
