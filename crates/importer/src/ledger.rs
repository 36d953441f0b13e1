//! What an import did: counted while it goes on, and told at its end.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;
use tonic::Status;

/// Ids that are told of things that were left out for one reason.
const EXAMPLES: usize = 10;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Experiment,
    Run,
    Point,
    File,
    Byte,
    LoggedModel,
    Model,
    Version,
    Stage,
    Alias,
}

/// Numbers of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Experiments.
    pub experiments: u64,
    /// Runs.
    pub runs: u64,
    /// Metric points.
    pub points: u64,
    /// Files of runs and logged models.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Logged models.
    pub logged_models: u64,
    /// Registered models.
    pub models: u64,
    /// Versions of registered models.
    pub versions: u64,
    /// Moves of versions to stages.
    pub stages: u64,
    /// Aliases of versions.
    pub aliases: u64,
}

impl Counts {
    fn of(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Experiment => &mut self.experiments,
            Kind::Run => &mut self.runs,
            Kind::Point => &mut self.points,
            Kind::File => &mut self.files,
            Kind::Byte => &mut self.bytes,
            Kind::LoggedModel => &mut self.logged_models,
            Kind::Model => &mut self.models,
            Kind::Version => &mut self.versions,
            Kind::Stage => &mut self.stages,
            Kind::Alias => &mut self.aliases,
        }
    }
}

const KINDS: [Kind; 10] = [
    Kind::Experiment,
    Kind::Run,
    Kind::Point,
    Kind::File,
    Kind::Byte,
    Kind::LoggedModel,
    Kind::Model,
    Kind::Version,
    Kind::Stage,
    Kind::Alias,
];

/// Things of a kind that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// What they are.
    pub kind: String,
    /// Why they were left out.
    pub reason: String,
    /// Whether that is as it must be: Herdbook has no place for them, or nothing is lost.
    pub expected: bool,
    /// How many they are.
    pub count: u64,
    /// Some of their ids.
    pub examples: Vec<String>,
}

/// What is told at the end of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing was written, and `brought` is what there is to bring.
    pub dry_run: bool,
    /// What this import wrote.
    pub brought: Counts,
    /// What was there already, as the source has it.
    pub unchanged: Counts,
    /// What did not come, and why.
    pub left_out: Vec<LeftOut>,
}

impl Report {
    /// Whether something did not come that should have.
    #[must_use]
    pub fn incomplete(&self) -> bool {
        self.left_out.iter().any(|left| !left.expected)
    }
}

/// Counts while an import goes on; who shows its progress reads them.
#[derive(Debug, Default)]
pub struct Ledger {
    brought: [AtomicU64; KINDS.len()],
    unchanged: [AtomicU64; KINDS.len()],
    left_out: Mutex<BTreeMap<(String, String, bool), (u64, Vec<String>)>>,
}

impl Ledger {
    pub(crate) fn brought(&self, kind: Kind, count: u64) {
        self.brought[kind as usize].fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn unchanged(&self, kind: Kind) {
        self.unchanged[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Something did not come that should have.
    pub(crate) fn left(&self, kind: &str, id: impl Into<String>, reason: impl Into<String>) {
        self.note(kind, id.into(), reason.into(), false, 1);
    }

    /// A record was refused.
    pub(crate) fn refused(&self, kind: &str, id: impl Into<String>, status: &Status) {
        self.left(kind, id, status.message());
    }

    /// Something did not come as it was, as must be.
    pub(crate) fn stays(&self, kind: &str, id: impl Into<String>, reason: impl Into<String>) {
        self.note(kind, id.into(), reason.into(), true, 1);
    }

    /// Things did not come that have no place here.
    pub(crate) fn foreign(&self, kind: &str, count: u64) {
        let reason = "Herdbook has no place for them".to_owned();
        self.note(kind, String::new(), reason, true, count);
    }

    fn note(&self, kind: &str, id: String, reason: String, expected: bool, count: u64) {
        let mut left = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, examples) = left.entry((kind.to_owned(), reason, expected)).or_default();
        *all += count;
        if !id.is_empty() && examples.len() < EXAMPLES {
            examples.push(id);
        }
    }

    /// What has been written so far, and what was found to be there already.
    pub fn counts(&self) -> (Counts, Counts) {
        let (mut brought, mut unchanged) = (Counts::default(), Counts::default());
        for kind in KINDS {
            *brought.of(kind) = self.brought[kind as usize].load(Ordering::Relaxed);
            *unchanged.of(kind) = self.unchanged[kind as usize].load(Ordering::Relaxed);
        }
        (brought, unchanged)
    }

    /// The report as of now.
    pub(crate) fn report(&self, dry_run: bool) -> Report {
        let (brought, unchanged) = self.counts();
        let left = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = |((kind, reason, expected), (count, examples)): (
            &(String, String, bool),
            &(u64, Vec<String>),
        )| {
            LeftOut {
                kind: kind.clone(),
                reason: reason.clone(),
                expected: *expected,
                count: *count,
                examples: examples.clone(),
            }
        };
        Report {
            dry_run,
            brought,
            unchanged,
            left_out: left.iter().map(entry).collect(),
        }
    }
}
