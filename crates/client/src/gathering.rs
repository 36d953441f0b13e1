//! Points as the training loop logs them: rows appended to columns, cheap enough for every step.

use std::{collections::HashMap, sync::Arc};

use herdbook_core::{check_key, limits::KEYS_PER_BATCH};

use crate::ClientError;

/// Points from which on a batch is closed.
pub(crate) const BATCH_POINTS: usize = 65_536;

/// About what a table takes besides its rows.
const TABLE_BYTES: usize = 256;

/// Rows of one or more metrics that were logged together.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Rows {
    pub(crate) keys: Vec<Arc<str>>,
    pub(crate) steps: Vec<i64>,
    pub(crate) times_us: Vec<i64>,
    /// Row after row.
    pub(crate) values: Vec<f64>,
}

/// A batch that is being filled. The points of a metric stay in the order in which they were logged.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    /// Keys that passed the check, to their place in `last`.
    keys: HashMap<Arc<str>, usize>,
    /// The batch and the table in it that got a key's latest point.
    last: Vec<(u64, usize)>,
    /// Counts the batches.
    batch: u64,
    tables: Vec<Rows>,
    /// The table that got the latest row.
    current: usize,
    columns: usize,
    points: usize,
}

impl Gathering {
    /// Points in it.
    pub(crate) fn points(&self) -> usize {
        self.points
    }

    /// Whether a row of `keys` metrics still fits.
    pub(crate) fn fits(&self, keys: usize) -> bool {
        self.points == 0
            || (self.points + keys <= BATCH_POINTS && self.columns + keys <= KEYS_PER_BATCH)
    }

    /// Appends a row, or nothing if a key breaks the rules; about the bytes that it takes in memory.
    pub(crate) fn push<K: AsRef<str>>(
        &mut self,
        step: i64,
        time_us: i64,
        row: &[(K, f64)],
    ) -> Result<usize, ClientError> {
        let tables = self.tables.len();
        // A training loop logs the same metrics step after step: no look-up for those.
        let same = self.tables.get(self.current).is_some_and(|table| {
            table.keys.len() == row.len()
                && table
                    .keys
                    .iter()
                    .zip(row)
                    .all(|(known, (key, _))| **known == *key.as_ref())
        });
        if !same {
            self.current = self.table_for(row)?;
        }
        if let Some(table) = self.tables.get_mut(self.current) {
            table.steps.push(step);
            table.times_us.push(time_us);
            table.values.extend(row.iter().map(|(_, value)| *value));
            self.points += row.len();
        }
        let table = if self.tables.len() > tables {
            TABLE_BYTES
        } else {
            0
        };
        Ok(row.len() * 8 + 16 + table)
    }

    /// What was gathered; the next batch starts empty.
    pub(crate) fn take(&mut self) -> Vec<Rows> {
        self.batch += 1;
        self.current = 0;
        self.columns = 0;
        self.points = 0;
        std::mem::take(&mut self.tables)
    }

