//! A writer of the metric stream: its batches from the moment they have a number until they are
//! committed. No I/O but the spool's.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, atomic::Ordering},
};

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{MetricBatch, OpenWriter};
use prost::Message as _;
use tokio::time::Instant;

use crate::{
    ClientError,
    batch::{fold, points},
    lane::{Gathered, Lane, Shared},
    reply::Answer,
    spool::{Place, Spool},
};

/// How a writer stands on the present stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not known there.
    Closed,
    /// Asked to be opened.
    Opening,
    /// Takes batches.
    Open,
}

/// A batch that the server has not committed.
#[derive(Debug)]
struct Pending {
    sequence: u64,
    points: u64,
    /// About its bytes on the wire.
    size: usize,
    /// In memory, with the bytes it counts for.
    content: Option<(Arc<MetricBatch>, usize)>,
    /// In the spool.
    place: Option<Place>,
}

/// A batch to be sent.
pub(crate) enum Sendable {
    /// This one.
    Batch(Arc<MetricBatch>),
    /// The batch is damaged; an empty one goes in its place, so that those behind it can follow.
    Damaged(Arc<MetricBatch>),
}

/// A writer.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` for one that an earlier process left.
    pub(crate) lane: Option<Arc<Lane>>,
    pub(crate) run: RunId,
    pub(crate) opening: OpenWriter,
    pub(crate) standing: Standing,
    /// Whether its run is yet to be made: nothing is sent before.
    pub(crate) held: bool,
    pub(crate) spool: Option<Spool>,
    /// Nothing more of it is sent.
    pub(crate) refused: Option<ClientError>,
    /// Points that the server committed since this process has the writer.
    pub(crate) committed: u64,
    shared: Arc<Shared>,
    pending: VecDeque<Pending>,
    /// Number of the batch that comes next.
    next: u64,
    /// How many of `pending`, from the front, were sent on this stream.
    sent: usize,
    /// How many of `pending`, from the front, are in the spool.
    spooled: usize,
    flushes: Vec<Flush>,
}

/// Somebody who waits until all up to a batch is committed.
#[derive(Debug)]
struct Flush {
    target: u64,
    until: Instant,
    answer: Answer<()>,
}

impl Writer {
    /// A writer that starts now.
    pub(crate) fn new(lane: Arc<Lane>, opening: OpenWriter) -> Self {
        Self {
            run: lane.run,
            shared: lane.shared.clone(),
            lane: Some(lane),
            opening,
            standing: Standing::Closed,
            held: false,
            spool: None,
            refused: None,
            committed: 0,
            pending: VecDeque::new(),
            next: 1,
            sent: 0,
            spooled: 0,
            flushes: Vec::new(),
        }
    }

    /// A writer that an earlier process left, with its batches in the spool.
    pub(crate) fn left(
        run: RunId,
        opening: OpenWriter,
        spool: Spool,
        places: &[Place],
        shared: Arc<Shared>,
    ) -> Self {
        let pending = places.iter().map(|place| Pending {
            sequence: place.sequence,
            points: place.points.into(),
            size: usize::try_from(place.bytes).unwrap_or(usize::MAX),
            content: None,
            place: Some(*place),
        });
        Self {
            lane: None,
            run,
            opening,
            standing: Standing::Closed,
            held: false,
            spool: Some(spool),
            refused: None,
            committed: 0,
            shared,
            pending: pending.collect(),
            next: places.last().map_or(1, |place| place.sequence + 1),
            sent: 0,
            spooled: places.len(),
            flushes: Vec::new(),
        }
    }

    /// Gives a batch its number.
    pub(crate) fn add(&mut self, gathered: Gathered) {
        let batch = fold(self.next, gathered.tables);
        self.pending.push_back(Pending {
            sequence: self.next,
            points: gathered.points as u64,
            size: batch.encoded_len(),
            content: Some((Arc::new(batch), gathered.bytes)),
            place: None,
        });
        self.next += 1;
    }

