//! Group commit: batches of all streams and calls, and changes of runs' rows, committed together.
//!
//! One task holds all that waits. It makes of it one statement, and while Postgres flushes that one, the
//! next group gathers. When much waits, a second statement runs beside the first, for other runs: then
//! the encoding of one group on the server overlaps with the flush of the other. With little to commit a
//! second statement would only split the groups.

mod change;
mod entry;
mod group;
mod settle;

use std::{collections::HashSet, sync::Arc};

use futures::{StreamExt as _, stream::FuturesUnordered};
use herdbook_rpc::Wakeful;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub(crate) use change::{Change, Decided, NotChanged, Rule};
pub(crate) use entry::{Advance, Answer, Claim, Entry, Refusal, Reply, Writer};

use crate::{
    metrics::pulse::Pulse,
    run::RunKey,
    store::{Store, lane::Lane},
};
use group::Waiting;

/// Entries on their way to the task.
const QUEUE: usize = 4_096;
/// Bytes of encoded points that must wait before a second statement runs beside the first.
const MUCH: usize = 256 << 10;
/// Bytes of points in memory, of all streams together.
const BYTES_IN_FLIGHT: usize = 64 << 20;

/// The committer of a process.
#[derive(Debug)]
pub(crate) struct Committer {
    queue: mpsc::Sender<Entry>,
    bytes: Arc<Semaphore>,
}

impl Committer {
    /// Starts it; `pulse` is told what it commits. It ends when this is dropped and all that waited is committed.
    pub(crate) fn start(store: &Store, pulse: Pulse) -> Self {
        let (queue, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(Wakeful::new(commit_all(store.clone(), pulse, receiver)));
        Self {
            queue,
            bytes: Arc::new(Semaphore::new(BYTES_IN_FLIGHT)),
        }
    }

    /// Waits until `bytes` more may be in flight: this is what slows a stream down that sends faster
    /// than the disk writes.
    pub(crate) async fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let share = u32::try_from(bytes.clamp(1, BYTES_IN_FLIGHT)).unwrap_or(u32::MAX);
        self.bytes.clone().acquire_many_owned(share).await.ok()
    }

    /// Hands an entry on.
    pub(crate) async fn commit(&self, entry: Entry) {
        // The task ends only after the queue is closed, which dropping `self` does.
        let _ = self.queue.send(entry).await;
    }
}

async fn commit_all(store: Store, pulse: Pulse, mut queue: mpsc::Receiver<Entry>) {
    let mut waiting = Waiting::default();
    let mut busy: HashSet<RunKey> = HashSet::new();
    // In this task: with little to commit, handing a statement to another thread costs more than it.
    let mut statements = FuturesUnordered::new();
    let mut lanes: Vec<Lane> = Vec::new();
    let mut arrived = Vec::with_capacity(QUEUE);
    let mut open = true;
    while open || !statements.is_empty() || !waiting.is_empty() {
        tokio::select! {
            count = queue.recv_many(&mut arrived, QUEUE), if open => {
                open = count > 0;
                waiting.extend(arrived.drain(..));
            }
            Some((runs, lane)) = statements.next() => {
                let runs: HashSet<RunKey> = runs;
                busy.retain(|run| !runs.contains(run));
                lanes.push(lane);
            }
        }
        while statements.is_empty() || (statements.len() == 1 && waiting.bytes() >= MUCH) {
            let group = waiting.take(&busy);
            if group.is_empty() {
                break;
            }
            let runs: HashSet<RunKey> = group.iter().map(|share| share.run).collect();
            busy.extend(&runs);
            let mut lane = lanes.pop().unwrap_or_else(|| store.lane());
            let (store, pulse) = (&store, &pulse);
            statements.push(async move {
                settle::commit(store, &mut lane, group).await;
                pulse.committed(&runs);
                (runs, lane)
            });
        }
    }
}
