//! How many runs have each of some fields, and whether they are alike in it.

use super::{
    Field, Mask, Rows,
    column::{Cell, Column},
};

/// Some fields, and the runs that were looked at for them.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) fields: Vec<Tallied>,
    pub(crate) runs: u64,
}

/// What is known of a field.
#[derive(Debug)]
pub(crate) struct Tallied {
    pub(crate) field: Field,
    /// How many runs have it.
    pub(crate) runs: u64,
    /// What one of them has.
    first: Option<Cell>,
    /// Whether another has something else.
    varies: bool,
}

impl Tally {
    pub(crate) fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        let tallied = |field| Tallied {
            field,
            runs: 0,
            first: None,
            varies: false,
        };
        Self {
            fields: fields.into_iter().map(tallied).collect(),
            runs: 0,
        }
    }

    pub(crate) fn add(&mut self, rows: &Rows, hits: &Mask) {
        self.runs += hits.count() as u64;
        for tallied in &mut self.fields {
            if let Some(column) = rows.column(&tallied.field) {
                tallied.add(column, hits);
            }
        }
    }

    /// Whether the runs are not all alike in a field: in having it, or in what they have.
    pub(crate) fn differs(&self, tallied: &Tallied) -> bool {
        tallied.varies || tallied.runs != self.runs
    }
}

impl Tallied {
    fn add(&mut self, column: &Column, hits: &Mask) {
        let mut code = None;
        for row in hits.newest_first().filter(|row| column.has(*row)) {
            self.runs += 1;
            let own = column.code(row);
            if self.varies || code == Some(own) {
                continue;
            }
            let cell = column.cell(row);
            self.varies = match (&self.first, &cell) {
                (Some(first), Some(cell)) => !first.is(cell),
                _ => false,
            };
            self.first = self.first.take().or(cell);
            code = Some(own);
        }
    }
}
