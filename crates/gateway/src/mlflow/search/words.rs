//! Words of MLflow's filters and orders, as its server cuts them: names with what belongs to them in one word, quotes
//! kept for what they mean.

use crate::mlflow::error::{Answer, Error};

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// A name, such as `metrics.acc`, its parts without their quotes.
    Name(Name),
    /// A text in single quotes.
    Text(String),
    /// A number, as it is written.
    Number(String),
    /// `=` and its like.
    Operator(String),
    Open,
    Close,
    Comma,
}

/// A name, perhaps of two parts.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mlflow) struct Name {
    /// What stands before the first dot.
    pub(in crate::mlflow) group: Option<String>,
    pub(in crate::mlflow) key: String,
    /// Whether all of it stood in double quotes, so that it may be a value too.
    pub(in crate::mlflow) double_quoted: bool,
}

impl Word {
    /// Whether it is this word of the language.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Name(name)
            if name.group.is_none() && !name.double_quoted && name.key.eq_ignore_ascii_case(keyword))
    }

    /// As it was written, about.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Name(Name {
                group: Some(group),
                key,
                ..
            }) => format!("{group}.{key}"),
            Self::Name(Name {
                key,
                double_quoted: true,
                ..
            }) => format!("\"{key}\""),
            Self::Name(Name { key, .. }) => key.clone(),
            Self::Text(text) => format!("'{text}'"),
            Self::Number(text) | Self::Operator(text) => text.clone(),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::Comma => ",".to_owned(),
        }
    }
}

/// The words of `text`.
pub(super) fn words(text: &str) -> Answer<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, behind) = match first {
            '(' => (Word::Open, &rest[1..]),
            ')' => (Word::Close, &rest[1..]),
            ',' => (Word::Comma, &rest[1..]),
            '\'' => {
                let (inner, behind) = quoted(text, rest)?;
                (Word::Text(inner.to_owned()), behind)
            }
            '<' | '>' | '=' | '!' | '~' => {
                let end = rest.find(|c| !"<>=!~".contains(c)).unwrap_or(rest.len());
                (Word::Operator(rest[..end].to_owned()), &rest[end..])
            }
            _ => match number(rest) {
                Some(end) => (Word::Number(rest[..end].to_owned()), &rest[end..]),
                None => name(text, rest)?,
            },
        };
        words.push(word);
        rest = behind.trim_start();
    }
    Ok(words)
}

/// Where a number at the beginning of `rest` ends, if there is one.
fn number(rest: &str) -> Option<usize> {
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_')))
        .unwrap_or(rest.len());
    let digit = rest
        .trim_start_matches(['-', '+', '.'])
        .starts_with(|c: char| c.is_ascii_digit());
    (digit && rest[..end].parse::<f64>().is_ok()).then_some(end)
}

/// What stands in the quotes at the beginning of `rest`, and what is behind them. As there, a quote within is written
/// twice or behind a backslash, and stays as it is written.
fn quoted<'a>(text: &str, rest: &'a str) -> Answer<(&'a str, &'a str)> {
    let mut chars = rest.char_indices();
    let quote = chars.next().map_or('\'', |(_, quote)| quote);
    let mut chars = chars.peekable();
    while let Some((at, c)) = chars.next() {
        let escaped = matches!(chars.peek(), Some((_, next)) if *next == quote);
        let more = |at: usize| rest[at..].chars().skip(2).any(|c| c == quote);
        if c == quote && !escaped {
            return Ok((&rest[1..at], &rest[at + c.len_utf8()..]));
        }
        if escaped && (c == quote || (c == '\\' && more(at))) {
            chars.next();
        }
    }
    Err(Error::invalid(format!(
        "Invalid clause(s) in filter string: {rest} has no closing {quote}. The filter is {text:?}"
    )))
}

/// A name at the beginning of `rest`, and what is behind it.
fn name<'a>(text: &str, rest: &'a str) -> Answer<(Word, &'a str)> {
    let double_quoted = rest.starts_with('"');
    let (first, mut behind) = part(text, rest, false)?;
    let mut name = Name {
        group: None,
        key: first,
        double_quoted,
    };
    if let Some(after) = behind.strip_prefix('.') {
        let (key, after) = part(text, after, true)?;
        behind = after;
        name = Name {
            group: Some(name.key),
            key,
            double_quoted: false,
        };
    }
    Ok((Word::Name(name), behind))
}

/// A part of a name; a key goes on over dots.
fn part<'a>(text: &str, rest: &'a str, key: bool) -> Answer<(String, &'a str)> {
    if rest.starts_with(['"', '`']) {
        let (inner, behind) = quoted(text, rest)?;
        return Ok((inner.to_owned(), behind));
    }
    let of_name = |c: char| c.is_alphanumeric() || "_-/:$@#".contains(c) || (key && c == '.');
    let end = rest.find(|c| !of_name(c)).unwrap_or(rest.len());
    if end == 0 {
        return Err(Error::invalid(format!(
            "Invalid clause(s) in filter string: '{rest}'. The filter is {text:?}"
        )));
    }
    Ok((rest[..end].to_owned(), &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        words(text).unwrap().iter().map(Word::shown).collect()
    }

    #[test]
    fn names_quotes_and_numbers_are_words() {
        assert_eq!(
            shown("metrics.a.b>=1.5e-3"),
            ["metrics.a.b", ">=", "1.5e-3"]
        );
        assert_eq!(shown("tag.`a b`='x y'"), ["tag.a b", "=", "'x y'"]);
        assert_eq!(
            shown("params.\"a.b\" LIKE \"%x\""),
            ["params.a.b", "LIKE", "\"%x\""]
        );
        assert_eq!(
            shown("run_id IN ('a','b')"),
            ["run_id", "IN", "(", "'a'", ",", "'b'", ")"]
        );
        assert_eq!(shown("metrics.a = -3"), ["metrics.a", "=", "-3"]);
        assert_eq!(shown("params.a = 'it''s'"), ["params.a", "=", "'it''s'"]);
        assert!(words("params.a = 'x").is_err());
        assert!(words("metrics.a & 3").is_err());
    }
}
