//! Words of the search language.

/// Where and why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: expected {expected}, found {found}")]
pub struct ParseError {
    /// Counted from 1.
    pub position: usize,
    /// What would be right there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name or keyword, as written; one that begins with a digit may have dots.
    Word(String),
    /// A name in backquotes or double quotes; the latter may also be a text.
    Quoted {
        text: String,
        double: bool,
    },
    /// A text in single quotes.
    Text(String),
    /// A number, and how it is written.
    Number {
        number: f64,
        text: String,
    },
    /// `= != < <= > >= ( ) , .`
    Symbol(&'static str),
    End,
}

impl Token {
    /// As an error shows it.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Word(word) => format!("{word:?}"),
            Self::Quoted { text, .. } | Self::Text(text) => format!("the text {text:?}"),
            Self::Number { text, .. } => format!("the number {text}"),
            Self::Symbol(symbol) => format!("{symbol:?}"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// What may stand behind a field, for an error.
pub(crate) const OPERATORS: &str = "an operator (=, !=, <, <=, >, >=, LIKE, ILIKE, IN, IS)";

/// Symbols, the longer before those they start with.
const SYMBOLS: [&str; 12] = [
    "!=", "<>", "<=", ">=", "==", "=", "<", ">", "(", ")", ",", ".",
];

/// The words of `text`, each with the position of its first character, counted from 1.
pub(crate) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ParseError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let position = at + 1;
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let token = match c {
            '\'' => Token::Text(quoted(&chars, &mut at)?),
            '"' | '`' => Token::Quoted {
                text: quoted(&chars, &mut at)?,
                double: c == '"',
            },
            _ if starts_number(&chars[at..]) => number(&chars, &mut at)?,
            _ if is_word(c) => Token::Word(take(&chars, &mut at, is_word)),
            _ => symbol(&chars, &mut at)?,
        };
        tokens.push((position, token));
    }
    tokens.push((chars.len() + 1, Token::End));
    Ok(tokens)
}

/// Letters, digits and what keys often have in them.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '/' | '-')
}

fn starts_number(rest: &[char]) -> bool {
    let unsigned = match rest {
        ['+' | '-', rest @ ..] => rest,
        rest => rest,
    };
    match unsigned {
        ['.', digit, ..] => digit.is_ascii_digit() && rest[0] != '.',
        [digit, ..] => digit.is_ascii_digit(),
        [] => false,
    }
}

fn take(chars: &[char], at: &mut usize, holds: impl Fn(char) -> bool) -> String {
    let start = *at;
    while chars.get(*at).is_some_and(|c| holds(*c)) {
        *at += 1;
    }
    chars[start..*at].iter().collect()
}

/// A number, or a word that starts like one, such as a run id or the key `5.loss`.
fn number(chars: &[char], at: &mut usize) -> Result<Token, ParseError> {
    let start = *at;
    let text = take(chars, at, |c| is_word(c) || matches!(c, '.' | '+'));
    match text.parse() {
        Ok(number) => Ok(Token::Number { number, text }),
        Err(_)
            if text
                .split('.')
                .all(|part| !part.is_empty() && part.chars().all(is_word)) =>
        {
            Ok(Token::Word(text))
        }
        Err(_) => Err(ParseError {
            position: start + 1,
            expected: "a number".to_owned(),
            found: format!("{text:?}"),
        }),
    }
}

/// A quoted text; the quote itself is written twice in it.
fn quoted(chars: &[char], at: &mut usize) -> Result<String, ParseError> {
    let (start, quote) = (*at, chars[*at]);
    let mut text = String::new();
    *at += 1;
    loop {
        match (chars.get(*at), chars.get(*at + 1)) {
            (Some(c), Some(next)) if *c == quote && *next == quote => {
                text.push(quote);
                *at += 2;
            }
            (Some(c), _) if *c == quote => {
                *at += 1;
                return Ok(text);
            }
            (Some(c), _) => {
                text.push(*c);
                *at += 1;
            }
            (None, _) => {
                return Err(ParseError {
                    position: start + 1,
                    expected: format!("a closing {quote}"),
                    found: "the end".to_owned(),
                });
            }
        }
    }
}

fn symbol(chars: &[char], at: &mut usize) -> Result<Token, ParseError> {
    let rest: String = chars[*at..].iter().take(2).collect();
    let found = SYMBOLS.iter().find(|symbol| rest.starts_with(*symbol));
    let symbol = found.ok_or_else(|| ParseError {
        position: *at + 1,
        expected: match chars[*at] {
            '&' => "AND",
            '|' => "OR",
            '!' => "NOT or !=",
            '~' | '^' => OPERATORS,
            ';' => "the end",
            _ => "a field, a value or an operator",
        }
        .to_owned(),
        found: format!("{:?}", chars[*at]),
    })?;
    *at += symbol.len();
    Ok(Token::Symbol(match *symbol {
        "<>" => "!=",
        "==" => "=",
        other => other,
    }))
}
