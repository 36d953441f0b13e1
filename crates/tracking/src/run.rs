//! Runs in the domain.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_core::{ExperimentId, RunId};
use serde::{Deserialize, Serialize};

use crate::TrackingError;

/// Keys and their values.
pub(crate) type Pairs = BTreeMap<String, String>;

/// What the store calls a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RunKey(pub(crate) i64);

/// How a run stands; the numbers are those of the contract and of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(crate) enum RunStatus {
    Scheduled = 1,
    Running = 2,
    Finished = 3,
    Failed = 4,
    Killed = 5,
}

impl RunStatus {
    pub(crate) const ALL: [Self; 5] = [
        Self::Scheduled,
        Self::Running,
        Self::Finished,
        Self::Failed,
        Self::Killed,
    ];

    pub(crate) fn from_number(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| i32::from(*status as i16) == number)
    }

    pub(crate) fn number(self) -> i16 {
        self as i16
    }

    /// As filters and lineage name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// Whether nothing comes after it.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }
}

/// The code of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) repository: String,
    pub(crate) commit: String,
    pub(crate) branch: String,
    pub(crate) dirty: bool,
    pub(crate) entry_point: String,
    pub(crate) command: Vec<String>,
    /// Of the changes that the commit lacks; empty if there are none or it is not known.
    #[serde(default)]
    pub(crate) diff_digest: String,
}

impl Source {
    /// Which state of the repository ran: the commit, and of a dirty work tree `+` and the digest of its
    /// changes, or `+dirty` where that is not known.
    pub(crate) fn state(&self) -> String {
        match (self.dirty, self.diff_digest.as_str()) {
            (false, _) => self.commit.clone(),
            (true, "") => format!("{}+dirty", self.commit),
            (true, digest) => format!("{}+{digest}", self.commit),
        }
    }
}

/// What a run ran in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    pub(crate) python_version: String,
    pub(crate) platform: String,
    pub(crate) requirements: Vec<String>,
    pub(crate) digest: String,
}

/// A data set as a run read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) context: String,
    pub(crate) uri: String,
    pub(crate) source_type: String,
    pub(crate) schema: String,
    pub(crate) profile: String,
    /// What it is loaded from, where `uri` does not say all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) source: String,
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    pub(crate) tags: Pairs,
}

impl Input {
    /// Whether it is the same data for the same purpose.
    fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.digest, &self.context) == (&other.name, &other.digest, &other.context)
    }
}

/// Where a run goes on from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fork {
    pub(crate) run: RunId,
    /// The last step that is taken over.
    pub(crate) step: i64,
}

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) experiment: ExperimentId,
    pub(crate) name: String,
    pub(crate) status: RunStatus,
    pub(crate) user: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    pub(crate) description: String,
    pub(crate) params: Pairs,
    pub(crate) tags: Pairs,
    pub(crate) inputs: Vec<Input>,
    pub(crate) source: Option<Source>,
    pub(crate) environment: Option<Environment>,
    pub(crate) parent: Option<RunId>,
    pub(crate) based_on: Vec<String>,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) deleted: bool,
    pub(crate) forked_from: Option<Fork>,
    pub(crate) stop_requested: bool,
}

/// What lineage is told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// What the run came from changed.
    Everything,
    /// Its own attributes changed.
    Itself,
    /// Something changed that lineage does not keep.
    Nothing,
    /// Nothing changed in the run's row.
    Unchanged,
}

impl Run {
    /// Adds params; those that are there must have the same value. Returns the new ones.
    pub(crate) fn add_params(&mut self, params: Pairs) -> Result<Pairs, TrackingError> {
        let mut new = Pairs::new();
        for (key, value) in params {
            match self.params.get(&key) {
                None => {
                    new.insert(key, value);
                }
                Some(old) if *old == value => {}
                Some(old) => {
                    let (run, old) = (self.id, old.clone());
                    return Err(TrackingError::ParamChanged {
                        run,
                        key,
                        old,
                        new: value,
                    });
                }
            }
        }
        self.params.extend(new.clone());
        Ok(new)
    }

    /// Bytes in memory, about.
    pub(crate) fn weight(&self) -> usize {
        /// A text, and its place in what holds it.
        const TEXT: usize = 32;
        let pairs = self.params.iter().chain(&self.tags);
        let pairs = pairs.map(|(key, value)| 2 * TEXT + key.len() + value.len());
        let inputs = self.inputs.iter().map(|input| {
            let texts = [&input.digest, &input.uri, &input.schema, &input.profile];
            6 * TEXT + texts.into_iter().map(String::len).sum::<usize>()
        });
        let source = self.source.as_ref().map_or(0, |source| {
            let words = source.command.iter().map(|word| TEXT + word.len());
            6 * TEXT + words.sum::<usize>()
        });
        let requirements = self
            .environment
            .iter()
            .flat_map(|environment| &environment.requirements);
        let texts = requirements.chain(&self.based_on);
        let texts = texts.map(|text| TEXT + text.len());
        size_of::<Self>()
            + self.name.len()
            + self.description.len()
            + source
            + pairs.chain(inputs).chain(texts).sum::<usize>()
    }

    /// Adds inputs; returns those that were not there.
    pub(crate) fn add_inputs(&mut self, inputs: Vec<Input>) -> Vec<Input> {
        let mut new = Vec::new();
        for input in inputs {
            if !self.inputs.iter().any(|known| known.is_same(&input)) {
                self.inputs.push(input.clone());
                new.push(input);
            }
        }
        new
    }
}
