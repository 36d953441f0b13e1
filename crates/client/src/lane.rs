//! Where the training loop and the client's thread meet: a lane for each run.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use herdbook_core::RunId;
use tokio::sync::Notify;

use crate::{
    ClientError,
    gathering::{Gathering, Rows},
};

/// What all lanes of a client share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Bytes that points may take.
    pub(crate) limit: usize,
    /// Bytes that points take: gathered, waiting, or on their way.
    pub(crate) memory: AtomicUsize,
    /// Points for which there was no room.
    pub(crate) dropped: AtomicU64,
    /// Points that the server has.
    pub(crate) committed: AtomicU64,
    /// Acts that were asked for and are not done.
    pub(crate) acts: AtomicU64,
    /// Whether the server did not answer when it was last called.
    pub(crate) away: AtomicBool,
    /// There are points again.
    pub(crate) some: Notify,
    /// A batch is full, or points were dropped.
    pub(crate) full: Notify,
    /// Memory was freed.
    pub(crate) room: Notify,
}

impl Shared {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            memory: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            acts: AtomicU64::new(0),
            away: AtomicBool::new(false),
            some: Notify::new(),
            full: Notify::new(),
            room: Notify::new(),
        }
    }

    /// Bytes that points take.
    pub(crate) fn used(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// Gives bytes back.
    pub(crate) fn free(&self, bytes: usize) {
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
        if self.has_room() {
            self.room.notify_waiters();
        }
    }

    /// Whether at least half of the memory is free.
    pub(crate) fn has_room(&self) -> bool {
        self.used() <= self.limit / 2
    }
}

/// A batch as it was gathered.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) tables: Vec<Rows>,
    pub(crate) points: usize,
    /// Bytes of memory it counts for.
    pub(crate) bytes: usize,
}

/// The points of one run on their way to the client's thread.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) run: RunId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) stop_requested: AtomicBool,
    points: Mutex<Points>,
}

#[derive(Debug, Default)]
struct Points {
    gathering: Gathering,
    /// Bytes of `gathering`.
    bytes: usize,
    full: VecDeque<Gathered>,
    /// Why nothing more is taken.
    closed: Option<ClientError>,
}

impl Points {
    fn close_batch(&mut self) {
        if self.gathering.points() > 0 {
            let points = self.gathering.points();
            let tables = self.gathering.take();
            let bytes = std::mem::take(&mut self.bytes);
            self.full.push_back(Gathered {
                tables,
                points,
                bytes,
            });
        }
    }
}

impl Lane {
    pub(crate) fn new(run: RunId, shared: Arc<Shared>) -> Self {
        Self {
            run,
            shared,
            stop_requested: AtomicBool::new(false),
            points: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Points> {
        // A thread that panicked between two of our lines left nothing half done.
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a row, or counts it as dropped if there is no room.
    pub(crate) fn log<K: AsRef<str>>(
        &self,
        step: i64,
        time_us: i64,
        row: &[(K, f64)],
    ) -> Result<(), ClientError> {
        if row.is_empty() {
            return Ok(());
        }
        let mut points = self.lock();
        if let Some(error) = &points.closed {
            return Err(error.clone());
        }
        if self.shared.used() + row.len() * 8 > self.shared.limit {
            drop(points);
            self.shared
                .dropped
                .fetch_add(row.len() as u64, Ordering::Relaxed);
            self.shared.full.notify_one();
            return Ok(());
        }
        let closes = !points.gathering.fits(row.len());
        if closes {
            points.close_batch();
        }
        let first = points.gathering.points() == 0;
        let bytes = points.gathering.push(step, time_us, row)?;
        points.bytes += bytes;
        // Under the lock: whoever takes the batch may give the bytes back at once.
        self.shared.memory.fetch_add(bytes, Ordering::Relaxed);
        drop(points);
        if closes {
            self.shared.full.notify_one();
        } else if first {
            self.shared.some.notify_one();
        }
        Ok(())
    }

    /// The full batches, and with `all` the one that is being filled.
    pub(crate) fn take(&self, all: bool) -> VecDeque<Gathered> {
        let mut points = self.lock();
        if all {
            points.close_batch();
        }
        std::mem::take(&mut points.full)
    }

    /// Takes no more points, and says why.
    pub(crate) fn close(&self, reason: ClientError) {
        self.lock().closed.get_or_insert(reason);
    }
}
