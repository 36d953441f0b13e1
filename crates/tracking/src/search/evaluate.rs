//! What a filter finds among rows.
//!
//! A comparison with what a run lacks is false, and NOT of it true. Of several inputs one has to fit.

use std::collections::HashSet;

use chrono::DateTime;
use uuid::Uuid;

use super::{
    Attribute, Field, Filter, Mask, Operator, Rows, Value,
    column::{Column, Lists, Texts},
    field::time,
    pattern::Pattern,
};

/// The rows that `filter` finds, of those that are there.
pub(crate) fn matches(filter: &Filter, rows: &Rows) -> Mask {
    let all = || Mask::all(rows.len());
    match filter {
        Filter::And(parts) => parts
            .iter()
            .fold(all(), |mask, part| match mask.is_empty() {
                true => mask,
                false => mask.and(&matches(part, rows)),
            }),
        Filter::Or(parts) => parts.iter().fold(Mask::none(rows.len()), |mask, part| {
            mask.or(&matches(part, rows))
        }),
        Filter::Not(inner) => matches(inner, rows).not(),
        Filter::Compare {
            field,
            operator,
            value,
        } => leaf(rows, field, &Test::compare(field, *operator, value)),
        Filter::In { field, values } => leaf(rows, field, &Test::one_of(field, values)),
        Filter::IsNull(field) => leaf(rows, field, &Test::Present).not(),
    }
    .and(&rows.there)
}

fn leaf(rows: &Rows, field: &Field, test: &Test) -> Mask {
    match rows.column(field) {
        None => Mask::none(rows.len()),
        Some(Column::Numbers(numbers)) => {
            let values = numbers.values.as_slice();
            Mask::of(rows.len(), |row| test.number(values[row])).and(&numbers.present)
        }
        Some(Column::Texts(texts)) => {
            let hits = text_hits(texts, test);
            Mask::of(rows.len(), |row| hits[usize::from(texts.codes[row])])
        }
        Some(Column::Lists(lists)) => {
            let hits = list_hits(lists, test);
            Mask::of(rows.len(), |row| hits[usize::from(lists.codes[row])])
        }
    }
}

/// Which codes of a column fit; the first, that of rows without a text, does not.
fn text_hits(texts: &Texts, test: &Test) -> Vec<bool> {
    let mut hits = vec![false];
    if test.needs_numbers() {
        let both = texts.dictionary.iter().zip(texts.numbers());
        hits.extend(
            both.map(|(text, number)| test.text(text) || !number.is_nan() && test.number(*number)),
        );
    } else {
        hits.extend(texts.dictionary.iter().map(|text| test.text(text)));
    }
    hits
}

fn list_hits(lists: &Lists, test: &Test) -> Vec<bool> {
    let texts: Vec<bool> = lists
        .dictionary
        .iter()
        .map(|text| test.text(text))
        .collect();
    let fits = |list: &Vec<u32>| list.iter().any(|place| texts[*place as usize]);
    std::iter::once(false)
        .chain(lists.lists.iter().map(fits))
        .collect()
}

/// A comparison, made ready for many cells.
#[derive(Debug)]
enum Test {
    Number(Operator, f64),
    Text(Operator, String),
    Like(Pattern),
    OneOf {
        numbers: Vec<f64>,
        texts: HashSet<String>,
    },
    Present,
    /// With a time that is none.
    Never,
}

impl Test {
    fn compare(field: &Field, operator: Operator, value: &Value) -> Self {
        match (operator, value) {
            (Operator::Like, Value::Text(text)) => Self::Like(Pattern::new(text, false)),
            (Operator::ILike, Value::Text(text)) => Self::Like(Pattern::new(text, true)),
            _ => match as_kept(field, value) {
                Some(Value::Number(number)) => Self::Number(operator, number),
                Some(Value::Text(text)) => Self::Text(operator, text),
                None => Self::Never,
            },
        }
    }

    fn one_of(field: &Field, values: &[Value]) -> Self {
        let (mut numbers, mut texts) = (Vec::new(), HashSet::new());
        for value in values.iter().filter_map(|value| as_kept(field, value)) {
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

    fn needs_numbers(&self) -> bool {
        match self {
            Self::Number(..) => true,
            Self::OneOf { numbers, .. } => !numbers.is_empty(),
            _ => false,
        }
    }

    fn number(&self, cell: f64) -> bool {
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

    fn text(&self, cell: &str) -> bool {
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

/// A value of a filter in the form in which columns keep it: times in microseconds, ids as 32 digits.
fn as_kept(field: &Field, value: &Value) -> Option<Value> {
    match (field, value) {
        (Field::Attribute(attribute), value) if attribute.is_time() => {
            let time = match value {
                Value::Text(text) => time(text)?,
                Value::Number(millis) => DateTime::from_timestamp_millis(*millis as i64)?,
            };
            Some(Value::Number(time.timestamp_micros() as f64))
        }
        (Field::Attribute(Attribute::RunId | Attribute::ParentRunId), Value::Text(text)) => {
            let id = Uuid::try_parse(text).ok();
            let text = id.map_or_else(|| text.clone(), |id| id.simple().to_string());
            Some(Value::Text(text))
        }
        _ => Some(value.clone()),
    }
}
