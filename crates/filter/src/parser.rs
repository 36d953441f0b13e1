//! From words to filters and orders, by recursive descent.

mod field;
mod value;

use herdbook_core::limits::FILTER_BYTES;

use std::marker::PhantomData;

use crate::{
    Filter, Operator, Order, ParseError, Vocabulary,
    lexer::{OPERATORS, Token, tokens},
};

/// Parentheses and NOTs within each other.
const DEPTH: usize = 50;
/// Comparisons in one filter: each looks at every row.
const COMPARISONS: usize = 100;

/// Reads a filter; `None` if it is blank.
pub fn parse_filter<F: Vocabulary>(text: &str) -> Result<Option<Filter<F>>, ParseError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let mut parser = Parser::new(text)?;
    let filter = parser.or(0)?;
    parser.end("AND, OR or the end")?;
    Ok(Some(filter))
}

/// Reads an order: a field, then perhaps `as text`, then perhaps `asc` or `desc`.
pub fn parse_order<F: Vocabulary>(text: &str) -> Result<Order<F>, ParseError> {
    let mut parser = Parser::new(text)?;
    let field = parser.field()?;
    let as_text = F::AS_TEXT && parser.keyword("AS");
    if as_text && !parser.keyword("TEXT") {
        return Err(parser.expected("text after as"));
    }
    let descending = parser.keyword("DESC");
    if !descending {
        parser.keyword("ASC");
    }
    parser.end("asc, desc or the end")?;
    Ok(Order {
        field,
        as_text,
        descending,
    })
}

/// Reads a field alone.
pub fn parse_field<F: Vocabulary>(text: &str) -> Result<F, ParseError> {
    let mut parser = Parser::new(text)?;
    let field = parser.field()?;
    parser.end("the end")?;
    Ok(field)
}

struct Parser<F> {
    tokens: Vec<(usize, Token)>,
    at: usize,
    comparisons: usize,
    fields: PhantomData<F>,
}

impl<F: Vocabulary> Parser<F> {
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
            fields: PhantomData,
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

    fn or(&mut self, depth: usize) -> Result<Filter<F>, ParseError> {
        let mut parts = vec![self.and(depth)?];
        while self.keyword("OR") {
            parts.push(self.and(depth)?);
        }
        Ok(single_or(parts, Filter::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Filter<F>, ParseError> {
        let mut parts = vec![self.not(depth)?];
        while self.keyword("AND") {
            parts.push(self.not(depth)?);
        }
        Ok(single_or(parts, Filter::And))
    }

    fn not(&mut self, depth: usize) -> Result<Filter<F>, ParseError> {
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

    fn comparison(&mut self) -> Result<Filter<F>, ParseError> {
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
            // Such as of `metrics.val loss > 1`.
            Token::Word(_) | Token::Number { .. } => {
                return Err(self.expected(format!(
                    "{OPERATORS}; a key with spaces stands in backquotes"
                )));
            }
            _ => return Err(self.expected(OPERATORS)),
        };
        self.at += 1;
        Ok(operator)
    }
}

fn single_or<F>(
    mut parts: Vec<Filter<F>>,
    join: impl Fn(Vec<Filter<F>>) -> Filter<F>,
) -> Filter<F> {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => join(parts),
    }
}

fn negate_if<F>(not: bool, filter: Filter<F>) -> Filter<F> {
    if not {
        Filter::Not(Box::new(filter))
    } else {
        filter
    }
}
