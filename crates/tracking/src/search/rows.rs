//! Runs side by side: those of a segment, or a few that changed of late.

use std::{collections::HashMap, sync::Arc};

use super::{
    Field, Mask,
    column::{Column, SEGMENT_ROWS},
};

/// Columns by their names.
pub(crate) type Columns = HashMap<Arc<str>, Arc<Column>>;

/// Runs, one a row, with the columns that a question needs.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) keys: Keys,
    /// The rows that stand for a run.
    pub(crate) there: Mask,
    /// A field without a column is one that no row has.
    pub(crate) columns: Columns,
}

/// Which run a row stands for; keys grow with the rows.
#[derive(Debug)]
pub(crate) enum Keys {
    /// Those of a segment, in their order.
    Segment(i64),
    Listed(Vec<i64>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.there.rows()
    }

    /// The `run_key` of a row.
    pub(crate) fn key(&self, row: usize) -> i64 {
        match &self.keys {
            Keys::Segment(segment) => segment * SEGMENT_ROWS as i64 + row as i64,
            Keys::Listed(keys) => keys[row],
        }
    }

    pub(crate) fn column(&self, field: &Field) -> Option<&Column> {
        self.columns.get(field.column().as_str()).map(Arc::as_ref)
    }
}

/// The segment of a run, and its row there.
pub(crate) fn place(run_key: i64) -> (i64, usize) {
    let rows = SEGMENT_ROWS as i64;
    (run_key.div_euclid(rows), run_key.rem_euclid(rows) as usize)
}
