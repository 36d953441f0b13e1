//! Things with facts: a column for each fact, which holds the rows that have it and what they have.
//!
//! A question looks at the columns it names and at nothing else; a fact that few have costs little.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, HashSet},
};

use herdbook_filter::{Form, Mask, Order, SortValue, Sorted, Test, Vocabulary, compare_sorted};
use serde::{Deserialize, Serialize};

use super::dictionary::Dictionary;

/// What a row stands for: the key of a model, and the number of a version or 0.
pub(crate) type Key = (i64, i64);

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The value for each order.
    sort: Vec<Option<SortValue>>,
    pub(crate) key: Key,
}

/// A part of what is found, in its order.
#[derive(Debug)]
pub(crate) struct Part {
    /// From behind this place, or from the beginning.
    pub(crate) after: Option<Place>,
    /// How many there to pass over.
    pub(crate) skip: usize,
    /// How many at most.
    pub(crate) limit: usize,
}

#[derive(Debug)]
pub(super) struct Table<F> {
    keys: Vec<Key>,
    rows: HashMap<Key, u32>,
    /// Rows that stand for nothing any more.
    gone: HashSet<u32>,
    columns: BTreeMap<F, Column>,
}

/// The rows that have a fact, ascending; one that has several is there several times.
#[derive(Debug)]
enum Column {
    Numbers(Postings<f64>),
    Texts(Postings<u32>, Dictionary),
}

#[derive(Debug)]
struct Postings<T> {
    rows: Vec<u32>,
    values: Vec<T>,
}

/// What a row has of a field.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Number(f64),
    Text(&'a str),
}

impl<T: Copy> Postings<T> {
    fn new() -> Self {
        Self {
            rows: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Replaces what a row has; gives what it had.
    fn set(&mut self, row: u32, values: &[T]) -> Vec<T> {
        if self.rows.last().is_none_or(|last| *last < row) {
            self.rows.extend(values.iter().map(|_| row));
            self.values.extend_from_slice(values);
            return Vec::new();
        }
        let start = self.rows.partition_point(|other| *other < row);
        let had = self.rows[start..].partition_point(|other| *other == row);
        let range = start..start + had;
        self.rows.splice(range.clone(), values.iter().map(|_| row));
        self.values.splice(range, values.iter().copied()).collect()
    }

    fn iter(&self) -> impl Iterator<Item = (usize, T)> {
        let rows = self.rows.iter().map(|row| *row as usize);
        rows.zip(self.values.iter().copied())
    }
}

impl<F: Vocabulary> Default for Table<F> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            rows: HashMap::new(),
            gone: HashSet::new(),
            columns: BTreeMap::new(),
        }
    }
}

impl<F: Vocabulary> Table<F> {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// All rows that stand for something.
    pub(super) fn all(&self) -> Mask {
        let mut all = Mask::all(self.len());
        self.gone.iter().for_each(|row| all.remove(*row as usize));
        all
    }

    /// Forgets what a key stands for.
    pub(super) fn remove(&mut self, key: Key) {
        if let Some(row) = self.rows.remove(&key) {
            self.keep(row, |_| true, |_| false);
            self.gone.insert(row);
        }
    }

    /// The row of a key, a new one if there is none.
    pub(super) fn row(&mut self, key: Key) -> u32 {
        let next = self.keys.len() as u32;
        *self.rows.entry(key).or_insert_with(|| {
            self.keys.push(key);
            next
        })
    }

    /// The row of a key.
    pub(super) fn find(&self, key: Key) -> Option<u32> {
        self.rows.get(&key).copied()
    }

