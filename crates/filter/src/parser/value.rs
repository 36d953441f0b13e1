//! Values of a comparison, and which of them fit.

use super::{Parser, Token};
use crate::{Form, Operator, ParseError, Value, Vocabulary, vocabulary::time};

impl<F: Vocabulary> Parser<F> {
    pub(super) fn list(&mut self, field: &F) -> Result<Vec<Value>, ParseError> {
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

    pub(super) fn value(&mut self, field: &F, operator: Operator) -> Result<Value, ParseError> {
        let form = field.form();
        let value = match self.peek() {
            Token::Number { number, .. } => Value::Number(*number),
            Token::Text(text) | Token::Quoted { text, double: true } => Value::Text(text.clone()),
            Token::Word(word) => return Err(self.expected(expected_instead::<F>(&form, word))),
            _ => return Err(self.expected(expected_value(&form))),
        };
        if let (Form::OneOf(names), Operator::Equal | Operator::NotEqual) = (&form, operator) {
            return self.name(names, &value);
        }
        let pattern = matches!(operator, Operator::Like | Operator::ILike);
        let fits = match (&form, &value) {
            (Form::Number | Form::Param | Form::Time, Value::Number(_)) => !pattern,
            (Form::Time, Value::Text(text)) => !pattern && time(text).is_some(),
            (Form::Text | Form::Id | Form::OneOf(_) | Form::Param, Value::Text(_)) => true,
            (Form::Number, Value::Text(_))
            | (Form::Text | Form::Id | Form::OneOf(_), Value::Number(_)) => false,
        };
        if !fits {
            let operators = if pattern {
                " (LIKE and ILIKE compare texts)"
            } else {
                ""
            };
            return Err(self.expected(format!("{}{operators}", expected_value(&form))));
        }
        self.at += 1;
        Ok(value)
    }

    /// A name, in any case: one that there is not would find nothing and not say why.
    fn name(&mut self, names: &[&str], value: &Value) -> Result<Value, ParseError> {
        let found = names
            .iter()
            .find(|name| matches!(value, Value::Text(text) if text.eq_ignore_ascii_case(name)));
        let Some(name) = found else {
            return Err(self.expected(format!("one of '{}'", names.join("', '"))));
        };
        self.at += 1;
        Ok(Value::Text((*name).to_owned()))
    }
}

/// What is right in place of a word without quotes.
fn expected_instead<F: Vocabulary>(form: &Form, word: &str) -> String {
    let expected = expected_value(form);
    if word.eq_ignore_ascii_case("NULL") {
        format!("{expected} (IS NULL finds {} without it)", F::THINGS)
    } else if expected.ends_with("quotes") {
        format!("{expected}, such as '{word}'")
    } else {
        expected.to_owned()
    }
}

fn expected_value(form: &Form) -> &'static str {
    match form {
        Form::Number => "a number",
        Form::Param => "a number, or a text in single quotes",
        Form::Time => {
            "a time such as '2026-03-01T14:00:00Z' or '2026-03-01', or milliseconds since 1970"
        }
        Form::Text | Form::Id | Form::OneOf(_) => "a text in single quotes",
    }
}
