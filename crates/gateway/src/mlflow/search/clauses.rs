//! MLflow's filters and orders, read: comparisons joined by AND, and fields with a direction.

use super::words::{Name, Word, words};
use crate::mlflow::error::{Answer, Error};

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mlflow) struct Clause {
    pub(in crate::mlflow) name: Name,
    /// In upper case, such as `NOT IN` and `IS NULL`.
    pub(in crate::mlflow) comparator: String,
    pub(in crate::mlflow) value: Value,
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mlflow) enum Value {
    Text(String),
    Number(String),
    Texts(Vec<String>),
    /// With IS NULL.
    Nothing,
}

impl Value {
    pub(in crate::mlflow) fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("'{text}'"),
            Self::Number(text) => text.clone(),
            Self::Texts(texts) => format!("('{}')", texts.join("', '")),
            Self::Nothing => String::new(),
        }
    }
}

/// Reads a filter.
pub(in crate::mlflow) fn filter(text: &str) -> Answer<Vec<Clause>> {
    let mut reader = Reader {
        words: words(text)?,
        at: 0,
    };
    let mut clauses = Vec::new();
    while reader.peek().is_some() {
        if !clauses.is_empty() && !reader.keyword("AND") {
            return Err(reader.invalid());
        }
        clauses.push(reader.clause()?);
    }
    Ok(clauses)
}

/// Reads an order: what by, and whether the largest come first.
pub(in crate::mlflow) fn order(text: &str) -> Answer<(Name, bool)> {
    let unread = || {
        Error::invalid(format!(
            "Invalid order_by clause '{text}'. Could not be parsed."
        ))
    };
    let mut words = words(text).map_err(|_| unread())?;
    // Such as in `Created desc`; the name of an attribute may be of two words.
    let descending = match words.last() {
        Some(last) if words.len() > 1 && last.is("DESC") => Some(true),
        Some(last) if words.len() > 1 && last.is("ASC") => Some(false),
        _ => None,
    };
    if descending.is_some() {
        words.pop();
    }
    match words.as_slice() {
        [Word::Name(name)] => Ok((name.clone(), descending.unwrap_or_default())),
        [Word::Name(_), Word::Name(_)] => Err(Error::invalid(format!(
            "Invalid ordering key in order_by clause '{text}'."
        ))),
        _ => Err(unread()),
    }
}

struct Reader {
    words: Vec<Word>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn next(&mut self) -> Option<Word> {
        let word = self.peek().cloned();
        self.at += 1;
        word
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.is(keyword));
        self.at += usize::from(found);
        found
    }

    /// The word at hand is none that may stand there.
    fn invalid(&self) -> Error {
        let rest = self.words.get(self.at..).unwrap_or_default();
        let rest: Vec<String> = rest.iter().map(Word::shown).collect();
        Error::invalid(match rest.is_empty() {
            true => "Invalid clause(s) in filter string: it ends too early".to_owned(),
            false => format!("Invalid clause(s) in filter string: '{}'", rest.join(" ")),
        })
    }

    fn clause(&mut self) -> Answer<Clause> {
        let Some(Word::Name(name)) = self.peek().cloned() else {
            return Err(self.invalid());
        };
        self.at += 1;
        if self.keyword("IS") {
            let not = self.keyword("NOT");
            if !self.keyword("NULL") {
                return Err(self.invalid());
            }
            return Ok(Clause {
                name,
                comparator: if not { "IS NOT NULL" } else { "IS NULL" }.to_owned(),
                value: Value::Nothing,
            });
        }
        let not = self.keyword("NOT");
        let comparator = match self.peek() {
            Some(Word::Operator(operator)) if !not => operator.clone(),
            Some(word) => match ["LIKE", "ILIKE", "IN", "RLIKE"]
                .iter()
                .find(|known| word.is(known))
            {
                Some(known) if not => format!("NOT {known}"),
                Some(known) => (*known).to_owned(),
                None => return Err(self.invalid()),
            },
            None => return Err(self.invalid()),
        };
        self.at += 1;
        let value = self.value()?;
        Ok(Clause {
            name,
            comparator,
            value,
        })
    }

    fn value(&mut self) -> Answer<Value> {
        match self.next() {
            Some(Word::Text(text)) => Ok(Value::Text(text)),
            Some(Word::Number(text)) => Ok(Value::Number(text)),
            Some(Word::Name(name)) if name.double_quoted => Ok(Value::Text(name.key)),
            Some(Word::Open) => self.list(),
            Some(Word::Name(name)) => Err(Error::invalid(format!(
                "Parameter value is either not quoted or unidentified quote types used for string value {}. \
                 Use either single or double quotes.",
                Word::Name(name).shown()
            ))),
            _ => {
                self.at -= 1;
                Err(self.invalid())
            }
        }
    }

    fn list(&mut self) -> Answer<Value> {
        let mut texts = Vec::new();
        loop {
            match self.next() {
                Some(Word::Text(text)) => texts.push(text),
                Some(Word::Name(name)) if name.double_quoted => texts.push(name.key),
                Some(Word::Close) if texts.is_empty() => {
                    return Err(Error::invalid(
                        "While parsing a list in the query, expected a non-empty list of string values, but got \
                         empty list",
                    ));
                }
                Some(Word::Close) => return Ok(Value::Texts(texts)),
                _ => {
                    return Err(Error::invalid(
                        "While parsing a list in the query, expected string value, punctuation, or whitespace, \
                         but got different type in list",
                    ));
                }
            }
            match self.peek() {
                Some(Word::Comma) => self.at += 1,
                Some(Word::Close) => {}
                _ => {
                    return Err(Error::invalid(
                        "While parsing a list in the query, expected a non-empty list of string values, but got \
                         ill-formed list.",
                    ));
                }
            }
        }
    }
}

/// A key in the notation of the services.
pub(in crate::mlflow) fn key(key: &str) -> String {
    format!("`{}`", key.replace('`', "``"))
}

/// A text in the notation of the services.
pub(in crate::mlflow) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Texts as a list in the notation of the services.
pub(in crate::mlflow) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(text).collect();
    format!("({})", texts.join(", "))
}

/// A time, kept here more exactly, compared with whole milliseconds; `None` for another comparator.
pub(in crate::mlflow) fn time(field: &str, comparator: &str, millis: i64) -> Option<String> {
    let next = millis.saturating_add(1);
    Some(match comparator {
        "=" => format!("({field} >= {millis} AND {field} < {next})"),
        "!=" => format!("({field} < {millis} OR {field} >= {next})"),
        "<" => format!("{field} < {millis}"),
        "<=" => format!("{field} < {next}"),
        ">" => format!("{field} >= {next}"),
        ">=" => format!("{field} >= {millis}"),
        _ => return None,
    })
}