    /// Replaces what a row has of a field.
    pub(super) fn set(&mut self, row: u32, field: F, cells: &[Cell<'_>]) {
        if cells.is_empty() && !self.columns.contains_key(&field) {
            return;
        }
        let column = self.columns.entry(field).or_insert_with_key(Column::of);
        match column {
            Column::Numbers(postings) => {
                let numbers = cells.iter().filter_map(|cell| match cell {
                    Cell::Number(number) => Some(*number),
                    Cell::Text(_) => None,
                });
                postings.set(row, &numbers.collect::<Vec<_>>());
            }
            Column::Texts(postings, dictionary) => {
                let codes = cells.iter().filter_map(|cell| match cell {
                    Cell::Text(text) => Some(dictionary.take(text)),
                    Cell::Number(_) => None,
                });
                let codes: Vec<_> = codes.collect();
                for code in postings.set(row, &codes) {
                    dictionary.release(code);
                }
            }
        }
    }

    /// Takes from a row all fields `of` some kind but those that `stay`.
    pub(super) fn keep(&mut self, row: u32, of: impl Fn(&F) -> bool, stay: impl Fn(&F) -> bool) {
        for (field, column) in &mut self.columns {
            if !of(field) || stay(field) {
                continue;
            }
            match column {
                Column::Numbers(postings) => {
                    postings.set(row, &[]);
                }
                Column::Texts(postings, dictionary) => {
                    for code in postings.set(row, &[]) {
                        dictionary.release(code);
                    }
                }
            }
        }
    }

    /// The rows that have a field that passes a test.
    pub(super) fn leaf(&self, field: &F, test: &Test) -> Mask {
        let mut mask = Mask::none(self.len());
        match self.columns.get(field) {
            None => {}
            Some(Column::Numbers(postings)) => {
                for (row, number) in postings.iter() {
                    if test.number(number) {
                        mask.insert(row);
                    }
                }
            }
            Some(Column::Texts(postings, dictionary)) => {
                let numbers = test.needs_numbers();
                let entries = dictionary.entries().iter();
                let passes = entries.map(|entry| {
                    let as_number = numbers && !entry.number.is_nan() && test.number(entry.number);
                    as_number || test.text(&entry.text)
                });
                let passes: Vec<bool> = passes.collect();
                for (row, code) in postings.iter() {
                    if passes[code as usize] {
                        mask.insert(row);
                    }
                }
            }
        }
        mask
    }

    /// What the rows are ordered by in a field: a param by the number that it reads as, if it does. A NaN counts
    /// as missing; of several texts the first in the alphabet counts.
    pub(super) fn sorted(&self, field: &F) -> Vec<Option<Sorted<'_>>> {
        let mut sorted = vec![None; self.len()];
        match self.columns.get(field) {
            None => {}
            Some(Column::Numbers(postings)) => {
                for (row, number) in postings.iter() {
                    sorted[row] = (!number.is_nan()).then_some(Sorted::Number(number));
                }
            }
            Some(Column::Texts(postings, dictionary)) => {
                let params = field.form() == Form::Param;
                for (row, code) in postings.iter() {
                    let entry = dictionary.get(code);
                    let value = match params && !entry.number.is_nan() {
                        true => Sorted::Number(entry.number),
                        false => Sorted::Text(&entry.text),
                    };
                    if compare_sorted(false, Some(value), sorted[row]).is_lt() {
                        sorted[row] = Some(value);
                    }
                }
            }
        }
        sorted
    }

    /// The places in a part of `hits`, by `orders`, then those with the larger keys first. `sorted` has a column for
    /// each order.
    pub(super) fn first(
        &self,
        hits: &Mask,
        orders: &[Order<F>],
        sorted: &[Vec<Option<Sorted<'_>>>],
        part: &Part,
    ) -> Vec<Place> {
        let own = |row: usize| move |index: usize| sorted.get(index).and_then(|column| column[row]);
        let behind = |row: usize, place: &Place| {
            let other = |index: usize| place.sort.get(index)?.as_ref().map(SortValue::as_sorted);
            compare(orders, own(row), other).then_with(|| place.key.cmp(&self.keys[row]))
        };
        let between = |a: &usize, b: &usize| {
            compare(orders, own(*a), own(*b)).then_with(|| self.keys[*b].cmp(&self.keys[*a]))
        };
        let rows = hits.newest_first();
        let rows = rows.filter(|row| {
            part.after
                .as_ref()
                .is_none_or(|place| behind(*row, place).is_gt())
        });
        let mut rows: Vec<usize> = rows.collect();
        let end = part.skip + part.limit;
        if rows.len() > end {
            rows.select_nth_unstable_by(end, between);
            rows.truncate(end);
        }
        if part.skip >= rows.len() {
            return Vec::new();
        }
        if part.skip > 0 {
            rows.select_nth_unstable_by(part.skip, between);
            rows.drain(..part.skip);
        }
        rows.sort_unstable_by(between);
        let place = |row: usize| Place {
            sort: sorted
                .iter()
                .map(|column| column[row].map(Sorted::keep))
                .collect(),
            key: self.keys[row],
        };
        rows.into_iter().map(place).collect()
    }

    /// Bytes of memory, about.
    pub(super) fn weight(&self) -> usize {
        let columns = self.columns.values().map(|column| match column {
            Column::Numbers(postings) => 128 + postings.rows.len() * 12,
            Column::Texts(postings, dictionary) => {
                256 + postings.rows.len() * 8 + dictionary.weight()
            }
        });
        columns.sum::<usize>() + self.keys.len() * 48
    }
}

/// How two things stand to each other by `orders`, given what they have for each.
fn compare<'a, 'b, F>(
    orders: &[Order<F>],
    one: impl Fn(usize) -> Option<Sorted<'a>>,
    other: impl Fn(usize) -> Option<Sorted<'b>>,
) -> Ordering {
    let each = orders.iter().enumerate();
    let mut each =
        each.map(|(index, order)| compare_sorted(order.descending, one(index), other(index)));
    each.find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl Column {
    fn of<F: Vocabulary>(field: &F) -> Self {
        match field.form() {
            Form::Number | Form::Time => Self::Numbers(Postings::new()),
            Form::Text | Form::Param | Form::Id | Form::OneOf(_) => {
                Self::Texts(Postings::new(), Dictionary::default())
            }
        }
    }
}
