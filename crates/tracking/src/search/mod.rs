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

mod field;
mod lexer;
mod parser;

pub(crate) use field::{Aspect, Attribute, Field};
pub use lexer::ParseError;
pub(crate) use parser::{parse_filter, parse_order};

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

/// One order of a search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) field: Field,
    pub(crate) descending: bool,
}
