//! The language in which runs are searched: filters and orders.
//!
//! ```text
//! filter     = or ;
//! or         = and { OR and } ;
//! and        = not { AND not } ;
//! not        = NOT not | "(" or ")" | comparison ;
//! comparison = field operator value | field IN "(" value { "," value } ")" | field IS [NOT] NULL ;
//! operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | [NOT] LIKE | [NOT] ILIKE | NOT IN ;
//! field      = ("metrics" | "params" | "tags" | "attributes" | "inputs") "." key | attribute ;
//! ```
//!
//! A question is answered on columns: what many runs have of a field. The rows of a segment, or a few
//! that changed of late, are evaluated together.

pub(crate) mod codec;
pub(crate) mod column;
pub(crate) mod evaluate;
mod field;
pub(crate) mod groups;
mod lexer;
mod mask;
mod parser;
mod pattern;
pub(crate) mod rank;
mod rows;

use std::collections::BTreeSet;

pub(crate) use field::{Aspect, Attribute, Field};
pub use lexer::ParseError;
pub(crate) use mask::Mask;
pub(crate) use parser::{parse_field, parse_filter, parse_order};
pub(crate) use rows::{Columns, Keys, Rows, place};

/// How a field compares with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    ILike,
}

/// A value in a filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Text(String),
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare {
        field: Field,
        operator: Operator,
        value: Value,
    },
    In {
        field: Field,
        values: Vec<Value>,
    },
    IsNull(Field),
}

impl Filter {
    /// Adds the fields that it looks at.
    pub(crate) fn fields(&self, fields: &mut BTreeSet<Field>) {
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
}

/// One order of a search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) field: Field,
    pub(crate) descending: bool,
}
