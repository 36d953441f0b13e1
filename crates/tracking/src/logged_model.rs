//! Logged models in the domain: models as runs made them.

use chrono::{DateTime, Utc};
use herdbook_core::{ExperimentId, LoggedModelId, RunId};

use crate::run::Pairs;

/// What the store calls a logged model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ModelKey(pub(crate) i64);

/// How a logged model stands; the numbers are those of the contract and of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum ModelStatus {
    Unspecified = 0,
    Pending = 1,
    Ready = 2,
    Failed = 3,
}

impl ModelStatus {
    pub(crate) const ALL: [Self; 4] = [Self::Unspecified, Self::Pending, Self::Ready, Self::Failed];

    pub(crate) fn from_number(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| i32::from(status.number()) == number)
    }

    pub(crate) fn number(self) -> i16 {
        self as i16
    }

    /// As filters and lineage name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "UNSPECIFIED",
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
        }
    }
}

/// A logged model.
#[derive(Debug, Clone)]
pub(crate) struct LoggedModel {
    pub(crate) id: LoggedModelId,
    pub(crate) experiment: ExperimentId,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) source_run: Option<RunId>,
    pub(crate) status: ModelStatus,
    pub(crate) status_message: String,
    pub(crate) params: Pairs,
    pub(crate) tags: Pairs,
    /// The newest of them, the oldest first.
    pub(crate) metrics: Vec<Measurement>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) deleted: bool,
}

/// How a model did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measurement {
    pub(crate) model: LoggedModelId,
    pub(crate) run: RunId,
    pub(crate) key: String,
    pub(crate) value: f64,
    pub(crate) step: i64,
    pub(crate) time_us: i64,
    pub(crate) dataset: DatasetName,
}

/// Data by which models are measured; its parts are empty where they were not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DatasetName {
    pub(crate) name: String,
    pub(crate) digest: String,
}

/// The models of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunModels {
    pub(crate) inputs: Vec<LoggedModelId>,
    /// Each with the step of the run at which it was made.
    pub(crate) outputs: Vec<(LoggedModelId, i64)>,
}
