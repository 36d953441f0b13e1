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

/// Collects the first `limit` runs behind a place.
#[derive(Debug)]
pub(crate) struct Top {
    orders: Vec<Order>,
    after: Option<Cursor>,
    limit: usize,
    /// The best so far, the first first.
    best: Vec<Cursor>,
}

impl Top {
    pub(crate) fn new(orders: Vec<Order>, after: Option<Cursor>, limit: usize) -> Self {
        Self {
            orders,
            after,
            limit,
            best: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Vec<Cursor> {
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
            if self.after.as_ref().is_some_and(|after| to(after).is_le()) {
                continue;
            }
            if self.best.len() == self.limit && self.best.last().is_none_or(|last| to(last).is_gt())
            {
                continue;
            }
            let at = self.best.partition_point(|better| to(better).is_gt());
            let place = place_of(&self.orders, &columns, row, key);
            self.best.insert(at, place);
            self.best.truncate(self.limit);
        }
    }

    /// Whether no run with a key of up to `newest` can be among the first.
    pub(crate) fn is_decided(&self, newest: i64) -> bool {
        self.orders.is_empty()
            && self.best.len() == self.limit
            && self.best.last().is_some_and(|last| last.run_key > newest)
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
