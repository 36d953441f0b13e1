//! What is handed to the committer, and what it answers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use herdbook_core::WorkspaceId;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::change::Change;
use crate::{metrics::Summary, run::RunKey, store::append::BlockRow};

/// A writer on a stream.
///
/// However much is committed for it before the stream sends an answer, only the newest number is
/// answered, so that a client that does not read its answers costs no memory.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) id: String,
    pub(crate) epoch: i64,
    /// The stream's number for it.
    pub(crate) number: u32,
    committed: AtomicU64,
    stop_requested: AtomicBool,
    refused: OnceLock<(u64, Refusal)>,
    /// Whether the refusal was answered.
    told: AtomicBool,
    /// Whether it stands in the queue of answers.
    queued: AtomicBool,
    answers: mpsc::UnboundedSender<Arc<Writer>>,
}

impl Writer {
    pub(crate) fn new(
        id: String,
        epoch: i64,
        number: u32,
        answers: mpsc::UnboundedSender<Arc<Self>>,
    ) -> Self {
        Self {
            id,
            epoch,
            number,
            committed: AtomicU64::new(0),
            stop_requested: AtomicBool::new(false),
            refused: OnceLock::new(),
            told: AtomicBool::new(false),
            queued: AtomicBool::new(false),
            answers,
        }
    }

    /// Whether nothing more of it is applied.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.get().is_some()
    }

    fn answer(self: &Arc<Self>, answer: Answer) {
        match answer {
            Answer::Committed {
                sequence,
                stop_requested,
            } => {
                self.committed.fetch_max(sequence, Ordering::SeqCst);
                self.stop_requested
                    .fetch_or(stop_requested, Ordering::SeqCst);
            }
            Answer::Refused { sequence, refusal } => {
                let _ = self.refused.set((sequence, refusal));
            }
        }
        if !self.queued.swap(true, Ordering::SeqCst) {
            // The stream may be gone; the writer learns the number when it opens again.
            let _ = self.answers.send(self.clone());
        }
    }

    /// What is to be answered now: a number that is committed, or that it is refused, or both.
    pub(crate) fn answers(&self) -> impl Iterator<Item = Answer> + use<> {
        self.queued.store(false, Ordering::SeqCst);
        let committed = self.committed.swap(0, Ordering::SeqCst);
        let committed = (committed > 0).then(|| Answer::Committed {
            sequence: committed,
            stop_requested: self.stop_requested.load(Ordering::SeqCst),
        });
        let refused = self.refused.get().copied();
        let refused = refused
            .filter(|_| !self.told.swap(true, Ordering::SeqCst))
            .map(|(sequence, refusal)| Answer::Refused { sequence, refusal });
        committed.into_iter().chain(refused)
    }
}

/// What a committer says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// All up to this number is on disk.
    Committed {
        sequence: u64,
        /// Whether the run is asked to stop.
        stop_requested: bool,
    },
    /// From this number on nothing is applied.
    Refused { sequence: u64, refusal: Refusal },
}

/// Why points are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A newer process writes as it.
    Fenced,
    /// The run was deleted.
    RunDeleted,
    /// The number is not the one after the last.
    Gap { expected: u64 },
    /// The database's disk is full.
    Full,
    /// The database is away.
    Unavailable,
}

/// What makes an entry count once.
#[derive(Debug)]
pub(crate) enum Claim {
    /// A batch of a stream: it moves the writer from the number before to this one.
    Batch { writer: Arc<Writer>, sequence: u64 },
    /// A call that moves a writer over many numbers.
    Range(Advance),
    /// A call with a request id.
    Request(String),
    /// A call that may be applied again if it is made again.
    None,
}

/// A writer, and the numbers that a call moves it from and to.
#[derive(Debug, Clone)]
pub(crate) struct Advance {
    pub(crate) writer: String,
    pub(crate) epoch: i64,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// Where the answer goes.
#[derive(Debug)]
pub(crate) enum Reply {
    /// To the stream of the writer.
    Stream(Arc<Writer>),
    /// To a call.
    Call(oneshot::Sender<Answer>),
    /// To a call that changes the run's row too.
    Change(Box<Change>),
}

impl Reply {
    pub(super) fn answer(self, answer: Answer) {
        match self {
            Self::Stream(writer) => writer.answer(answer),
            // The caller may be gone.
            Self::Call(call) => drop(call.send(answer)),
            Self::Change(change) => match answer {
                Answer::Committed { stop_requested, .. } => change.committed(stop_requested),
                Answer::Refused { refusal, .. } => change.refused(refusal),
            },
        }
    }
}

/// Encoded points, or a change of a run, or both, on their way to the disk.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) workspace: WorkspaceId,
    pub(crate) run: RunKey,
    pub(crate) claim: Claim,
    pub(crate) reply: Reply,
    pub(crate) block: BlockRow,
    pub(crate) summaries: BTreeMap<String, Summary>,
    /// Its share of the bytes in flight.
    pub(crate) permit: OwnedSemaphorePermit,
}
