//! What a filter and an order can name.

/// A fact about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    Metric { key: String, aspect: Aspect },
    Param(String),
    Tag(String),
    Attribute(Attribute),
    InputName,
    InputDigest,
}

/// Which of a metric's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect {
    Latest,
    Min,
    Max,
}

/// A fact every run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
