//! Groups of runs, with aggregates and the best run of each.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
};

use herdbook_filter::{SortValue, Sorted, as_number, compare_sorted};
use serde::{Deserialize, Serialize};

use super::{
    Field, Mask, Order, Rows,
    column::Column,
    rank::{Cursor, compare_places, compare_values, place_of},
};

/// Groups of one question.
const GROUPS: usize = 100_000;
/// Numbers that medians may keep in memory.
const KEPT: usize = 8_000_000;

/// What is asked of the groups.
#[derive(Debug, Clone)]
pub(crate) struct Grouping {
    pub(crate) by: Vec<Field>,
    pub(crate) aggregates: Vec<(Field, Function)>,
    pub(crate) best: Option<Order>,
}

impl Grouping {
    /// The fields that it looks at.
    pub(crate) fn fields(&self) -> BTreeSet<Field> {
        let best = self.best.iter().map(|order| &order.field);
        let aggregated = self.aggregates.iter().map(|(field, _)| field);
        best.chain(aggregated).chain(&self.by).cloned().collect()
    }
}

/// How to compute a number from those of many runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    Min,
    Max,
    Mean,
    StdDev,
    Sum,
    Median,
}

/// A question that takes more memory than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMany {
    #[error("there are more than 100,000 groups; group by fewer fields, or narrow the filter")]
    Groups,
    #[error(
        "medians of more than 8,000,000 numbers are asked for; narrow the filter, or ask for means"
    )]
    Numbers,
}

/// Runs with something in common.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) values: Vec<Option<SortValue>>,
    pub(crate) runs: u64,
    /// One for each aggregate.
    numbers: Vec<Numbers>,
    best: Option<Cursor>,
}

/// Where a group stands among the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupPlace {
    best: Option<Cursor>,
    runs: u64,
    values: Vec<Option<SortValue>>,
}

/// Numbers of runs, as they come.
#[derive(Debug, Default)]
struct Numbers {
    /// Runs that have the field.
    having: u64,
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
    mean: f64,
    /// Sum of the squared distances to the mean.
    squares: f64,
    /// All of them, if a median is asked for.
    kept: Vec<f64>,
}

impl Numbers {
    /// Adds a number, by Welford's method (Technometrics 4, 1962).
    fn add(&mut self, number: f64) {
        (self.min, self.max) = match self.count {
            0 => (number, number),
            _ => (self.min.min(number), self.max.max(number)),
        };
        self.count += 1;
        self.sum += number;
        let distance = number - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (number - self.mean);
    }

    fn result(&self, function: Function) -> Option<f64> {
        let any = self.count > 0;
        match function {
            Function::Count => Some(self.having as f64),
            Function::Min => any.then_some(self.min),
            Function::Max => any.then_some(self.max),
            Function::Sum => any.then_some(self.sum),
            // Infinities make it an infinity or NaN, where the running mean is always NaN.
            Function::Mean if self.sum.is_infinite() => Some(self.sum),
            Function::Mean => any.then_some(self.mean),
            Function::StdDev => {
                (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
            }
            Function::Median => median(&self.kept),
        }
    }
}

fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    match sorted.len() % 2 {
        1 => Some(upper),
        _ => Some(f64::midpoint(sorted[middle - 1], upper)),
    }
}

impl Group {
    /// What the aggregates came to.
    pub(crate) fn results(&self, grouping: &Grouping) -> Vec<Option<f64>> {
        let aggregates = self.numbers.iter().zip(&grouping.aggregates);
        aggregates
            .map(|(numbers, (_, function))| numbers.result(*function))
            .collect()
    }

    /// The `run_key` of the best run.
    pub(crate) fn best(&self) -> Option<i64> {
        self.best.as_ref().map(|best| best.run_key)
    }

    fn standing(&self) -> Standing<'_> {
        (self.best.as_ref(), self.runs, &self.values)
    }

    pub(crate) fn place(&self) -> GroupPlace {
        GroupPlace {
            best: self.best.clone(),
            runs: self.runs,
            values: self.values.clone(),
        }
    }
}

/// What groups are ordered by.
type Standing<'a> = (Option<&'a Cursor>, u64, &'a [Option<SortValue>]);

/// By the best runs; without them, by how many runs there are, then by what they have in common.
fn compare(a: Standing<'_>, b: Standing<'_>, best: &[Order]) -> Ordering {
    if let (Some(a), Some(b)) = (a.0, b.0) {
        return compare_places(best, a, b);
    }
    let values = a.2.iter().zip(b.2);
    let values = values.map(|(a, b)| compare_common(a.as_ref(), b.as_ref()));
    values.fold(b.1.cmp(&a.1), Ordering::then)
}

/// Texts by the numbers that they read as, then as they are: no two groups are equal.
fn compare_common(a: Option<&SortValue>, b: Option<&SortValue>) -> Ordering {
    compare_sorted(false, a.map(by_number), b.map(by_number))
        .then_with(|| compare_values(false, a, b))
}

fn by_number(value: &SortValue) -> Sorted<'_> {
    match value.as_sorted() {
        Sorted::Text(text) => as_number(text).map_or(Sorted::Text(text), Sorted::Number),
        sorted => sorted,
    }
}

impl GroupPlace {
    fn standing(&self) -> Standing<'_> {
        (self.best.as_ref(), self.runs, &self.values)
    }
}

