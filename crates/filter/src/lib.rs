//! The language in which things are searched: filters and orders.
//!
//! ```text
//! filter     = or ;
//! or         = and { OR and } ;
//! and        = not { AND not } ;
//! not        = NOT not | "(" or ")" | comparison ;
//! comparison = field operator value | field IN "(" value { "," value } ")" | field IS [NOT] NULL ;
//! operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | [NOT] LIKE | [NOT] ILIKE | NOT IN ;
//! field      = group "." key | [group "."] attribute ;
//! ```
//!
//! What there is to be named is the [`Vocabulary`] of who searches. A filter is answered for many rows at a
//! time: a [`Test`] on what they have of a field gives a [`Mask`], and masks are joined as the filter says.

mod lexer;
mod mask;
mod parser;
mod pattern;
mod sort;
mod test;
mod vocabulary;

use std::collections::BTreeSet;

pub use lexer::ParseError;
pub use mask::Mask;
pub use parser::{parse_field, parse_filter, parse_order};
pub use sort::{SortValue, Sorted, compare_sorted};
pub use test::{Test, as_kept, as_number};
pub use vocabulary::{Form, Group, Vocabulary};

/// How a field compares with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// A pattern of SQL.
    Like,
    /// The same, in any case.
    ILike,
}

/// A value in a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// A filter over the fields `F`.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter<F> {
    /// All of them.
    And(Vec<Self>),
    /// Any of them.
    Or(Vec<Self>),
    /// What it does not find.
    Not(Box<Self>),
    /// A comparison; false of what lacks the field.
    Compare {
        /// Of what.
        field: F,
        /// How.
        operator: Operator,
        /// With what.
        value: Value,
    },
    /// Equal to one of some values.
    In {
        /// What.
        field: F,
        /// The values.
        values: Vec<Value>,
    },
    /// What lacks the field.
    IsNull(F),
}

impl<F: Vocabulary> Filter<F> {
    /// Adds the fields that it looks at.
    pub fn fields(&self, fields: &mut BTreeSet<F>) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().for_each(|part| part.fields(fields));
            }
            Self::Not(inner) => inner.fields(fields),
            Self::Compare { field, .. } | Self::In { field, .. } | Self::IsNull(field) => {
                fields.insert(field.clone());
            }
        }
    }

    /// The rows of `there` that it finds; `leaf` says which rows have a field that passes a test.
    ///
    /// A comparison with what a row lacks is false, and NOT of it true.
    pub fn matches(&self, there: &Mask, leaf: &impl Fn(&F, &Test) -> Mask) -> Mask {
        match self {
            Self::And(parts) => {
                parts
                    .iter()
                    .fold(there.clone(), |mask, part| match mask.is_empty() {
                        true => mask,
                        false => mask.and(&part.matches(there, leaf)),
                    })
            }
            Self::Or(parts) => parts.iter().fold(Mask::none(there.rows()), |mask, part| {
                mask.or(&part.matches(there, leaf))
            }),
            Self::Not(inner) => inner.matches(there, leaf).complement().and(there),
            Self::Compare {
                field,
                operator,
                value,
            } => leaf(field, &Test::compare(&field.form(), *operator, value)).and(there),
            Self::In { field, values } => {
                leaf(field, &Test::one_of(&field.form(), values)).and(there)
            }
            Self::IsNull(field) => leaf(field, &Test::Present).complement().and(there),
        }
    }
}

/// One order of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Order<F> {
    /// By what.
    pub field: F,
    /// By the text, also where it reads as a number or stands for a name in an order of its own.
    pub as_text: bool,
    /// Whether the largest come first.
    pub descending: bool,
}
