//! Which parts of a curve are read in what detail, and the curve that they make.

use std::ops::Range;

use super::{
    Series,
    codec::buckets::{Axis, Buckets},
    compaction::{COARSE, FINE, SUMMARISED_FROM},
    envelope::{Envelope, shift_for},
};

/// What is known of a chunk without reading it.
#[derive(Debug, Clone)]
pub(crate) struct ChunkMeta {
    pub(crate) first_block: i64,
    pub(crate) last_block: i64,
    pub(crate) points: usize,
    pub(crate) steps: (i64, i64),
    pub(crate) times_us: (i64, i64),
}

/// How closely a chunk is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Detail {
    /// Its few buckets.
    Coarse,
    /// Its many buckets.
    Fine,
    /// Its points.
    Points,
}

/// The part of a chart that is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) axis: Axis,
    /// Where x begins; buckets of chunks lie on the grid of 0.
    pub(crate) origin: i64,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// A chunk that was read.
#[derive(Debug)]
pub(crate) enum Read {
    Buckets(Buckets),
    Points(Series),
}

/// What one run contributes to a curve: its own points, or those that a run forked from it inherits.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Points of larger steps are not inherited.
    pub(crate) max_step: Option<i64>,
    /// Chunks count up to this block; what is later is in `recent`.
    pub(crate) chunks_to: i64,
    /// In the order of their commits, as is `recent` after them.
    pub(crate) chunks: Vec<ChunkMeta>,
    pub(crate) recent: Series,
}

impl Part {
    fn inherits(&self, step: i64) -> bool {
        self.max_step.is_none_or(|max| step <= max)
    }

    /// Whether all of a chunk counts.
    fn takes_whole(&self, chunk: &ChunkMeta) -> bool {
        chunk.last_block <= self.chunks_to && self.inherits(chunk.steps.1)
    }

    /// The range of x of all that is in the window, as far as it is known without reading chunks.
    pub(crate) fn range(&self, window: &Window) -> Option<(i64, i64)> {
        let of_chunk = |chunk: &ChunkMeta| {
            let (low, mut high) = window.of(chunk);
            if window.axis == Axis::Step {
                high = high.min(self.max_step.unwrap_or(i64::MAX));
            }
            (low.max(window.low), high.min(window.high))
        };
        let counts = |chunk: &&ChunkMeta| {
            chunk.first_block <= self.chunks_to && self.inherits(chunk.steps.0)
        };
        let recent = window
            .xs(&self.recent)
            .zip(&self.recent.steps)
            .filter(|(x, step)| window.shows(*x) && self.inherits(**step))
            .map(|(x, _)| (x, x));
        self.chunks
            .iter()
            .filter(counts)
            .map(of_chunk)
            .filter(|(low, high)| low <= high)
            .chain(recent)
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// In what detail each chunk that has to do with the window is read for buckets of `shift`.
    pub(crate) fn details(&self, window: &Window, shift: u8) -> Vec<(&ChunkMeta, Detail)> {
        let detail = |chunk: &ChunkMeta| {
            let (low, high) = window.of(chunk);
            let whole = self.takes_whole(chunk) && window.shows(low) && window.shows(high);
            if !whole || window.origin != 0 || chunk.points < SUMMARISED_FROM {
                Detail::Points
            } else if shift_for(low, high, COARSE) <= shift {
                Detail::Coarse
            } else if shift_for(low, high, FINE) <= shift {
                Detail::Fine
            } else {
                Detail::Points
            }
        };
        self.chunks
            .iter()
            .filter(|chunk| {
                let (low, high) = window.of(chunk);
                chunk.first_block <= self.chunks_to
                    && self.inherits(chunk.steps.0)
                    && low <= window.high
                    && high >= window.low
            })
            .map(|chunk| (chunk, detail(chunk)))
            .collect()
    }

    /// Adds what was read of its chunks, in their order, and its recent points.
    pub(crate) fn fill(
        &self,
        envelope: &mut Envelope,
        window: &Window,
        chunks: impl IntoIterator<Item = Read>,
    ) {
        for chunk in chunks {
            match chunk {
                Read::Buckets((_, buckets)) => {
                    buckets.iter().for_each(|bucket| envelope.merge(bucket));
                }
                Read::Points(series) => {
                    let points = series.of_blocks(i64::MIN, self.chunks_to);
                    self.add(envelope, window, &series, points);
                }
            }
        }
        self.add(envelope, window, &self.recent, 0..self.recent.len());
    }

    fn add(&self, envelope: &mut Envelope, window: &Window, series: &Series, points: Range<usize>) {
        let rows = window.xs(series).zip(&series.steps).zip(&series.values);
        for ((x, step), value) in rows.skip(points.start).take(points.len()) {
            if window.shows(x) && self.inherits(*step) {
                envelope.add(x, *value);
            }
        }
    }

    /// Its points, from those of its chunks.
    pub(crate) fn points(&self, chunks: impl IntoIterator<Item = Read>) -> Series {
        let mut whole = Series::default();
        let chunks = chunks.into_iter().filter_map(|chunk| match chunk {
            Read::Points(series) => Some(series),
            Read::Buckets(_) => None,
        });
        for series in chunks {
            let places = series.of_blocks(i64::MIN, self.chunks_to);
            self.take(&mut whole, &series, places);
        }
        self.take(&mut whole, &self.recent, 0..self.recent.len());
        whole
    }

    fn take(&self, whole: &mut Series, series: &Series, places: Range<usize>) {
        for place in places.filter(|place| self.inherits(series.steps[*place])) {
            let one = place..place + 1;
            whole.push(
                0,
                &series.steps[one.clone()],
                &series.times_us[one.clone()],
                &series.values[one],
            );
        }
    }
}

impl Window {
    fn shows(&self, x: i64) -> bool {
        (self.low..=self.high).contains(&x)
    }

    fn of(&self, chunk: &ChunkMeta) -> (i64, i64) {
        let (low, high) = match self.axis {
            Axis::Step => chunk.steps,
            Axis::Time => chunk.times_us,
        };
        let x = |x: i64| x.saturating_sub(self.origin);
        (x(low), x(high))
    }

    fn xs<'a>(&self, series: &'a Series) -> impl Iterator<Item = i64> + use<'a> {
        let xs = match self.axis {
            Axis::Step => &series.steps,
            Axis::Time => &series.times_us,
        };
        let origin = self.origin;
        xs.iter().map(move |x| x.saturating_sub(origin))
    }
}