/// Collects groups.
#[derive(Debug)]
pub(crate) struct Groups {
    grouping: Grouping,
    places: HashMap<Vec<Option<SortValue>>, usize>,
    groups: Vec<Group>,
    kept: usize,
}

impl Groups {
    pub(crate) fn new(grouping: Grouping) -> Self {
        Self {
            grouping,
            places: HashMap::new(),
            groups: Vec::new(),
            kept: 0,
        }
    }

    /// Adds the runs of `hits`.
    pub(crate) fn add(&mut self, rows: &Rows, hits: &Mask) -> Result<(), TooMany> {
        let by: Vec<_> = self
            .grouping
            .by
            .iter()
            .map(|field| rows.column(field))
            .collect();
        let aggregates = self.grouping.aggregates.clone();
        let aggregates: Vec<_> = aggregates
            .iter()
            .map(|(field, function)| (rows.column(field), *function))
            .collect();
        let best: Vec<Order> = self.grouping.best.iter().cloned().collect();
        let best_columns: Vec<_> = best.iter().map(|order| rows.column(&order.field)).collect();
        // Within these rows a group is known by the codes of its columns.
        let mut known: HashMap<Vec<u64>, usize> = HashMap::new();
        let mut codes = Vec::new();
        for row in hits.newest_first() {
            codes.clear();
            codes.extend(
                by.iter()
                    .map(|column| column.map_or(0, |column| column.code(row))),
            );
            let place = match known.get(&codes) {
                Some(place) => *place,
                None => {
                    let values = by.iter().map(|column| value(column.as_ref()?, row));
                    let place = self.place(values.collect())?;
                    known.insert(codes.clone(), place);
                    place
                }
            };
            let group = &mut self.groups[place];
            group.runs += 1;
            for (numbers, (column, function)) in group.numbers.iter_mut().zip(&aggregates) {
                let Some(column) = column else { continue };
                numbers.having += u64::from(column.has(row));
                if *function == Function::Count {
                    continue;
                }
                if let Some(number) = column.number(row) {
                    numbers.add(number);
                    if *function == Function::Median {
                        numbers.kept.push(number);
                        self.kept += 1;
                    }
                }
            }
            if !best.is_empty() {
                let own = place_of(&best, &best_columns, row, rows.key(row));
                let better = |old: &Cursor| compare_places(&best, &own, old).is_lt();
                if group.best.as_ref().is_none_or(better) {
                    group.best = Some(own);
                }
            }
            if self.kept > KEPT {
                return Err(TooMany::Numbers);
            }
        }
        Ok(())
    }

    fn place(&mut self, values: Vec<Option<SortValue>>) -> Result<usize, TooMany> {
        if let Some(place) = self.places.get(&values) {
            return Ok(*place);
        }
        if self.groups.len() == GROUPS {
            return Err(TooMany::Groups);
        }
        let numbers = self.grouping.aggregates.iter().map(|_| Numbers::default());
        self.groups.push(Group {
            values: values.clone(),
            runs: 0,
            numbers: numbers.collect(),
            best: None,
        });
        self.places.insert(values, self.groups.len() - 1);
        Ok(self.groups.len() - 1)
    }

    /// The first `limit` groups behind a place.
    pub(crate) fn finish(self, after: Option<&GroupPlace>, limit: usize) -> Vec<Group> {
        let best: Vec<Order> = self.grouping.best.into_iter().collect();
        let behind = |group: &Group| {
            after.is_none_or(|after| compare(group.standing(), after.standing(), &best).is_gt())
        };
        let mut groups: Vec<_> = self.groups.into_iter().filter(behind).collect();
        groups.sort_by(|a, b| compare(a.standing(), b.standing(), &best));
        groups.truncate(limit);
        groups
    }
}

/// What runs are grouped by. A NaN counts as missing, and both zeros are one.
fn value(column: &Column, row: usize) -> Option<SortValue> {
    let value = match column {
        Column::Numbers(_) => Sorted::Number(column.number(row)? + 0.0),
        Column::Texts(texts) => Sorted::Text(texts.get(row)?),
        Column::Lists(lists) => Sorted::Text(lists.get(row)?.min()?),
    };
    Some(value.keep())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(numbers: &[f64]) -> Vec<Option<f64>> {
        let mut collected = Numbers::default();
        for number in numbers {
            collected.add(*number);
            collected.kept.push(*number);
        }
        let functions = [
            Function::Min,
            Function::Max,
            Function::Sum,
            Function::Mean,
            Function::StdDev,
            Function::Median,
        ];
        functions
            .map(|function| collected.result(function))
            .to_vec()
    }

    #[test]
    fn aggregates_are_what_they_are_called() {
        assert_eq!(
            results(&[2.0, 4.0, 4.0, 6.0]),
            [2.0, 6.0, 16.0, 4.0, (8.0_f64 / 3.0).sqrt(), 4.0].map(Some)
        );
        assert_eq!(results(&[]), [None; 6]);
        assert_eq!(results(&[3.0])[3..], [Some(3.0), None, Some(3.0)]);
        assert_eq!(results(&[5.0, 1.0, 2.0])[5], Some(2.0));
        assert_eq!(results(&[f64::INFINITY, 1.0])[3], Some(f64::INFINITY));
    }
}
