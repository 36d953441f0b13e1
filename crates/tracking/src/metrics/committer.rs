//! Group commit: batches of all streams, committed together by a few committers.
//!
//! A run's batches always go to the same committer, in the order in which they came. A committer takes
//! all that waits, makes it one statement, and while Postgres flushes that one, the next group gathers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};

use super::Summary;
use crate::{
    TrackingError,
    run::RunKey,
    store::{
        Store,
        writers::{Advance, BlockRow, Group, WriterState},
    },
};

/// More committers than this gain nothing on the disk's side and split the groups.
const COMMITTERS: usize = 2;
/// Batches that wait in front of a committer, and that it takes at once.
const QUEUE: usize = 1_024;
/// Bytes of encoded points in memory, of all streams together.
const BYTES_IN_FLIGHT: usize = 64 << 20;
/// How long a committer tries again while the database is away, before it gives its batches up; their
/// writers were not told that they are committed, and send them again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A writer on a stream, as the committer knows it.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) run: RunKey,
    pub(crate) id: String,
    pub(crate) epoch: i64,
    /// Once refused, nothing more of it is applied.
    pub(crate) refused: AtomicBool,
}

/// What a committer says about a writer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// All up to this number is on disk.
    Committed(u64),
    /// From this number on nothing is applied.
    Refused(u64, Refusal),
}

/// Why a writer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A newer process writes as it.
    Fenced,
    /// The run was deleted.
    RunDeleted,
    /// The number is not the one after the last.
    Gap { expected: u64 },
    /// The database is away.
    Unavailable,
}

/// An encoded batch on its way to the disk.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) writer: Arc<Writer>,
    pub(crate) workspace: i32,
    pub(crate) sequence: u64,
    pub(crate) block: BlockRow,
    pub(crate) summaries: BTreeMap<String, Summary>,
    /// The stream's number for the writer, with which it is answered.
    pub(crate) number: u32,
    pub(crate) answers: mpsc::UnboundedSender<(u32, Answer)>,
    /// Its share of the bytes in flight.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// The committers of a process.
#[derive(Debug)]
pub(crate) struct Committers {
    queues: Vec<mpsc::Sender<Batch>>,
    bytes: Arc<Semaphore>,
}

impl Committers {
    /// Starts them; they end when this is dropped and all that waited is committed.
    pub(crate) fn start(store: &Store) -> Self {
        let queues = (0..COMMITTERS).map(|_| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(commit_all(store.clone(), receiver));
            sender
        });
        Self {
            queues: queues.collect(),
            bytes: Arc::new(Semaphore::new(BYTES_IN_FLIGHT)),
        }
    }

    /// Waits until `bytes` more may be in flight: this is what slows a stream down that sends faster
    /// than the disk writes.
    pub(crate) async fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let share = u32::try_from(bytes.clamp(1, BYTES_IN_FLIGHT)).unwrap_or(u32::MAX);
        self.bytes.clone().acquire_many_owned(share).await.ok()
    }

    /// Hands a batch to the committer of its run.
    pub(crate) async fn commit(&self, batch: Batch) {
        let run = usize::try_from(batch.writer.run.0).unwrap_or_default();
        if let Some(queue) = self.queues.get(run % self.queues.len()) {
            // A committer ends only after its queue is closed, which dropping `self` does.
            let _ = queue.send(batch).await;
        }
    }
}

async fn commit_all(store: Store, mut queue: mpsc::Receiver<Batch>) {
    let mut batches = Vec::with_capacity(QUEUE);
    while queue.recv_many(&mut batches, QUEUE).await > 0 {
        commit_group(&store, std::mem::take(&mut batches)).await;
    }
}

