//! Fields and keys.

use super::{Parser, Token};
use crate::{Group, ParseError, Vocabulary};

impl<F: Vocabulary> Parser<F> {
    pub(super) fn field(&mut self) -> Result<F, ParseError> {
        let start = self.at;
        let group = match self.next() {
            Token::Word(group) => group,
            found => {
                self.at = start;
                let value = matches!(found, Token::Number { .. } | Token::Text(_));
                let place = if value {
                    "; values stand on the right"
                } else {
                    ""
                };
                return Err(self.expected(format!(
                    "a field, such as {} or {}{place}",
                    keyed::<F>("<key>").join(", "),
                    F::EXAMPLE
                )));
            }
        };
        if *self.peek() != Token::Symbol(".") {
            self.at = start;
            return self.attribute().ok_or_else(|| {
                let mut such = keyed::<F>(&group);
                let last = such.pop().unwrap_or_default();
                let such = match such.is_empty() {
                    true => last,
                    false => format!("{} or {last}", such.join(", ")),
                };
                let names = F::attributes().join(", ");
                self.expected(format!("a field, such as {such}, or one of {names}"))
            });
        }
        self.at += 1;
        match F::group(&group.to_ascii_lowercase()) {
            Some(Group::Keys(field)) => {
                let (key, quoted) = self.key()?;
                Ok(field(key, quoted))
            }
            Some(Group::Attributes) => self.attribute().ok_or_else(|| {
                let names = F::attributes().join(", ");
                self.expected(format!("one of {names}"))
            }),
            Some(Group::Names(mut names)) => {
                let found = names.iter().position(|(name, _)| self.keyword(name));
                match found {
                    Some(place) => Ok(names.swap_remove(place).1),
                    None => {
                        let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
                        Err(self.expected(names.join(" or ")))
                    }
                }
            }
            None => {
                self.at = start;
                Err(self.expected(format!("{} before the dot", F::GROUPS)))
            }
        }
    }

    /// Takes the name of an attribute if it comes next.
    fn attribute(&mut self) -> Option<F> {
        let attribute = match self.peek() {
            Token::Word(word) => F::attribute(&word.to_ascii_lowercase()),
            Token::Quoted { text, .. } => F::attribute(text),
            _ => None,
        }?;
        self.at += 1;
        Some(attribute)
    }

    /// A key, and whether it was quoted; an unquoted one goes on over dots.
    fn key(&mut self) -> Result<(String, bool), ParseError> {
        let mut key = match self.peek() {
            Token::Quoted { text, .. } => {
                let text = text.clone();
                self.at += 1;
                return Ok((text, true));
            }
            Token::Word(_) | Token::Number { .. } => self.key_part(),
            _ => return Err(self.expected("a key; one with other characters than letters, digits, _, ., / and - stands in backquotes")),
        };
        while self.symbol(".") {
            key.push('.');
            match self.peek() {
                Token::Word(_) | Token::Number { .. } => key.push_str(&self.key_part()),
                _ => return Err(self.expected("the rest of the key")),
            }
        }
        Ok((key, false))
    }

    fn key_part(&mut self) -> String {
        match self.next() {
            Token::Word(word) => word,
            Token::Number { text, .. } => text,
            _ => String::new(),
        }
    }
}

/// A key in each of the groups whose fields users name themselves.
fn keyed<F: Vocabulary>(key: &str) -> Vec<String> {
    let groups = F::KEYED.iter();
    groups.map(|group| format!("{group}.{key}")).collect()
}
