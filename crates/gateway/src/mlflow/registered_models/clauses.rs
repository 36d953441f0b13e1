//! Filters of the registry in MLflow's grammar: comparisons joined by AND, each of an attribute or a tag.
//!
//! Source: `SearchModelUtils` and `SearchModelVersionUtils` of mlflow/utils/search_utils.py.

use crate::mlflow::error::{Answer, Error};

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mlflow) struct Clause {
    pub(in crate::mlflow) field: Field,
    /// In upper case.
    pub(in crate::mlflow) operator: &'static str,
    pub(in crate::mlflow) value: Value,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mlflow) enum Field {
    Attribute(String),
    Tag(String),
}

/// What it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mlflow) enum Value {
    Text(String),
    Texts(Vec<String>),
    /// As written.
    Number(String),
}

/// Operators, the longer before those they start with.
const SYMBOLS: [&str; 6] = ["!=", "<=", ">=", "=", "<", ">"];
const WORDS: [&str; 3] = ["LIKE", "ILIKE", "IN"];

/// Reads a filter; an empty one has no clauses.
pub(in crate::mlflow) fn read(filter: &str) -> Answer<Vec<Clause>> {
    let mut reader = Reader {
        filter,
        rest: filter.trim(),
    };
    let mut clauses = Vec::new();
    while !reader.rest.is_empty() {
        if !clauses.is_empty() {
            reader.keyword("AND")?;
        }
        clauses.push(reader.clause()?);
    }
    Ok(clauses)
}

struct Reader<'a> {
    filter: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn wrong(&self) -> Error {
        let clause = if self.rest.is_empty() {
            self.filter
        } else {
            self.rest
        };
        Error::invalid(format!("Invalid clause(s) in filter string: {clause}"))
    }

    fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest.trim_start();
        taken
    }

    /// The next word, if it is one.
    fn word(&self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &self.rest[..end.unwrap_or(self.rest.len())]
    }

    fn keyword(&mut self, expected: &str) -> Answer<()> {
        let word = self.word();
        if !word.eq_ignore_ascii_case(expected) {
            return Err(self.wrong());
        }
        self.advance(word.len());
        Ok(())
    }

    fn clause(&mut self) -> Answer<Clause> {
        let field = self.field()?;
        let operator = self.operator()?;
        let value = self.value()?;
        Ok(Clause {
            field,
            operator,
            value,
        })
    }

    fn field(&mut self) -> Answer<Field> {
        let Some((group, quoted)) = self.identifier()? else {
            return Err(self.wrong());
        };
        if quoted || !self.rest.starts_with('.') {
            return Ok(Field::Attribute(group));
        }
        self.rest = &self.rest[1..];
        let key = self.key()?;
        match group.as_str() {
            "tag" | "tags" => Ok(Field::Tag(key)),
            "attribute" => Ok(Field::Attribute(key)),
            other => Err(Error::invalid(format!(
                "Invalid entity type '{other}'. Valid entity types are ('attribute', 'tag', 'tags')"
            ))),
        }
    }

    /// The part of a field before its dot, and whether it is quoted.
    fn identifier(&mut self) -> Answer<Option<(String, bool)>> {
        if self.rest.starts_with(['`', '"']) {
            return Ok(Some((self.quoted()?, true)));
        }
        let word = self.word();
        if word.is_empty() {
            return Ok(None);
        }
        self.rest = &self.rest[word.len()..];
        let name = word.to_owned();
        if !self.rest.starts_with('.') {
            self.rest = self.rest.trim_start();
        }
        Ok(Some((name, false)))
    }

    /// The key of a tag, which may have dots and more in it.
    fn key(&mut self) -> Answer<String> {
        if self.rest.starts_with(['`', '"', '\'']) {
            return self.quoted();
        }
        let ends = |c: char| c.is_whitespace() || "=!<>()".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        match end {
            0 => Err(self.wrong()),
            end => Ok(self.advance(end).to_owned()),
        }
    }

    fn operator(&mut self) -> Answer<&'static str> {
        let symbol = SYMBOLS
            .into_iter()
            .find(|symbol| self.rest.starts_with(symbol));
        if let Some(symbol) = symbol {
            self.advance(symbol.len());
            return Ok(symbol);
        }
        let word = self.word();
        if word.eq_ignore_ascii_case("NOT") {
            self.advance(word.len());
            self.keyword("IN")?;
            return Ok("NOT IN");
        }
        let known = WORDS
            .into_iter()
            .find(|known| word.eq_ignore_ascii_case(known));
        let known = known.ok_or_else(|| self.wrong())?;
        self.advance(word.len());
        Ok(known)
    }

    fn value(&mut self) -> Answer<Value> {
        match self.rest.chars().next() {
            Some('\'' | '"') => Ok(Value::Text(self.quoted()?)),
            Some('(') => self.list(),
            Some(_) => {
                let ends = |c: char| c.is_whitespace() || c == ')';
                let end = self.rest.find(ends).unwrap_or(self.rest.len());
                let number = self.advance(end);
                match number.parse::<f64>() {
                    Ok(_) => Ok(Value::Number(number.to_owned())),
                    Err(_) => Err(Error::invalid(format!(
                        "Parameter value is either not quoted or unidentified quote types used for string \
                         value {number}. Use either single or double quotes."
                    ))),
                }
            }
            None => Err(self.wrong()),
        }
    }

    fn list(&mut self) -> Answer<Value> {
        let ill_formed = || {
            Error::invalid(
                "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed \
                 list.",
            )
        };
        self.advance(1);
        let mut texts = Vec::new();
        loop {
            if self.rest.starts_with(')') {
                self.advance(1);
                break;
            }
            if !self.rest.starts_with(['\'', '"']) {
                return Err(ill_formed());
            }
            texts.push(self.quoted()?);
            match self.rest.chars().next() {
                Some(',') => drop(self.advance(1)),
                Some(')') => {}
                _ => return Err(ill_formed()),
            }
        }
        match texts.is_empty() {
            true => Err(ill_formed()),
            false => Ok(Value::Texts(texts)),
        }
    }

    /// A text in quotes, of which one that is doubled does not end it.
    fn quoted(&mut self) -> Answer<String> {
        let quote = self.rest.chars().next().unwrap_or_default();
        let inner = &self.rest[quote.len_utf8()..];
        let mut from = 0;
        loop {
            let end = inner[from..].find(quote).ok_or_else(|| self.wrong())? + from;
            let next = end + quote.len_utf8();
            if inner[next..].starts_with(quote) {
                from = next + quote.len_utf8();
                continue;
            }
            let text = inner[..end].to_owned();
            self.advance(quote.len_utf8() + next);
            return Ok(text);
        }
    }
}

