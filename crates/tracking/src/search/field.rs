//! What a filter and an order can name.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::column::Kind;

/// A fact about a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Metric { key: String, aspect: Aspect },
    Param(String),
    Tag(String),
    Attribute(Attribute),
    InputName,
    InputDigest,
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
            Self::InputName | Self::InputDigest => Kind::Lists,
        }
    }
}

/// Which of a metric's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    Latest,
    Min,
    Max,
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

/// A time of a filter: by RFC 3339, or a day, which means its first moment in UTC.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let day = || {
        text.parse()
            .map(|day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc())
    };
    time.or_else(|_| day()).ok()
}
