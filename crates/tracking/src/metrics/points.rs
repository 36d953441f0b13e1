//! Points of a batch, as columns.

use std::collections::BTreeMap;

use super::Summary;

/// Points of one or more metrics that share their steps and times.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PointTable {
    /// Keys of the metrics, one a column.
    pub(crate) keys: Vec<String>,
    /// Step of each row.
    pub(crate) steps: Vec<i64>,
    /// Time of each row in microseconds since 1970 UTC.
    pub(crate) times_us: Vec<i64>,
    /// Values, column after column.
    pub(crate) values: Vec<f64>,
}

impl PointTable {
    /// The columns by key, in the order of the keys.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, &[f64])> {
        let rows = self.steps.len().max(1);
        self.keys
            .iter()
            .map(String::as_str)
            .zip(self.values.chunks(rows))
    }
}

/// All points of a batch, in the order in which they were logged.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Points(pub(crate) Vec<PointTable>);

impl Points {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|table| table.values.len()).sum()
    }

    /// Smallest and largest step; zeros if there are no points.
    pub(crate) fn step_range(&self) -> (i64, i64) {
        let steps = || self.0.iter().flat_map(|table| table.steps.iter().copied());
        (
            steps().min().unwrap_or_default(),
            steps().max().unwrap_or_default(),
        )
    }

    /// Least time; 0 if there are no points.
    pub(crate) fn first_time_us(&self) -> i64 {
        let times = self.0.iter().flat_map(|table| &table.times_us);
        times.min().copied().unwrap_or_default()
    }

    /// The keys, each once.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self
            .0
            .iter()
            .flat_map(|table| table.keys.iter().map(String::as_str))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// What each metric comes to by these points.
    pub(crate) fn summaries(&self) -> BTreeMap<String, Summary> {
        let mut summaries: BTreeMap<String, Summary> = BTreeMap::new();
        for table in &self.0 {
            for (key, values) in table.columns() {
                for ((step, time), value) in table.steps.iter().zip(&table.times_us).zip(values) {
                    let point = Summary::of(*step, *time, *value);
                    match summaries.get_mut(key) {
                        Some(summary) => summary.add(&point),
                        None => {
                            summaries.insert(key.to_owned(), point);
                        }
                    }
                }
            }
        }
        summaries
    }
}
