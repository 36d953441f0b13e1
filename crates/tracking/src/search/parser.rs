//! From words to filters and orders, by recursive descent.

use chrono::DateTime;
use herdbook_core::limits::FILTER_BYTES;

use super::{
    Aspect, Attribute, Field, Filter, Operator, Order, ParseError, Value,
    lexer::{Token, tokens},
};

/// Parentheses and NOTs within each other.
const DEPTH: usize = 50;
/// Comparisons in one filter: each is a subquery.
const COMPARISONS: usize = 100;

/// Reads a filter; `None` if it is blank.
pub(crate) fn parse_filter(text: &str) -> Result<Option<Filter>, ParseError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut parser = Parser::new(text)?;
    let filter = parser.or(0)?;
    parser.end("AND, OR or the end")?;
    Ok(Some(filter))
}

/// Reads an order: a field, then perhaps `asc` or `desc`.
pub(crate) fn parse_order(text: &str) -> Result<Order, ParseError> {
    let mut parser = Parser::new(text)?;
    let field = parser.field()?;
    let descending = parser.keyword("DESC");
    if !descending {
        parser.keyword("ASC");
    }
    parser.end("asc, desc or the end")?;
    Ok(Order { field, descending })
}

/// Reads a field alone.
pub(crate) fn parse_field(text: &str) -> Result<Field, ParseError> {
    let mut parser = Parser::new(text)?;
    let field = parser.field()?;
    parser.end("the end")?;
    Ok(field)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    comparisons: usize,
}

impl Parser {
    fn new(text: &str) -> Result<Self, ParseError> {
        if text.len() > FILTER_BYTES {
            return Err(ParseError {
                position: FILTER_BYTES,
                expected: format!("at most {FILTER_BYTES} bytes"),
                found: format!("{} bytes", text.len()),
            });
        }
        Ok(Self {
            tokens: tokens(text)?,
            at: 0,
            comparisons: 0,
        })
    }