    /// Points that the server has not committed: in memory alone, and in the spool.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        let (mut in_memory, mut in_spool) = (0, 0);
        for pending in &self.pending {
            match pending.place {
                Some(_) => in_spool += pending.points,
                None => in_memory += pending.points,
            }
        }
        (in_memory, in_spool)
    }

    /// Whether the server has all.
    pub(crate) fn is_done(&self) -> bool {
        self.pending.is_empty()
    }

    /// Batches that wait to be sent.
    pub(crate) fn unsent(&self) -> usize {
        self.pending.len() - self.sent
    }

    /// Batches on their way, and about their bytes.
    pub(crate) fn in_flight(&self) -> (usize, usize) {
        let sent = self.pending.iter().take(self.sent);
        (self.sent, sent.map(|pending| pending.size).sum())
    }

    /// The stream is gone: what was sent on it is sent again.
    pub(crate) fn lost(&mut self) {
        self.standing = Standing::Closed;
        self.sent = 0;
    }

    /// The writer is open and the server has all up to `committed`. The answer is how many batches
    /// behind that are missing here; empty ones take their places.
    pub(crate) fn opened(&mut self, committed: u64) -> io::Result<u64> {
        self.commit(committed)?;
        self.standing = Standing::Open;
        self.sent = 0;
        self.next = self.next.max(committed + 1);
        let mut expected = committed + 1;
        let mut missing = Vec::new();
        for (index, pending) in self.pending.iter().enumerate() {
            missing.extend((expected..pending.sequence).map(|sequence| (index, sequence)));
            expected = pending.sequence + 1;
        }
        if self.pending.is_empty() {
            // The next batch follows on what the server has; only one put back in time has less.
            missing.extend((expected..self.next).map(|sequence| (0, sequence)));
        }
        for (index, sequence) in missing.iter().rev() {
            let empty = Pending {
                sequence: *sequence,
                points: 0,
                size: 0,
                content: Some((Arc::new(fold(*sequence, Vec::new())), 0)),
                place: None,
            };
            self.pending.insert(*index, empty);
        }
        if !missing.is_empty() {
            let on_disk = |pending: &Pending| pending.place.is_some() || pending.points == 0;
            self.spooled = self.pending.iter().take_while(|p| on_disk(p)).count();
        }
        Ok(missing.len() as u64)
    }

    /// The server has all up to `sequence`.
    pub(crate) fn commit(&mut self, sequence: u64) -> io::Result<()> {
        while self.pending.front().is_some_and(|p| p.sequence <= sequence)
            && let Some(pending) = self.pending.pop_front()
        {
            self.sent = self.sent.saturating_sub(1);
            self.spooled = self.spooled.saturating_sub(1);
            self.committed += pending.points;
            self.shared
                .committed
                .fetch_add(pending.points, Ordering::Relaxed);
            if let Some((_, bytes)) = pending.content {
                self.shared.free(bytes);
            }
        }
        for flush in self
            .flushes
            .extract_if(.., |flush| flush.target <= sequence)
        {
            // Whoever asked may have gone.
            let _ = flush.answer.send(Ok(()));
        }
        self.release()
    }

    /// The next batch to be sent, if there is one.
    pub(crate) fn send(&mut self) -> io::Result<Option<Sendable>> {
        let Some(pending) = self.pending.get(self.sent) else {
            return Ok(None);
        };
        let sendable = match (&pending.content, &pending.place, &mut self.spool) {
            (Some((batch, _)), _, _) => Sendable::Batch(batch.clone()),
            (None, Some(place), Some(spool)) => match spool.read(place)? {
                Some(batch) => Sendable::Batch(Arc::new(batch)),
                None => Sendable::Damaged(Arc::new(fold(place.sequence, Vec::new()))),
            },
            (None, _, _) => Sendable::Damaged(Arc::new(fold(pending.sequence, Vec::new()))),
        };
        self.sent += 1;
        Ok(Some(sendable))
    }

    /// Writes the oldest batches that are in memory alone to the spool, in their order, so that what
    /// stands there always follows on what the server has. Ends at `bytes` of spool. The answer is
    /// whether all of them are there now.
    pub(crate) fn spill(&mut self, spool_bytes: u64) -> io::Result<bool> {
        let Some(spool) = &mut self.spool else {
            return Ok(false);
        };
        for pending in self.pending.iter_mut().skip(self.spooled) {
            if let Some((batch, _)) = &pending.content
                && pending.place.is_none()
            {
                if spool.bytes() + pending.size as u64 > spool_bytes {
                    return Ok(false);
                }
                let count = u32::try_from(points(batch)).unwrap_or(u32::MAX);
                pending.place = Some(spool.append(batch, count)?);
            }
            self.spooled += 1;
        }
        Ok(true)
    }

    /// Lets go of the memory of what is in the spool.
    pub(crate) fn forget(&mut self) {
        for pending in self.pending.iter_mut().take(self.spooled) {
            if pending.place.is_some()
                && let Some((_, bytes)) = pending.content.take()
            {
                self.shared.free(bytes);
            }
        }
    }

    /// Answers once all that there is now is committed, or at the time.
    pub(crate) fn flush(&mut self, until: Instant, answer: Answer<()>) {
        let answered = match (&self.refused, self.pending.back()) {
            (Some(error), _) => Err(error.clone()),
            (None, None) => Ok(()),
            (None, Some(last)) => {
                self.flushes.push(Flush {
                    target: last.sequence,
                    until,
                    answer,
                });
                return;
            }
        };
        let _ = answer.send(answered);
    }

    /// When the first flush is late.
    pub(crate) fn late_at(&self) -> Option<Instant> {
        self.flushes.iter().map(|flush| flush.until).min()
    }

    /// Answers the flushes that are late.
    pub(crate) fn tell_late(&mut self, now: Instant) {
        let (in_memory, in_spool) = self.waiting();
        for flush in self.flushes.extract_if(.., |flush| flush.until <= now) {
            let late = ClientError::Late {
                in_memory,
                in_spool,
            };
            let _ = flush.answer.send(Err(late));
        }
    }

    /// Takes and sends nothing more.
    pub(crate) fn refuse(&mut self, error: ClientError) {
        if let Some(lane) = &self.lane {
            lane.close(error.clone());
        }
        for flush in self.flushes.drain(..) {
            let _ = flush.answer.send(Err(error.clone()));
        }
        self.standing = Standing::Closed;
        self.sent = 0;
        self.refused = Some(error);
    }

    /// Forgets all that waits, and its memory.
    pub(crate) fn abandon(&mut self) {
        for pending in self.pending.drain(..) {
            if let Some((_, bytes)) = pending.content {
                self.shared.free(bytes);
            }
        }
        self.sent = 0;
        self.spooled = 0;
    }

    fn release(&mut self) -> io::Result<()> {
        let Some(spool) = &mut self.spool else {
            return Ok(());
        };
        let first = self.pending.iter().find_map(|pending| pending.place);
        let moved = spool.release(first.as_ref())?;
        if moved > 0 {
            for place in self.pending.iter_mut().filter_map(|p| p.place.as_mut()) {
                place.offset -= moved;
            }
        }
        Ok(())
    }
}
