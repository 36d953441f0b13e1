//! What a filter and an order can name.

use herdbook_filter::{Form, Group, Vocabulary};
use serde::{Deserialize, Serialize};

use super::column::Kind;
use crate::run::RunStatus;

/// A fact about a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Metric { key: String, aspect: Aspect },
    Param(String),
    Tag(String),
    Attribute(Attribute),
    InputName,
    InputDigest,
    InputContext,
}

impl Field {
    /// What the column of its cells is called on disk.
    pub(crate) fn column(&self) -> String {
        match self {
            Self::Metric { key, aspect } => {
                let aspect = match aspect {
                    Aspect::Latest => "latest",
                    Aspect::Min => "min",
                    Aspect::Max => "max",
                };
                format!("metrics.{aspect}.{key}")
            }
            Self::Param(key) => format!("params.{key}"),
            Self::Tag(key) => format!("tags.{key}"),
            Self::Attribute(attribute) => format!("attributes.{}", attribute.name()),
            Self::InputName => "inputs.name".to_owned(),
            Self::InputDigest => "inputs.digest".to_owned(),
            Self::InputContext => "inputs.context".to_owned(),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Metric { .. } => Kind::Numbers,
            Self::Attribute(attribute) => match attribute.is_time() {
                true => Kind::Numbers,
                false if *attribute == Attribute::ExperimentId => Kind::Numbers,
                false => Kind::Texts,
            },
            Self::Param(_) | Self::Tag(_) => Kind::Texts,
            Self::InputName | Self::InputDigest | Self::InputContext => Kind::Lists,
        }
    }
}

impl Vocabulary for Field {
    const THINGS: &'static str = "runs";
    const EXAMPLE: &'static str = "status";
    const KEYED: &'static [&'static str] = &["metrics", "params", "tags"];
    const GROUPS: &'static str = "metrics, params, tags, attributes or inputs";
    const AS_TEXT: bool = true;

    fn attributes() -> Vec<&'static str> {
        Attribute::ALL.map(|(name, _)| name).into()
    }

    fn attribute(name: &str) -> Option<Self> {
        Attribute::named(name).map(Self::Attribute)
    }

    fn group(word: &str) -> Option<Group<Self>> {
        Some(match word {
            "metrics" | "metric" => Group::Keys(metric),
            "params" | "param" | "parameters" => Group::Keys(|key, _| Self::Param(key)),
            "tags" | "tag" => Group::Keys(|key, _| Self::Tag(key)),
            "attributes" | "attribute" | "attr" | "run" => Group::Attributes,
            "inputs" | "dataset" | "datasets" => Group::Names(vec![
                ("name", Self::InputName),
                ("digest", Self::InputDigest),
                ("context", Self::InputContext),
            ]),
            _ => return None,
        })
    }

    fn form(&self) -> Form {
        match self {
            Self::Metric { .. } | Self::Attribute(Attribute::ExperimentId) => Form::Number,
            Self::Param(_) => Form::Param,
            Self::Attribute(Attribute::Status) => {
                Form::OneOf(RunStatus::ALL.map(RunStatus::name).into())
            }
            Self::Attribute(Attribute::RunId | Attribute::ParentRunId) => Form::Id,
            Self::Attribute(attribute) if attribute.is_time() => Form::Time,
            _ => Form::Text,
        }
    }
}

/// `metrics.<key>.min` and `.max` mean the extremes; in a quoted key they are part of it.
fn metric(key: String, quoted: bool) -> Field {
    let aspect =
        |suffix: &str, aspect| key.strip_suffix(suffix).map(|key| (key.to_owned(), aspect));
    let extreme = aspect(".min", Aspect::Min).or_else(|| aspect(".max", Aspect::Max));
    match extreme.filter(|_| !quoted) {
        Some((key, aspect)) => Field::Metric { key, aspect },
        None => Field::Metric {
            key,
            aspect: Aspect::Latest,
        },
    }
}

/// Which of a metric's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    Latest,
    Min,
    Max,
}

/// What has a key that users choose, in the order in which it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Keyed {
    Metric,
    Param,
    Tag,
}

impl Keyed {
    pub(crate) const ALL: [Self; 3] = [Self::Metric, Self::Param, Self::Tag];

    /// The field of a key; of a metric, its latest value.
    pub(crate) fn field(self, key: String) -> Field {
        match self {
            Self::Metric => Field::Metric {
                key,
                aspect: Aspect::Latest,
            },
            Self::Param => Field::Param(key),
            Self::Tag => Field::Tag(key),
        }
    }

    /// The key of a field, if it has one.
    pub(crate) fn of(field: &Field) -> Option<(Self, &str)> {
        match field {
            Field::Metric { key, .. } => Some((Self::Metric, key)),
            Field::Param(key) => Some((Self::Param, key)),
            Field::Tag(key) => Some((Self::Tag, key)),
            _ => None,
        }
    }
}

/// A fact every run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Attribute {
    RunId,
    Name,
    Status,
    User,
    StartedAt,
    EndedAt,
    ExperimentId,
    ParentRunId,
}

impl Attribute {
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("run_id", Self::RunId),
        ("name", Self::Name),
        ("status", Self::Status),
        ("user", Self::User),
        ("started_at", Self::StartedAt),
        ("ended_at", Self::EndedAt),
        ("experiment_id", Self::ExperimentId),
        ("parent_run_id", Self::ParentRunId),
    ];

    pub(crate) fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, attribute)| *attribute == self);
        named.map_or("", |(name, _)| name)
    }

    /// The attribute of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, attribute)| *attribute)
    }

    /// Whether it is a time.
    pub(crate) fn is_time(self) -> bool {
        matches!(self, Self::StartedAt | Self::EndedAt)
    }
}
