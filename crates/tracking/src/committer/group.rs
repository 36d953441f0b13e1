//! Which of the entries that wait are committed together.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use herdbook_core::WorkspaceId;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    change::Change,
    entry::{Advance, Claim, Entry, Reply},
};
use crate::{metrics::Summary, run::RunKey, store::append::BlockRow};

/// Entries, and bytes of encoded points, of a group at most: enough that the flush weighs nothing, and
/// few enough that nobody waits long for the others.
const ENTRIES: usize = 2_048;
const BYTES: usize = 8 << 20;
/// Runs of a group whose rows are written: each as a whole.
const CHANGES: usize = 256;

/// What one writer or call brought into a group.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) workspace: WorkspaceId,
    pub(super) run: RunKey,
    pub(super) once: Once,
    pub(super) reply: Reply,
    pub(super) batches: Vec<Batch>,
    /// Held until the share is answered.
    permits: Vec<OwnedSemaphorePermit>,
}

/// A block, and what each metric comes to by it.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) block: BlockRow,
    pub(super) summaries: BTreeMap<String, Summary>,
}

/// What makes a share count once.
#[derive(Debug)]
pub(super) enum Once {
    Advance(Advance),
    Request(String),
    None,
}

/// Entries in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// How many there are of each run.
    runs: HashMap<RunKey, usize>,
}

impl Waiting {
    pub(super) fn extend(&mut self, entries: impl Iterator<Item = Entry>) {
        for entry in entries {
            self.bytes += entry.block.data.len();
            *self.runs.entry(entry.run).or_default() += 1;
            self.entries.push_back(entry);
        }
    }

    /// Takes an entry out of the count.
    fn leaves(&mut self, entry: &Entry) {
        self.bytes -= entry.block.data.len();
        if let Some(count) = self.runs.get_mut(&entry.run) {
            *count -= 1;
            if *count == 0 {
                self.runs.remove(&entry.run);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of encoded points that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes out a group of those whose runs are not `busy`. What may stand in a group only once stays
    /// for a later one, with all that came after it for the same run: a writer that was cut off and comes
    /// again on another stream, a call that is repeated, or a second change of the run's row.
    pub(super) fn take(&mut self, busy: &HashSet<RunKey>) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        // Not all that waits is looked at with each arrival, when it waits for what is busy.
        if self.runs.keys().all(|run| busy.contains(run)) {
            return shares;
        }
        let mut streams: HashMap<*const super::Writer, usize> = HashMap::new();
        let mut claimed: HashSet<(RunKey, String)> = HashSet::new();
        let mut changed: HashSet<RunKey> = HashSet::new();
        let mut held: HashSet<RunKey> = HashSet::new();
        let mut later = VecDeque::new();
        let (mut count, mut bytes) = (0, 0);
        while count < ENTRIES && bytes < BYTES {
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            if busy.contains(&entry.run) || held.contains(&entry.run) {
                later.push_back(entry);
                continue;
            }
            if let Claim::Batch { writer, .. } = &entry.claim {
                if writer.is_refused() {
                    self.leaves(&entry);
                    continue;
                }
                if let Some(share) = streams
                    .get(&Arc::as_ptr(writer))
                    .and_then(|place| shares.get_mut(*place))
                {
                    count += 1;
                    bytes += entry.block.data.len();
                    self.leaves(&entry);
                    share.append(entry);
                    continue;
                }
            }
            let name = match &entry.claim {
                Claim::Batch { writer, .. } => Some(&writer.id),
                Claim::Range(advance) => Some(&advance.writer),
                Claim::Request(id) => Some(id),
                Claim::None => None,
            };
            let changes = matches!(entry.reply, Reply::Change(_));
            if changes && (changed.len() == CHANGES || changed.contains(&entry.run)) {
                held.insert(entry.run);
                later.push_back(entry);
                continue;
            }
            if let Some(name) = name
                && !claimed.insert((entry.run, name.clone()))
            {
                held.insert(entry.run);
                later.push_back(entry);
                continue;
            }
            if changes {
                changed.insert(entry.run);
            }
            if let Claim::Batch { writer, .. } = &entry.claim {
                streams.insert(Arc::as_ptr(writer), shares.len());
            }
            count += 1;
            bytes += entry.block.data.len();
            self.leaves(&entry);
            shares.push(Share::new(entry));
        }
        later.append(&mut self.entries);
        self.entries = later;
        shares
    }
}

impl Share {
    fn new(entry: Entry) -> Self {
        let once = match entry.claim {
            Claim::Batch { writer, sequence } => Once::Advance(Advance {
                writer: writer.id.clone(),
                epoch: writer.epoch,
                from: sequence - 1,
                to: sequence,
            }),
            Claim::Range(advance) => Once::Advance(advance),
            Claim::Request(id) => Once::Request(id),
            Claim::None => Once::None,
        };
        Self {
            workspace: entry.workspace,
            run: entry.run,
            once,
            reply: entry.reply,
            batches: vec![Batch {
                block: entry.block,
                summaries: entry.summaries,
            }],
            permits: vec![entry.permit],
        }
    }

    /// Takes in the next batch of the same stream and writer, whose numbers follow each other.
    fn append(&mut self, entry: Entry) {
        if let (Once::Advance(advance), Claim::Batch { sequence, .. }) =
            (&mut self.once, &entry.claim)
        {
            advance.to = *sequence;
        }
        self.batches.push(Batch {
            block: entry.block,
            summaries: entry.summaries,
        });
        self.permits.push(entry.permit);
    }

    /// The change of the run's row that it brought.
    pub(super) fn change(&self) -> Option<&Change> {
        match &self.reply {
            Reply::Change(change) => Some(change),
            Reply::Stream(_) | Reply::Call(_) => None,
        }
    }

    pub(super) fn change_mut(&mut self) -> Option<&mut Change> {
        match &mut self.reply {
            Reply::Change(change) => Some(change),
            Reply::Stream(_) | Reply::Call(_) => None,
        }
    }

    /// Whether it adds no points and notes no request.
    pub(super) fn adds_nothing(&self) -> bool {
        let points = self.batches.iter().any(|batch| batch.block.points > 0);
        matches!(self.once, Once::None) && !points
    }

    /// Drops all that it brought, which was done before.
    pub(super) fn is_done(&mut self) {
        self.once = Once::None;
        self.batches.clear();
        if let Some(change) = self.change_mut() {
            change.is_done();
        }
    }

    /// Drops the batches up to `sequence`, which are committed already; `false` if it is not made of
    /// single batches.
    pub(super) fn trim(&mut self, sequence: u64) -> bool {
        let Once::Advance(advance) = &mut self.once else {
            return false;
        };
        let (length, done) = (advance.to - advance.from, sequence - advance.from);
        match (usize::try_from(length), usize::try_from(done)) {
            (Ok(length), Ok(done)) if length == self.batches.len() => {
                self.batches.drain(..done);
                advance.from = sequence;
                true
            }
            _ => false,
        }
    }
}