    /// The table that a row goes to: one of the same keys, unless a later one has a point of them.
    fn table_for<K: AsRef<str>>(&mut self, row: &[(K, f64)]) -> Result<usize, ClientError> {
        if row.len() > KEYS_PER_BATCH {
            return Err(ClientError::TooManyKeys {
                count: row.len(),
                limit: KEYS_PER_BATCH,
            });
        }
        let mut places = Vec::with_capacity(row.len());
        for (key, _) in row {
            places.push(self.place(key.as_ref())?);
        }
        let lasts = || {
            places
                .iter()
                .map(|place| self.last.get(*place).filter(|last| last.0 == self.batch))
        };
        if let Some(Some((_, first))) = lasts().next()
            && lasts().all(|last| last.is_some_and(|(_, table)| table == first))
            && self.tables.get(*first).is_some_and(|table| {
                let keys = table.keys.iter().map(|key| &**key);
                keys.eq(row.iter().map(|(key, _)| key.as_ref()))
            })
        {
            return Ok(*first);
        }
        let new = self.tables.len();
        let mut seen = places.clone();
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).find(|pair| pair.first() == pair.last()) {
            let key = places
                .iter()
                .zip(row)
                .find(|(place, _)| Some(*place) == twice.first())
                .map(|(_, (key, _))| key.as_ref().to_owned());
            return Err(ClientError::RepeatedKey {
                key: key.unwrap_or_default(),
            });
        }
        let mut keys = Vec::with_capacity(row.len());
        for (place, (key, _)) in places.into_iter().zip(row) {
            if let Some((known, _)) = self.keys.get_key_value(key.as_ref()) {
                keys.push(known.clone());
            }
            if let Some(last) = self.last.get_mut(place) {
                *last = (self.batch, new);
            }
        }
        self.columns += keys.len();
        self.tables.push(Rows {
            keys,
            ..Rows::default()
        });
        Ok(new)
    }

    fn place(&mut self, key: &str) -> Result<usize, ClientError> {
        if let Some(place) = self.keys.get(key) {
            return Ok(*place);
        }
        check_key(key).map_err(|error| ClientError::Key {
            key: key.to_owned(),
            error,
        })?;
        let place = self.last.len();
        self.keys.insert(key.into(), place);
        // No batch has this number yet.
        self.last.push((u64::MAX, 0));
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(tables: &[Rows]) -> Vec<Vec<&str>> {
        let names = |table: &Rows| table.keys.len();
        assert!(tables.iter().all(|table| names(table) > 0));
        tables
            .iter()
            .map(|table| table.keys.iter().map(|key| &**key).collect())
            .collect()
    }

    #[test]
    fn rows_of_the_same_metrics_share_a_table_even_when_others_come_between() {
        let mut gathering = Gathering::default();
        for step in 0..3 {
            gathering
                .push(step, 0, &[("loss", 1.0), ("lr", 2.0)])
                .unwrap();
            gathering.push(step, 0, &[("accuracy", 3.0)]).unwrap();
        }
        let tables = gathering.take();
        assert_eq!(keys(&tables), [vec!["loss", "lr"], vec!["accuracy"]]);
        assert_eq!(tables[0].values, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(gathering.points(), 0);
    }

    #[test]
    fn bad_keys_are_refused_by_name_and_leave_nothing() {
        let mut gathering = Gathering::default();
        let error = gathering
            .push(0, 0, &[("a", 1.0), (" b", 1.0)])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the key \" b\" starts or ends with white space; trim it"
        );
        let error = gathering.push(0, 0, &[("a", 1.0), ("a", 2.0)]).unwrap_err();
        assert!(error.to_string().contains("\"a\" stands twice"), "{error}");
        let many: Vec<_> = (0..=KEYS_PER_BATCH).map(|i| (i.to_string(), 0.0)).collect();
        let error = gathering.push(0, 0, &many).unwrap_err();
        assert!(matches!(error, ClientError::TooManyKeys { .. }), "{error}");
        assert_eq!(gathering.points(), 0);
        assert_eq!(gathering.take(), []);
    }

    proptest! {
        #[test]
        fn each_metric_keeps_its_order(rows in prop::collection::vec(prop::collection::btree_set(0_u8..5, 1..4), 0..40), cut in 0_usize..40) {
            let mut gathering = Gathering::default();
            let mut tables = Vec::new();
            for (step, row) in rows.iter().enumerate() {
                if step == cut {
                    tables.extend(gathering.take());
                }
                let row: Vec<_> = row.iter().map(|key| (key.to_string(), step as f64)).collect();
                gathering.push(i64::try_from(step).unwrap(), 0, &row).unwrap();
            }
            tables.extend(gathering.take());
            for key in 0_u8..5 {
                let expected: Vec<f64> = rows.iter().enumerate().filter(|(_, row)| row.contains(&key)).map(|(step, _)| step as f64).collect();
                let mut found = Vec::new();
                for table in &tables {
                    if let Some(column) = table.keys.iter().position(|k| **k == *key.to_string()) {
                        found.extend(table.values.chunks(table.keys.len()).map(|row| row[column]));
                    }
                }
                prop_assert_eq!(found, expected);
            }
        }
    }
}
