//! Batches as they travel: columns with their regular steps folded, keys by number.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use herdbook_proto::tracking::v1::{MetricBatch, MetricTable};

use crate::gathering::Rows;

/// The tables of a batch with a dictionary of its own, so that it can be read by itself: that is how
/// it waits in memory and in the spool.
pub(crate) fn fold(sequence: u64, tables: Vec<Rows>) -> MetricBatch {
    let mut numbers: HashMap<Arc<str>, u32> = HashMap::new();
    let mut number = |key: Arc<str>| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(key).or_insert(next)
    };
    let tables = tables.into_iter().map(|rows| {
        let columns = rows.keys.len();
        let column = |column| rows.values.iter().copied().skip(column).step_by(columns);
        MetricTable {
            first_step: rows.steps.first().copied().unwrap_or_default(),
            step_deltas: deltas(&rows.steps),
            first_time_us: rows.times_us.first().copied().unwrap_or_default(),
            time_deltas_us: deltas(&rows.times_us),
            values: (0..columns).flat_map(column).collect(),
            keys: rows.keys.into_iter().map(&mut number).collect(),
        }
    });
    let tables = tables.collect();
    let keys = numbers
        .into_iter()
        .map(|(key, number)| (number, key.as_ref().to_owned()));
    MetricBatch {
        writer: 0,
        sequence,
        keys: keys.collect(),
        tables,
    }
}

/// Differences from row to row; a single one if they are all the same.
fn deltas(numbers: &[i64]) -> Vec<i64> {
    let differences = || {
        let pairs = numbers.iter().zip(numbers.iter().skip(1));
        pairs.map(|(before, after)| after.wrapping_sub(*before))
    };
    match differences().next() {
        Some(first) if differences().all(|difference| difference == first) => vec![first],
        _ => differences().collect(),
    }
}

/// Numbers for keys on one stream.
#[derive(Debug, Default)]
pub(crate) struct Dictionary(HashMap<String, u32>);

impl Dictionary {
    /// A batch as this stream takes it: under the stream's number for the writer and its numbers for
    /// keys, with those keys that it has not seen yet.
    pub(crate) fn translate(&mut self, batch: &MetricBatch, writer: u32) -> MetricBatch {
        let mut new = BTreeMap::new();
        let mut numbers = HashMap::with_capacity(batch.keys.len());
        for (own, key) in &batch.keys {
            let number = match self.0.get(key) {
                Some(number) => *number,
                None => {
                    let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
                    self.0.insert(key.clone(), number);
                    new.insert(number, key.clone());
                    number
                }
            };
            numbers.insert(*own, number);
        }
        let mut tables = batch.tables.clone();
        for key in tables.iter_mut().flat_map(|table| &mut table.keys) {
            // A number without a key is refused by the server, which says so.
            *key = numbers.get(key).copied().unwrap_or(u32::MAX);
        }
        MetricBatch {
            writer,
            sequence: batch.sequence,
            keys: new,
            tables,
        }
    }
}

/// Values in a batch.
pub(crate) fn points(batch: &MetricBatch) -> u64 {
    batch
        .tables
        .iter()
        .map(|table| table.values.len() as u64)
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unfold(first: i64, deltas: &[i64], rows: usize) -> Vec<i64> {
        let mut numbers = vec![first];
        for row in 1..rows {
            let delta = if deltas.len() == 1 {
                deltas[0]
            } else {
                deltas[row - 1]
            };
            numbers.push(numbers[row - 1].wrapping_add(delta));
        }
        numbers
    }

    proptest! {
        #[test]
        fn folded_numbers_unfold(numbers in prop::collection::vec(any::<i64>(), 1..20)) {
            let folded = deltas(&numbers);
            prop_assert_eq!(unfold(numbers[0], &folded, numbers.len()), numbers);
        }
    }

    #[test]
    fn regular_steps_take_one_number_and_values_stand_in_columns() {
        let rows = Rows {
            keys: vec!["a".into(), "b".into()],
            steps: vec![10, 20, 30],
            times_us: vec![5, 6, 9],
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        let batch = fold(7, vec![rows]);
        let table = &batch.tables[0];
        assert_eq!((table.first_step, &*table.step_deltas), (10, &[10][..]));
        assert_eq!(
            (table.first_time_us, &*table.time_deltas_us),
            (5, &[1, 3][..])
        );
        assert_eq!(table.values, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        assert_eq!((points(&batch), batch.sequence), (6, 7));
    }

    #[test]
    fn a_stream_hears_of_each_key_once() {
        let rows = |key: &str| Rows {
            keys: vec![key.into()],
            steps: vec![1],
            times_us: vec![1],
            values: vec![0.0],
        };
        let mut dictionary = Dictionary::default();
        let first = dictionary.translate(&fold(1, vec![rows("a")]), 9);
        let second = dictionary.translate(&fold(2, vec![rows("b"), rows("a")]), 9);
        assert_eq!(first.keys, BTreeMap::from([(0, "a".to_owned())]));
        assert_eq!(second.keys, BTreeMap::from([(1, "b".to_owned())]));
        assert_eq!((second.tables[0].keys[0], second.tables[1].keys[0]), (1, 0));
        assert_eq!((second.writer, second.sequence), (9, 2));
    }
}
