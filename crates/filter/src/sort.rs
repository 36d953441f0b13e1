//! Values that are ordered by.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// A value that is ordered by, kept in a page token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortValue {
    /// The bits of a float: JSON has no infinity, and not each float to the last bit.
    Number(u64),
    /// A text.
    Text(String),
}

/// The same, of a row that is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sorted<'a> {
    /// No NaN.
    Number(f64),
    /// A text.
    Text(&'a str),
}

impl SortValue {
    /// To be compared.
    #[must_use]
    pub fn as_sorted(&self) -> Sorted<'_> {
        match self {
            Self::Number(bits) => Sorted::Number(f64::from_bits(*bits)),
            Self::Text(text) => Sorted::Text(text),
        }
    }
}

impl Sorted<'_> {
    /// To be kept.
    #[must_use]
    pub fn keep(self) -> SortValue {
        match self {
            Self::Number(number) => SortValue::Number(number.to_bits()),
            Self::Text(text) => SortValue::Text(text.to_owned()),
        }
    }
}

/// How `a` stands to `b` in an order; both ways, texts come behind numbers, and what is missing last.
#[must_use]
pub fn compare_sorted(descending: bool, a: Option<Sorted<'_>>, b: Option<Sorted<'_>>) -> Ordering {
    let ascending = match (a, b) {
        (None, None) => return Ordering::Equal,
        (None, Some(_)) => return Ordering::Greater,
        (Some(_), None) => return Ordering::Less,
        (Some(Sorted::Number(_)), Some(Sorted::Text(_))) => return Ordering::Less,
        (Some(Sorted::Text(_)), Some(Sorted::Number(_))) => return Ordering::Greater,
        // Neither is a NaN.
        (Some(Sorted::Number(a)), Some(Sorted::Number(b))) => {
            a.partial_cmp(&b).unwrap_or(Ordering::Equal)
        }
        (Some(Sorted::Text(a)), Some(Sorted::Text(b))) => a.cmp(b),
    };
    if descending {
        ascending.reverse()
    } else {
        ascending
    }
}
