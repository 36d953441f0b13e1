//! From blocks to chunks: what a run's points become in the background.
//!
//! Points of a run gather in its tail, one row, until they are worth chunks: so a run of a few points
//! takes one row, whatever its metrics. Then each metric's points become a chunk. A chunk takes in those
//! before it that are less than twice as large, as a log-structured merge does: there are never more than
//! a few dozen small ones, and each point is written again a few times at most.

use super::{
    Series, SeriesByKey,
    codec::{self, series},
    envelope::summarise,
};

/// Points of a chunk at most, unless a single block has more.
pub(crate) const CHUNK: usize = 131_072;
/// Small chunks that there may be of one metric: each merge at least doubles what it merges.
pub(crate) const SMALL_CHUNKS: i64 = 20;
/// From this many points on a chunk has buckets.
pub(crate) const SUMMARISED_FROM: usize = 4_096;
/// Buckets that stand in the row of a chunk, and beside it.
pub(crate) const COARSE: usize = 32;
pub(crate) const FINE: usize = 256;
/// Points a metric, and in all, from which on a tail is worth chunks.
const POINTS_A_KEY: usize = 256;
const POINTS: usize = CHUNK;

/// How far a run is compacted.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Points of blocks up to this one stand in chunks,
    pub(crate) chunks_to: i64,
    /// and of those up to this one here.
    pub(crate) tail_to: i64,
    pub(crate) series: SeriesByKey,
}

impl Tail {
    /// Whether its points are enough for chunks.
    pub(crate) fn is_worth_chunks(&self) -> bool {
        let points: usize = self.series.values().map(Series::len).sum();
        points >= POINTS.min(self.series.len() * POINTS_A_KEY) && points > 0
    }

    /// Takes the points out, to be written as chunks.
    pub(crate) fn take(&mut self) -> SeriesByKey {
        self.chunks_to = self.tail_to;
        std::mem::take(&mut self.series)
    }
}

/// A chunk as it is stored.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) key: String,
    pub(crate) first_block: i64,
    pub(crate) last_block: i64,
    pub(crate) points: i32,
    pub(crate) steps: (i64, i64),
    pub(crate) times_us: (i64, i64),
    /// Extremes of the finite values.
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    /// Sum of the finite values.
    pub(crate) sum: f64,
    /// The value that was logged last.
    pub(crate) last: f64,
    pub(crate) coarse: Option<Vec<u8>>,
    pub(crate) fine: Option<Vec<u8>>,
    pub(crate) data: Vec<u8>,
}

/// How many of a metric's chunks, the newest of which has the first of `sizes`, a series of `points` is
/// merged with.
pub(crate) fn merged(sizes: &[usize], points: usize) -> usize {
    let mut total = points;
    sizes
        .iter()
        .take_while(|size| {
            let merges = **size < 2 * total && **size + total <= CHUNK;
            total += **size;
            merges
        })
        .count()
}

/// The chunks of a series, which is not empty.
pub(crate) fn chunks(key: &str, series: Series) -> Vec<Chunk> {
    let parts = series.parts(CHUNK);
    parts.iter().map(|part| chunk(key, part)).collect()
}

fn chunk(key: &str, series: &Series) -> Chunk {
    let buckets = |count| {
        (series.len() >= SUMMARISED_FROM).then(|| {
            let by_step = summarise(&series.steps, &series.values, count);
            let by_time = summarise(&series.times_us, &series.values, count);
            codec::buckets::encode(&by_step, &by_time)
        })
    };
    let finite = || {
        series
            .values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
    };
    Chunk {
        key: key.to_owned(),
        first_block: series.blocks.first().map_or(0, |(block, _)| *block),
        last_block: series.blocks.last().map_or(0, |(block, _)| *block),
        points: i32::try_from(series.len()).unwrap_or(i32::MAX),
        steps: range(&series.steps),
        times_us: range(&series.times_us),
        min: finite().reduce(f64::min),
        max: finite().reduce(f64::max),
        sum: finite().fold(0.0, |sum, value| sum + value),
        last: series.values.last().copied().unwrap_or(f64::NAN),
        coarse: buckets(COARSE),
        fine: buckets(FINE),
        data: series::encode_chunk(series),
    }
}

fn range(numbers: &[i64]) -> (i64, i64) {
    let least = numbers.iter().min().copied().unwrap_or_default();
    (least, numbers.iter().max().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_leave_few_chunks_and_write_each_point_a_few_times() {
        let (mut sizes, mut written): (Vec<usize>, usize) = (Vec::new(), 0);
        for _ in 0..1_000 {
            let count = merged(&sizes, 256);
            let whole: usize = sizes.drain(..count).sum::<usize>() + 256;
            written += whole;
            sizes.insert(0, whole);
            let small = sizes.iter().filter(|size| **size <= CHUNK / 2).count();
            assert!(small <= SMALL_CHUNKS as usize, "{sizes:?}");
        }
        assert_eq!(sizes.iter().sum::<usize>(), 256_000);
        assert!(written < 256_000 * 11, "{written}");
    }

    #[test]
    fn a_tail_becomes_chunks_when_its_metrics_have_enough_points() {
        let mut tail = Tail::default();
        assert!(!tail.is_worth_chunks());
        let mut add = |key: &str, block, points: usize| {
            let series = tail.series.entry(key.to_owned()).or_default();
            series.push(
                block,
                &vec![1; points],
                &vec![1; points],
                &vec![1.0; points],
            );
            tail.is_worth_chunks()
        };
        assert!(!add("a", 1, 200));
        assert!(!add("b", 1, 200));
        assert!(add("a", 2, 200));
    }

    #[test]
    fn a_chunk_tells_what_is_in_it() {
        let mut series = Series::default();
        series.push(3, &[5, -1], &[10, 20], &[2.0, f64::NAN]);
        series.push(7, &[4], &[15], &[-1.5]);
        let [chunk] = &chunks("loss", series.clone())[..] else {
            panic!()
        };
        assert_eq!(
            (chunk.first_block, chunk.last_block, chunk.points),
            (3, 7, 3)
        );
        assert_eq!((chunk.steps, chunk.times_us), ((-1, 5), (10, 20)));
        assert_eq!(
            (chunk.min, chunk.max, chunk.sum),
            (Some(-1.5), Some(2.0), 0.5)
        );
        assert_eq!((chunk.last, chunk.coarse.is_none()), (-1.5, true));
        assert_eq!(
            series::decode_chunk(&chunk.data).unwrap().steps,
            series.steps
        );
    }
}