/// A text as Herdbook's filters quote it.
pub(in crate::mlflow) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A tag as Herdbook's filters name it.
pub(in crate::mlflow) fn tag(key: &str) -> String {
    format!("tags.`{}`", key.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(field: Field, operator: &'static str, value: Value) -> Clause {
        Clause {
            field,
            operator,
            value,
        }
    }

    #[test]
    fn comparisons_are_read_as_mlflow_reads_them() {
        let text = |text: &str| Value::Text(text.to_owned());
        let name = || Field::Attribute("name".to_owned());
        let tag = |key: &str| Field::Tag(key.to_owned());
        for (filter, expected) in [
            ("name = 'a'", clause(name(), "=", text("a"))),
            ("name='a'", clause(name(), "=", text("a"))),
            (
                "attribute.name ilike \"%A%\"",
                clause(name(), "ILIKE", text("%A%")),
            ),
            ("tags.a.b != 'x y'", clause(tag("a.b"), "!=", text("x y"))),
            (
                "tag.`mlflow.prompt.is_prompt` = 'true'",
                clause(tag("mlflow.prompt.is_prompt"), "=", text("true")),
            ),
            (
                "name not in ('a', \"b\",)",
                clause(
                    name(),
                    "NOT IN",
                    Value::Texts(vec!["a".to_owned(), "b".to_owned()]),
                ),
            ),
            (
                "version_number >= 3",
                clause(
                    Field::Attribute("version_number".to_owned()),
                    ">=",
                    Value::Number("3".to_owned()),
                ),
            ),
        ] {
            assert_eq!(read(filter).unwrap(), [expected], "{filter}");
        }
        let two = read(" name = 'it''s'  AND tags.x LIKE 'AND %' ").unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(two[0].value, text("it''s"));
        assert!(read("  ").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for filter in [
            "name",
            "name =",
            "name = a",
            "name = 'a",
            "name = 'a' OR name = 'b'",
            "name = 'a' name = 'b'",
            "params.x = 'a'",
            "(name = 'a')",
            "name IN ()",
            "name IN ('a'",
            "name IN (1)",
        ] {
            assert!(read(filter).is_err(), "{filter}");
        }
    }
}