/// What one writer brought into a group: an unbroken row of numbers.
struct Share {
    writer: Arc<Writer>,
    first: u64,
    last: u64,
    number: u32,
    answers: mpsc::UnboundedSender<(u32, Answer)>,
    workspace: i32,
    blocks: Vec<BlockRow>,
    summaries: BTreeMap<String, Summary>,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Share {
    fn answer(&self, answer: Answer) {
        // The stream may be gone; the writer learns the number when it opens again.
        let _ = self.answers.send((self.number, answer));
    }

    fn refuse(&self, sequence: u64, refusal: Refusal) {
        if !self.writer.refused.swap(true, Ordering::SeqCst) {
            self.answer(Answer::Refused(sequence, refusal));
        }
    }
}

/// Batches by writer, in the order in which they came.
fn shares(batches: Vec<Batch>) -> Vec<Share> {
    let mut places: HashMap<*const Writer, usize> = HashMap::new();
    let mut shares: Vec<Share> = Vec::new();
    for batch in batches {
        if batch.writer.refused.load(Ordering::SeqCst) {
            continue;
        }
        let place = places.get(&Arc::as_ptr(&batch.writer)).copied();
        match place.and_then(|place| shares.get_mut(place)) {
            Some(share) => {
                share.last = batch.sequence;
                share.blocks.push(batch.block);
                share.permits.push(batch.permit);
                for (key, later) in batch.summaries {
                    share
                        .summaries
                        .entry(key)
                        .and_modify(|s| s.add(&later))
                        .or_insert(later);
                }
            }
            None => {
                places.insert(Arc::as_ptr(&batch.writer), shares.len());
                shares.push(Share {
                    first: batch.sequence,
                    last: batch.sequence,
                    number: batch.number,
                    answers: batch.answers,
                    workspace: batch.workspace,
                    blocks: vec![batch.block],
                    summaries: batch.summaries,
                    permits: vec![batch.permit],
                    writer: batch.writer,
                });
            }
        }
    }
    shares
}

/// Commits a group, all in one statement. If that does not apply, because of some writer or because
/// the connection broke and it may have been applied already, the writers' rows tell which.
async fn commit_group(store: &Store, batches: Vec<Batch>) {
    for round in rounds(shares(batches)) {
        commit_round(store, round).await;
    }
}

/// Shares in rounds in which no writer stands twice, as it would when a stream was cut and its batches
/// came again on another while the first were still waiting.
fn rounds(shares: Vec<Share>) -> Vec<Vec<Share>> {
    let mut places: HashMap<(RunKey, String), usize> = HashMap::new();
    let mut rounds: Vec<Vec<Share>> = Vec::new();
    for share in shares {
        let next = places
            .entry((share.writer.run, share.writer.id.clone()))
            .or_default();
        match rounds.get_mut(*next) {
            Some(round) => round.push(share),
            None => rounds.push(vec![share]),
        }
        *next += 1;
    }
    rounds
}

async fn commit_round(store: &Store, mut shares: Vec<Share>) {
    let deadline = Instant::now() + PATIENCE;
    let mut wait = Duration::from_millis(20);
    while !shares.is_empty() {
        match store.append_group(&group(&shares)).await {
            Ok(true) => {
                shares
                    .drain(..)
                    .for_each(|share| share.answer(Answer::Committed(share.last)));
                return;
            }
            Ok(false) if Instant::now() < deadline => {}
            Ok(false) => {
                tracing::error!(
                    batches = shares.len(),
                    "metric writers could not be settled"
                );
                shares
                    .drain(..)
                    .for_each(|share| share.refuse(share.first, Refusal::Unavailable));
                return;
            }
            Err(error) if error.is_passing() && Instant::now() < deadline => {
                tracing::warn!(%error, "metric points wait for the database");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(1));
            }
            Err(error) => {
                tracing::error!(%error, batches = shares.len(), "metric points were not committed");
                shares
                    .drain(..)
                    .for_each(|share| share.refuse(share.first, Refusal::Unavailable));
                return;
            }
        }
        match settle(store, &shares).await {
            Ok(kept) => {
                let mut keep = kept.into_iter();
                shares.retain(|_| keep.next().unwrap_or_default());
            }
            Err(error) => tracing::warn!(%error, "the state of metric writers could not be read"),
        }
    }
}

/// Answers the shares that are committed already or never will be; says of each whether it is still
/// to be committed.
async fn settle(store: &Store, shares: &[Share]) -> Result<Vec<bool>, TrackingError> {
    let writers: Vec<&Writer> = shares.iter().map(|share| &*share.writer).collect();
    let states = store.writer_states(&writers).await?;
    let open = shares.iter().map(|share| {
        match states.get(&(share.writer.run, share.writer.id.clone())) {
            None => share.refuse(share.first, Refusal::RunDeleted),
            Some(WriterState { deleted: true, .. }) => {
                share.refuse(share.first, Refusal::RunDeleted);
            }
            Some(state) if state.epoch != share.writer.epoch => {
                share.refuse(share.first, Refusal::Fenced);
            }
            Some(state) if state.sequence >= share.last => {
                share.answer(Answer::Committed(state.sequence));
            }
            Some(state) if state.sequence + 1 == share.first => return true,
            Some(state) => {
                share.refuse(
                    share.first,
                    Refusal::Gap {
                        expected: state.sequence + 1,
                    },
                );
            }
        }
        false
    });
    Ok(open.collect())
}

/// The shares as one statement takes them. Summaries of several writers of one run are merged.
fn group(shares: &[Share]) -> Group<'_> {
    let mut group = Group::default();
    for share in shares {
        group.writers.push(Advance {
            writer: &share.writer,
            from: share.first - 1,
            to: share.last,
        });
        group
            .blocks
            .extend(share.blocks.iter().map(|block| (share.writer.run, block)));
        for (key, summary) in &share.summaries {
            group
                .summaries
                .entry((share.writer.run, key))
                .and_modify(|(_, merged)| merged.add(summary))
                .or_insert((share.workspace, *summary));
        }
    }
    // The order in which all transactions lock.
    group
        .writers
        .sort_by(|a, b| (a.writer.run, &a.writer.id).cmp(&(b.writer.run, &b.writer.id)));
    group
}