    fn peek(&self) -> &Token {
        self.tokens
            .get(self.at)
            .map_or(&Token::End, |(_, token)| token)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// An error at the word at hand.
    fn expected(&self, what: impl Into<String>) -> ParseError {
        let last = self.tokens.len().saturating_sub(1);
        let position = self
            .tokens
            .get(self.at.min(last))
            .map_or(1, |(position, _)| *position);
        ParseError {
            position,
            expected: what.into(),
            found: self.peek().show(),
        }
    }

    fn end(&self, what: &str) -> Result<(), ParseError> {
        if *self.peek() == Token::End {
            Ok(())
        } else {
            Err(self.expected(what))
        }
    }

    /// Takes the keyword if it comes next.
    fn keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: &'static str) -> bool {
        let found = *self.peek() == Token::Symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self, depth: usize) -> Result<Filter, ParseError> {
        let mut parts = vec![self.and(depth)?];
        while self.keyword("OR") {
            parts.push(self.and(depth)?);
        }
        Ok(single_or(parts, Filter::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Filter, ParseError> {
        let mut parts = vec![self.not(depth)?];
        while self.keyword("AND") {
            parts.push(self.not(depth)?);
        }
        Ok(single_or(parts, Filter::And))
    }

    fn not(&mut self, depth: usize) -> Result<Filter, ParseError> {
        if depth > DEPTH {
            return Err(self.expected(format!("at most {DEPTH} parentheses within each other")));
        }
        if self.keyword("NOT") {
            return Ok(Filter::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.symbol("(") {
            let inner = self.or(depth + 1)?;
            return if self.symbol(")") {
                Ok(inner)
            } else {
                Err(self.expected("\")\""))
            };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Filter, ParseError> {
        self.comparisons += 1;
        if self.comparisons > COMPARISONS {
            return Err(self.expected(format!("at most {COMPARISONS} comparisons")));
        }
        let field = self.field()?;
        if self.keyword("IS") {
            let not = self.keyword("NOT");
            if !self.keyword("NULL") {
                return Err(self.expected("NULL or NOT NULL"));
            }
            return Ok(negate_if(not, Filter::IsNull(field)));
        }
        let not = self.keyword("NOT");
        if self.keyword("IN") {
            let values = self.list(&field)?;
            return Ok(negate_if(not, Filter::In { field, values }));
        }
        let operator = self.operator(not)?;
        let value = self.value(&field, operator)?;
        Ok(negate_if(
            not,
            Filter::Compare {
                field,
                operator,
                value,
            },
        ))
    }

    fn operator(&mut self, only_like: bool) -> Result<Operator, ParseError> {
        if self.keyword("LIKE") {
            return Ok(Operator::Like);
        }
        if self.keyword("ILIKE") {
            return Ok(Operator::ILike);
        }
        if only_like {
            return Err(self.expected("IN, LIKE or ILIKE after NOT"));
        }
        let operator = match self.peek() {
            Token::Symbol("=") => Operator::Equal,
            Token::Symbol("!=") => Operator::NotEqual,
            Token::Symbol("<") => Operator::Less,
            Token::Symbol("<=") => Operator::LessOrEqual,
            Token::Symbol(">") => Operator::Greater,
            Token::Symbol(">=") => Operator::GreaterOrEqual,
            _ => {
                return Err(self.expected("an operator (=, !=, <, <=, >, >=, LIKE, ILIKE, IN, IS)"));
            }
        };
        self.at += 1;
        Ok(operator)
    }

    fn list(&mut self, field: &Field) -> Result<Vec<Value>, ParseError> {
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

    fn value(&mut self, field: &Field, operator: Operator) -> Result<Value, ParseError> {
        let value = match self.peek() {
            Token::Number(number) => Value::Number(*number),
            Token::Text(text) | Token::Quoted { text, double: true } => Value::Text(text.clone()),
            _ => return Err(self.expected(expected_value(field))),
        };
        let pattern = matches!(operator, Operator::Like | Operator::ILike);
        let fits = match (field, &value) {
            (Field::Metric { .. }, Value::Number(_)) => !pattern,
            (Field::Metric { .. }, Value::Text(_)) => false,
            (Field::Attribute(Attribute::ExperimentId), value) => {
                !pattern && matches!(value, Value::Number(_))
            }
            (Field::Attribute(attribute), Value::Text(text)) if attribute.is_time() => {
                !pattern && DateTime::parse_from_rfc3339(text).is_ok()
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

    fn field(&mut self) -> Result<Field, ParseError> {
        const WHAT: &str =
            "a field, such as metrics.<key>, params.<key>, tags.<key> or attributes.<name>";
        let start = self.at;
        let Token::Word(entity) = self.next() else {
            self.at = start;
            return Err(self.expected(WHAT));
        };
        if *self.peek() != Token::Symbol(".") {
            self.at = start;
            return self.attribute();
        }
        self.at += 1;
        match entity.to_ascii_lowercase().as_str() {
            "metrics" | "metric" => Ok(metric(self.key()?)),
            "params" | "param" | "parameters" => Ok(Field::Param(self.key()?.0)),
            "tags" | "tag" => Ok(Field::Tag(self.key()?.0)),
            "attributes" | "attribute" | "attr" | "run" => self.attribute(),
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
                Err(self.expected(WHAT))
            }
        }
    }

    fn attribute(&mut self) -> Result<Field, ParseError> {
        let attribute = match self.peek() {
            Token::Word(word) => Attribute::named(&word.to_ascii_lowercase()),
            Token::Quoted { text, .. } => Attribute::named(text),
            _ => None,
        };
        let Some(attribute) = attribute else {
            let names: Vec<_> = Attribute::ALL.iter().map(|(name, _)| *name).collect();
            return Err(self.expected(format!(
                "metrics.<key>, params.<key>, tags.<key>, inputs.name, inputs.digest or one of {}",
                names.join(", ")
            )));
        };
        self.at += 1;
        Ok(Field::Attribute(attribute))
    }

    /// A key, and whether it was quoted; an unquoted one goes on over dots.
    fn key(&mut self) -> Result<(String, bool), ParseError> {
        let mut key = match self.peek() {
            Token::Quoted { text, .. } => {
                let text = text.clone();
                self.at += 1;
                return Ok((text, true));
            }
            Token::Word(_) | Token::Number(_) => self.key_part(),
            _ => return Err(self.expected("a key; one with other characters stands in backquotes")),
        };
        while self.symbol(".") {
            key.push('.');
            match self.peek() {
                Token::Word(_) | Token::Number(_) => key.push_str(&self.key_part()),
                _ => return Err(self.expected("the rest of the key")),
            }
        }
        Ok((key, false))
    }

    fn key_part(&mut self) -> String {
        match self.next() {
            Token::Word(word) => word,
            Token::Number(number) => number.to_string(),
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

fn expected_value(field: &Field) -> &'static str {
    match field {
        Field::Metric { .. } | Field::Attribute(Attribute::ExperimentId) => "a number",
        Field::Param(_) => "a number, or a text in single quotes",
        Field::Attribute(attribute) if attribute.is_time() => {
            "a time such as '2026-03-01T14:00:00Z', or milliseconds since 1970"
        }
        _ => "a text in single quotes",
    }
}

fn single_or(mut parts: Vec<Filter>, join: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}

fn negate_if(not: bool, filter: Filter) -> Filter {
    if not {
        Filter::Not(Box::new(filter))
    } else {
        filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (usize, String) {
        let error = parse_filter(text).unwrap_err();
        (error.position, error.expected)
    }

    fn metric(key: &str, aspect: Aspect) -> Field {
        Field::Metric {
            key: key.to_owned(),
            aspect,
        }
    }

    #[test]
    fn and_binds_tighter_than_or_and_not_tighter_than_both() {
        let filter =
            parse_filter("params.a = 1 or not tags.b = 'x' and metrics.c > -2.5e3").unwrap();
        let Some(Filter::Or(parts)) = filter else {
            panic!("{filter:?}")
        };
        let Filter::And(right) = &parts[1] else {
            panic!("{parts:?}")
        };
        assert!(matches!(right[0], Filter::Not(_)));
        let expected = Filter::Compare {
            field: metric("c", Aspect::Latest),
            operator: Operator::Greater,
            value: Value::Number(-2500.0),
        };
        assert_eq!(right[1], expected);
    }

    #[test]
    fn keys_go_over_dots_slashes_and_quotes() {
        let field = |text: &str| parse_order(text).unwrap().field;
        assert_eq!(
            field("metrics.train/loss.x"),
            metric("train/loss.x", Aspect::Latest)
        );
        assert_eq!(field("metrics.loss.min desc"), metric("loss", Aspect::Min));
        assert_eq!(
            field("metrics.`loss.min`"),
            metric("loss.min", Aspect::Latest)
        );
        assert_eq!(field("params.\"a b\" ASC"), Field::Param("a b".to_owned()));
        assert_eq!(
            field("tags.mlflow.user"),
            Field::Tag("mlflow.user".to_owned())
        );
        assert_eq!(
            field("attributes.status"),
            Field::Attribute(Attribute::Status)
        );
        assert_eq!(field("started_at"), Field::Attribute(Attribute::StartedAt));
    }

    #[test]
    fn texts_may_hold_their_own_quote() {
        let filter = parse_filter("tags.who = 'O''Brien'").unwrap().unwrap();
        let Filter::Compare { value, .. } = filter else {
            panic!("{filter:?}")
        };
        assert_eq!(value, Value::Text("O'Brien".to_owned()));
    }

    #[test]
    fn errors_say_where_and_what_would_be_right() {
        assert_eq!(refused("metrics.acc >"), (14, "a number".to_owned()));
        assert_eq!(refused("metrics.acc > 'high'").0, 15);
        assert_eq!(refused("metrics.acc 0.9").0, 13);
        assert_eq!(refused("(metrics.acc > 0.9"), (19, "\")\"".to_owned()));
        assert_eq!(
            refused("metrics.acc > 0.9 xor tags.a = 'b'"),
            (19, "AND, OR or the end".to_owned())
        );
        assert_eq!(refused("tags.a = 'b").0, 10);
        assert_eq!(refused("wrong = 1").0, 1);
        assert_eq!(refused("tags.a LIKE 3").0, 13);
        assert_eq!(refused("started_at > 'yesterday'").0, 14);
        assert_eq!(refused("params.lr # 3").0, 11);
    }

    #[test]
    fn bombs_are_refused() {
        assert!(parse_filter(&"(".repeat(10_000)).is_err());
        assert!(parse_filter(&"not ".repeat(3_000)).is_err());
        let many = vec!["params.a = 1"; 101].join(" or ");
        assert!(
            parse_filter(&many)
                .unwrap_err()
                .expected
                .contains("100 comparisons")
        );
        assert!(parse_filter(&"x".repeat(20_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~é\\n]{0,60}") {
            let _ = parse_filter(&text);
            let _ = parse_order(&text);
        }
    }
}
