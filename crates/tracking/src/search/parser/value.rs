//! Values of a comparison, and which of them fit.

use super::{
    super::{Attribute, Field, Operator, ParseError, Value, field::time},
    Parser, Token,
};
use crate::run::RunStatus;

impl Parser {
    pub(super) fn list(&mut self, field: &Field) -> Result<Vec<Value>, ParseError> {
        if !self.symbol("(") {
            return Err(self.expected("\"(\" and a list of values"));
        }
        let mut values = vec![self.value(field, Operator::Equal)?];
        while self.symbol(",") {
            values.push(self.value(field, Operator::Equal)?);
        }
        if self.symbol(")") {
            Ok(values)
        } else {
            Err(self.expected("\",\" or \")\""))
        }
    }

    pub(super) fn value(&mut self, field: &Field, operator: Operator) -> Result<Value, ParseError> {
        let value = match self.peek() {
            Token::Number { number, .. } => Value::Number(*number),
            Token::Text(text) | Token::Quoted { text, double: true } => Value::Text(text.clone()),
            Token::Word(word) => return Err(self.expected(expected_instead(field, word))),
            _ => return Err(self.expected(expected_value(field))),
        };
        if let (Field::Attribute(Attribute::Status), Operator::Equal | Operator::NotEqual) =
            (field, operator)
        {
            return self.status(&value);
        }
        let pattern = matches!(operator, Operator::Like | Operator::ILike);
        let fits = match (field, &value) {
            (Field::Metric { .. }, Value::Number(_)) => !pattern,
            (Field::Metric { .. }, Value::Text(_)) => false,
            (Field::Attribute(Attribute::ExperimentId), value) => {
                !pattern && matches!(value, Value::Number(_))
            }
            (Field::Attribute(attribute), Value::Text(text)) if attribute.is_time() => {
                !pattern && time(text).is_some()
            }
            (Field::Attribute(attribute), Value::Number(_)) => attribute.is_time() && !pattern,
            (Field::Param(_), Value::Number(_)) => !pattern,
            (Field::Tag(_) | Field::InputName | Field::InputDigest, Value::Number(_)) => false,
            (_, Value::Text(_)) => true,
        };
        if !fits {
            let operators = if pattern {
                " (LIKE and ILIKE compare texts)"
            } else {
                ""
            };
            return Err(self.expected(format!("{}{operators}", expected_value(field))));
        }
        self.at += 1;
        Ok(value)
    }

    /// A status, in any case: one that there is not would find nothing and not say why.
    fn status(&mut self, value: &Value) -> Result<Value, ParseError> {
        let names = RunStatus::ALL.map(RunStatus::name);
        let found = names
            .into_iter()
            .find(|name| matches!(value, Value::Text(text) if text.eq_ignore_ascii_case(name)));
        let Some(name) = found else {
            return Err(self.expected(format!("one of '{}'", names.join("', '"))));
        };
        self.at += 1;
        Ok(Value::Text(name.to_owned()))
    }
}

/// What is right in place of a word without quotes.
fn expected_instead(field: &Field, word: &str) -> String {
    let expected = expected_value(field);
    if word.eq_ignore_ascii_case("NULL") {
        format!("{expected} (IS NULL finds runs without it)")
    } else if expected.ends_with("quotes") {
        format!("{expected}, such as '{word}'")
    } else {
        expected.to_owned()
    }
}

fn expected_value(field: &Field) -> &'static str {
    match field {
        Field::Metric { .. } | Field::Attribute(Attribute::ExperimentId) => "a number",
        Field::Param(_) => "a number, or a text in single quotes",
        Field::Attribute(attribute) if attribute.is_time() => {
            "a time such as '2026-03-01T14:00:00Z' or '2026-03-01', or milliseconds since 1970"
        }
        _ => "a text in single quotes",
    }
}
