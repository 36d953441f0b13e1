//! Fields and keys.

use super::{
    super::{Aspect, Attribute, Field, ParseError},
    Parser, Token,
};

impl Parser {
    pub(super) fn field(&mut self) -> Result<Field, ParseError> {
        let start = self.at;
        let entity = match self.next() {
            Token::Word(entity) => entity,
            found => {
                self.at = start;
                let value = matches!(found, Token::Number { .. } | Token::Text(_));
                let place = if value {
                    "; values stand on the right"
                } else {
                    ""
                };
                return Err(self.expected(format!(
                    "a field, such as metrics.<key>, params.<key>, tags.<key> or {}{place}",
                    Attribute::Status.name()
                )));
            }
        };
        if *self.peek() != Token::Symbol(".") {
            self.at = start;
            return self.attribute().ok_or_else(|| {
                let word = entity.as_str();
                self.expected(format!(
                    "a field, such as metrics.{word}, params.{word} or tags.{word}, or one of {}",
                    attributes()
                ))
            });
        }
        self.at += 1;
        match entity.to_ascii_lowercase().as_str() {
            "metrics" | "metric" => Ok(metric(self.key()?)),
            "params" | "param" | "parameters" => Ok(Field::Param(self.key()?.0)),
            "tags" | "tag" => Ok(Field::Tag(self.key()?.0)),
            "attributes" | "attribute" | "attr" | "run" => self
                .attribute()
                .ok_or_else(|| self.expected(format!("one of {}", attributes()))),
            "inputs" | "dataset" | "datasets" => {
                if self.keyword("name") {
                    Ok(Field::InputName)
                } else if self.keyword("digest") {
                    Ok(Field::InputDigest)
                } else {
                    Err(self.expected("name or digest"))
                }
            }
            _ => {
                self.at = start;
                Err(self.expected("metrics, params, tags, attributes or inputs before the dot"))
            }
        }
    }

    /// Takes the name of an attribute if it comes next.
    fn attribute(&mut self) -> Option<Field> {
        let attribute = match self.peek() {
            Token::Word(word) => Attribute::named(&word.to_ascii_lowercase()),
            Token::Quoted { text, .. } => Attribute::named(text),
            _ => None,
        }?;
        self.at += 1;
        Some(Field::Attribute(attribute))
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

/// `metrics.<key>.min` and `.max` mean the extremes; in a quoted key they are part of it.
fn metric((key, quoted): (String, bool)) -> Field {
    let aspect =
        |suffix: &str, aspect| key.strip_suffix(suffix).map(|key| (key.to_owned(), aspect));
    let extreme = aspect(".min", Aspect::Min).or_else(|| aspect(".max", Aspect::Max));
    match extreme.filter(|_| !quoted) {
        Some((key, aspect)) => Field::Metric { key, aspect },
        None => Field::Metric {
            key,
            aspect: Aspect::Latest,
        },
    }
}

/// The names of attributes, for an error.
fn attributes() -> String {
    Attribute::ALL.map(|(name, _)| name).join(", ")
}
