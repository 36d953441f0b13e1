//! Points of one metric in the order of their commits.

use std::{collections::BTreeMap, ops::Range};

use super::Points;

/// Points of one metric, as columns, with the blocks that they came in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Series {
    pub(crate) steps: Vec<i64>,
    pub(crate) times_us: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// Number of a block and how many points of it there are; numbers grow.
    pub(crate) blocks: Vec<(i64, usize)>,
}

impl Series {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Adds points of `block`, which is none before the last.
    pub(crate) fn push(&mut self, block: i64, steps: &[i64], times_us: &[i64], values: &[f64]) {
        self.steps.extend_from_slice(steps);
        self.times_us.extend_from_slice(times_us);
        self.values.extend_from_slice(values);
        match self.blocks.last_mut() {
            Some((last, count)) if *last == block => *count += values.len(),
            _ => self.blocks.push((block, values.len())),
        }
    }

    /// Adds the points of a series that goes on where this one ends.
    pub(crate) fn append(&mut self, later: &Self) {
        let mut at = 0;
        for (block, count) in &later.blocks {
            let part = at..at + count;
            self.push(
                *block,
                &later.steps[part.clone()],
                &later.times_us[part.clone()],
                &later.values[part],
            );
            at += count;
        }
    }

    /// Where the points of the blocks after `after`, up to `to`, stand.
    pub(crate) fn of_blocks(&self, after: i64, to: i64) -> Range<usize> {
        let points = |blocks: &[(i64, usize)]| blocks.iter().map(|(_, count)| count).sum();
        let start = self.blocks.partition_point(|(block, _)| *block <= after);
        let end = self.blocks.partition_point(|(block, _)| *block <= to);
        let start: usize = points(&self.blocks[..start]);
        start..points(&self.blocks[..end]).max(start)
    }

    /// Cuts it between blocks into parts of at most `limit` points; a block that has more is a part of
    /// its own.
    pub(crate) fn parts(self, limit: usize) -> Vec<Self> {
        if self.len() <= limit {
            return vec![self];
        }
        let mut parts: Vec<Self> = Vec::new();
        let mut at = 0;
        for (block, count) in &self.blocks {
            let points = at..at + count;
            at = points.end;
            let fits = parts.last().is_some_and(|part| part.len() + count <= limit);
            if !fits {
                parts.push(Self::default());
            }
            if let Some(part) = parts.last_mut() {
                part.push(
                    *block,
                    &self.steps[points.clone()],
                    &self.times_us[points.clone()],
                    &self.values[points],
                );
            }
        }
        parts
    }
}

/// Series by key.
pub(crate) type SeriesByKey = BTreeMap<String, Series>;

/// Adds the points of a block to the series of their keys.
pub(crate) fn add_block(series: &mut SeriesByKey, block: i64, points: &Points) {
    for table in &points.0 {
        for (key, values) in table.columns() {
            if let Some(known) = series.get_mut(key) {
                known.push(block, &table.steps, &table.times_us, values);
            } else {
                let mut new = Series::default();
                new.push(block, &table.steps, &table.times_us, values);
                series.insert(key.to_owned(), new);
            }
        }
    }
}
