//! The first runs of an order, and places in it.

use std::cmp::Ordering;

use herdbook_filter::{SortValue, Sorted, compare_sorted};
use serde::{Deserialize, Serialize};

use super::{Attribute, Field, Mask, Order, Rows, column::Column};
use crate::run::RunStatus;

/// Where a page ended, or a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The run's value for each order.
    pub(super) sort: Vec<Option<SortValue>>,
    pub(crate) run_key: i64,
}

/// What a row is ordered by: a param by the number that it reads as, if it does and is not asked for as a text. A NaN counts as missing: it is
/// neither large nor small.
pub(super) fn sorted<'a>(
    order: &Order,
    column: Option<&'a Column>,
    row: usize,
) -> Option<Sorted<'a>> {
    match column? {
        Column::Numbers(numbers) => {
            let number = numbers.values[row];
            (numbers.present.has(row) && !number.is_nan()).then_some(Sorted::Number(number))
        }
        Column::Texts(texts) => {
            let text = texts.get(row)?;
            match &order.field {
                _ if order.as_text => Some(Sorted::Text(text)),
                // In the order of their numbers, not of their names.
                Field::Attribute(Attribute::Status) => {
                    let status = RunStatus::ALL
                        .into_iter()
                        .find(|status| status.name() == text)?;
                    Some(Sorted::Number(status.number().into()))
                }
                Field::Param(_) => {
                    let number = texts.number(row).map(Sorted::Number);
                    Some(number.unwrap_or(Sorted::Text(text)))
                }
                _ => Some(Sorted::Text(text)),
            }
        }
        Column::Lists(lists) => lists.get(row)?.min().map(Sorted::Text),
    }
}

/// How two places stand to each other: by each order, then the newer run first.
pub(super) fn compare_places(orders: &[Order], a: &Cursor, b: &Cursor) -> Ordering {
    for (order, (a, b)) in orders.iter().zip(a.sort.iter().zip(&b.sort)) {
        let ordering = compare_values(order.descending, a.as_ref(), b.as_ref());
        if ordering.is_ne() {
            return ordering;
        }
    }
    b.run_key.cmp(&a.run_key)
}

/// How two values that were kept stand to each other.
pub(super) fn compare_values(
    descending: bool,
    a: Option<&SortValue>,
    b: Option<&SortValue>,
) -> Ordering {
    let [a, b] = [a, b].map(|value| value.map(SortValue::as_sorted));
    compare_sorted(descending, a, b)
}

/// Places beyond the first that are kept at least, before they are sorted out.
const SPARE: usize = 1_024;

/// Collects the first `limit` runs behind a place.
#[derive(Debug)]
pub(crate) struct Top {
    orders: Vec<Order>,
    after: Option<Cursor>,
    limit: usize,
    /// In any order; now and then those behind the first `limit` are sorted out.
    best: Vec<Cursor>,
    /// The last of `limit` places: what is behind it is not among the first.
    bar: Option<Cursor>,
}

impl Top {
    pub(crate) fn new(orders: Vec<Order>, after: Option<Cursor>, limit: usize) -> Self {
        Self {
            orders,
            after,
            limit,
            best: Vec::new(),
            bar: None,
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Cursor> {
        let orders = &self.orders;
        self.best
            .sort_unstable_by(|a, b| compare_places(orders, a, b));
        self.best.truncate(self.limit);
        self.best
    }

    /// Looks at the rows of `hits`.
    pub(crate) fn offer(&mut self, rows: &Rows, hits: &Mask) {
        let columns: Vec<Option<&Column>> = self
            .orders
            .iter()
            .map(|order| rows.column(&order.field))
            .collect();
        for row in hits.newest_first() {
            let key = rows.key(row);
            let to = |place: &Cursor| self.compare_row(&columns, row, key, place);
            let is_before = self.after.as_ref().is_some_and(|after| to(after).is_le());
            if is_before || self.bar.as_ref().is_some_and(|bar| to(bar).is_gt()) {
                continue;
            }
            self.best.push(place_of(&self.orders, &columns, row, key));
            if self.best.len() >= self.limit + self.limit.max(SPARE) {
                self.sort_out();
            }
        }
    }

    /// Forgets what is not among the first.
    fn sort_out(&mut self) {
        let orders = &self.orders;
        if let Some(last) = self.limit.checked_sub(1)
            && self.best.len() > self.limit
        {
            self.best
                .select_nth_unstable_by(last, |a, b| compare_places(orders, a, b));
            self.best.truncate(self.limit);
            self.bar = self.best.last().cloned();
        }
    }

    /// Whether no run with a key of up to `newest` can be among the first.
    pub(crate) fn is_decided(&self, newest: i64) -> bool {
        let newer = self.best.iter().filter(|place| place.run_key > newest);
        self.orders.is_empty() && newer.count() >= self.limit
    }

    fn compare_row(
        &self,
        columns: &[Option<&Column>],
        row: usize,
        key: i64,
        place: &Cursor,
    ) -> Ordering {
        for ((order, column), other) in self.orders.iter().zip(columns).zip(&place.sort) {
            let own = sorted(order, *column, row);
            let ordering = compare_sorted(
                order.descending,
                own,
                other.as_ref().map(SortValue::as_sorted),
            );
            if ordering.is_ne() {
                return ordering;
            }
        }
        place.run_key.cmp(&key)
    }
}

/// The place of a row.
pub(super) fn place_of(
    orders: &[Order],
    columns: &[Option<&Column>],
    row: usize,
    run_key: i64,
) -> Cursor {
    let sort = orders.iter().zip(columns);
    let sort = sort.map(|(order, column)| sorted(order, *column, row).map(Sorted::keep));
    Cursor {
        sort: sort.collect(),
        run_key,
    }
}
