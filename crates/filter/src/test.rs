//! A comparison, and what passes it.

use std::collections::HashSet;

use chrono::DateTime;
use uuid::Uuid;

use crate::{Form, Operator, Value, pattern::Pattern, vocabulary::time};

/// A comparison, made ready for many cells.
#[derive(Debug)]
pub enum Test {
    /// With a number.
    Number(Operator, f64),
    /// With a text.
    Text(Operator, String),
    /// With a pattern.
    Like(Pattern),
    /// With some values.
    OneOf {
        /// Ascending.
        numbers: Vec<f64>,
        /// Those that are texts.
        texts: HashSet<String>,
    },
    /// Whether there is anything.
    Present,
    /// With a time that is none.
    Never,
}

impl Test {
    pub(crate) fn compare(form: &Form, operator: Operator, value: &Value) -> Self {
        match (operator, value) {
            (Operator::Like, Value::Text(text)) => Self::Like(Pattern::new(text, false)),
            (Operator::ILike, Value::Text(text)) => Self::Like(Pattern::new(text, true)),
            _ => match as_kept(form, value) {
                Some(Value::Number(number)) => Self::Number(operator, number),
                Some(Value::Text(text)) => Self::Text(operator, text),
                None => Self::Never,
            },
        }
    }

    pub(crate) fn one_of(form: &Form, values: &[Value]) -> Self {
        let (mut numbers, mut texts) = (Vec::new(), HashSet::new());
        for value in values.iter().filter_map(|value| as_kept(form, value)) {
            match value {
                Value::Number(number) => numbers.push(number),
                Value::Text(text) => {
                    texts.insert(text);
                }
            }
        }
        numbers.sort_by(f64::total_cmp);
        Self::OneOf { numbers, texts }
    }

    /// Whether texts may pass as the numbers that they read as.
    #[must_use]
    pub fn needs_numbers(&self) -> bool {
        match self {
            Self::Number(..) => true,
            Self::OneOf { numbers, .. } => !numbers.is_empty(),
            _ => false,
        }
    }

    /// Whether a number passes.
    #[must_use]
    pub fn number(&self, cell: f64) -> bool {
        match self {
            Self::Number(operator, value) => match operator {
                Operator::Equal => cell == *value,
                // True of a NaN, which is unequal to all.
                Operator::NotEqual => cell != *value,
                Operator::Less => cell < *value,
                Operator::LessOrEqual => cell <= *value,
                Operator::Greater => cell > *value,
                Operator::GreaterOrEqual => cell >= *value,
                Operator::Like | Operator::ILike => false,
            },
            Self::OneOf { numbers, .. } => {
                let first = numbers.partition_point(|number| *number < cell);
                numbers.get(first) == Some(&cell)
            }
            Self::Present => true,
            Self::Text(..) | Self::Like(_) | Self::Never => false,
        }
    }

    /// Whether a text passes.
    #[must_use]
    pub fn text(&self, cell: &str) -> bool {
        match self {
            Self::Text(operator, value) => {
                let value = value.as_str();
                match operator {
                    Operator::Equal => cell == value,
                    Operator::NotEqual => cell != value,
                    Operator::Less => cell < value,
                    Operator::LessOrEqual => cell <= value,
                    Operator::Greater => cell > value,
                    Operator::GreaterOrEqual => cell >= value,
                    Operator::Like | Operator::ILike => false,
                }
            }
            Self::Like(pattern) => pattern.matches(cell),
            Self::OneOf { texts, .. } => texts.contains(cell),
            Self::Present => true,
            Self::Number(..) | Self::Never => false,
        }
    }
}

/// A value of a filter in the form in which those of the field are kept: a time in microseconds since 1970, an
/// id as its digits. `None` for a time that is none.
#[must_use]
pub fn as_kept(form: &Form, value: &Value) -> Option<Value> {
    match (form, value) {
        (Form::Time, value) => {
            let time = match value {
                Value::Text(text) => time(text)?,
                Value::Number(millis) => DateTime::from_timestamp_millis(*millis as i64)?,
            };
            Some(Value::Number(time.timestamp_micros() as f64))
        }
        (Form::Id, Value::Text(text)) => {
            let id = Uuid::try_parse(text).ok();
            let text = id.map_or_else(|| text.clone(), |id| id.simple().to_string());
            Some(Value::Text(text))
        }
        _ => Some(value.clone()),
    }
}

/// A text as a number. A NaN is no number to compare with.
#[must_use]
pub fn as_number(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| !number.is_nan())
}
