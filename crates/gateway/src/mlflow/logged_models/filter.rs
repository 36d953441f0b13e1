//! Filters of logged models, from MLflow's language into that of the services.
//!
//! MLflow's is comparisons joined by AND. A param or a tag is a text, whatever its value looks like; a metric
//! and a time are numbers.

use crate::mlflow::{
    error::{Answer, Error},
    search::clauses,
};

/// MLflow's names of attributes, and those of the services.
const ATTRIBUTES: [(&str, &str); 13] = [
    ("model_id", "model_id"),
    ("experiment_id", "experiment_id"),
    ("name", "name"),
    ("model_name", "name"),
    ("model_type", "type"),
    ("status", "status"),
    ("status_message", "status_message"),
    ("source_run_id", "source_run_id"),
    ("creation_time", "created_at"),
    ("creation_timestamp", "created_at"),
    ("creation_timestamp_ms", "created_at"),
    ("last_updated_timestamp", "updated_at"),
    ("last_updated_timestamp_ms", "updated_at"),
];

const NUMERIC: [&str; 6] = ["<", "<=", ">", ">=", "=", "!="];
const TEXTUAL: [&str; 6] = ["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"];

/// The services' name of one of MLflow's attributes.
pub(super) fn attribute(name: &str) -> Option<&'static str> {
    let known = ATTRIBUTES.iter().find(|(theirs, _)| *theirs == name);
    known.map(|(_, ours)| *ours)
}

/// A key with its group, whatever is in it.
pub(super) fn quoted(group: &str, key: &str) -> Answer<String> {
    let key = key.trim_matches('`');
    if key.is_empty() {
        return Err(Error::invalid(format!(
            "Invalid filter string: {group} of what?"
        )));
    }
    Ok(format!("{group}.{}", clauses::key(key)))
}

/// A filter in the language of the services.
pub(super) fn translate(filter: &str) -> Answer<String> {
    let mut reader = Reader {
        filter,
        rest: filter.trim(),
    };
    let mut comparisons = Vec::new();
    while !reader.rest.is_empty() {
        if !comparisons.is_empty() && !reader.word("AND") {
            return Err(reader.wrong());
        }
        comparisons.push(reader.comparison()?);
    }
    Ok(comparisons.join(" AND "))
}

struct Reader<'a> {
    filter: &'a str,
    rest: &'a str,
}

/// What is compared.
struct Field {
    text: String,
    numeric: bool,
}

impl Reader<'_> {
    fn comparison(&mut self) -> Answer<String> {
        let field = self.field()?;
        let operator = self.operator()?;
        let allowed = if field.numeric { NUMERIC } else { TEXTUAL };
        if !allowed.contains(&operator) {
            return Err(Error::invalid(format!(
                "Invalid comparison operator for {}: '{operator}'. Expected one of {}.",
                field.text,
                allowed.join(", ")
            )));
        }
        let value = match operator {
            "IN" | "NOT IN" => self.list()?,
            _ if field.numeric => self.number()?,
            _ => self.text()?,
        };
        Ok(format!("{} {operator} {value}", field.text))
    }

    fn field(&mut self) -> Answer<Field> {
        let mut quote = None;
        let end = self.rest.find(|c: char| match (quote, c) {
            (Some(open), c) if c == open => {
                quote = None;
                false
            }
            (Some(_), _) => false,
            (None, '`' | '"') => {
                quote = Some(c);
                false
            }
            (None, c) => c.is_whitespace() || "=!<>(".contains(c),
        });
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        let (group, key) = match name.split_once('.') {
            Some((group, key)) => (group, key.trim_matches(['`', '"'])),
            None => ("attributes", name.trim_matches(['`', '"'])),
        };
        let (text, numeric) = match group {
            "metrics" | "params" | "tags" => (quoted(group, key)?, group == "metrics"),
            "attributes" => {
                let name = attribute(key).ok_or_else(|| {
                    Error::invalid(format!("Invalid attribute of logged models: '{key}'"))
                })?;
                (name.to_owned(), name.ends_with("_at"))
            }
            _ => {
                return Err(Error::invalid(format!(
                    "Invalid entity type: '{group}'. Expected one of attributes, metrics, params, tags."
                )));
            }
        };
        Ok(Field { text, numeric })
    }

    fn operator(&mut self) -> Answer<&'static str> {
        for symbol in ["<=", ">=", "!=", "<>", "=", "<", ">"] {
            if let Some(rest) = self.rest.strip_prefix(symbol) {
                self.rest = rest.trim_start();
                return Ok(if symbol == "<>" { "!=" } else { symbol });
            }
        }
        for word in ["LIKE", "ILIKE", "IN"] {
            if self.word(word) {
                return Ok(word);
            }
        }
        match self.word("NOT") && self.word("IN") {
            true => Ok("NOT IN"),
            false => Err(self.wrong()),
        }
    }

    /// Takes a word, in any case, if it is the next.
    fn word(&mut self, word: &str) -> bool {
        let Some((head, rest)) = self.rest.split_at_checked(word.len()) else {
            return false;
        };
        let ends = rest.chars().next().is_none_or(|c| !c.is_alphanumeric());
        let found = head.eq_ignore_ascii_case(word) && ends;
        if found {
            self.rest = rest.trim_start();
        }
        found
    }

    fn number(&mut self) -> Answer<String> {
        let word = self.bare();
        match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(word),
            _ => Err(Error::invalid(format!(
                "Invalid filter string: '{}'. Expected a number, found '{word}'.",
                self.filter
            ))),
        }
    }

    /// A text with or without quotes, as one with quotes.
    fn text(&mut self) -> Answer<String> {
        let Some(quote @ ('\'' | '"')) = self.rest.chars().next() else {
            let word = self.bare();
            return match word.is_empty() {
                true => Err(self.wrong()),
                false => Ok(clauses::text(&word)),
            };
        };
        let body = &self.rest[1..];
        let mut text = String::new();
        let mut chars = body.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c != quote {
                text.push(c);
            } else if chars.next_if(|(_, next)| *next == quote).is_some() {
                text.push(quote);
            } else {
                self.rest = body[at + 1..].trim_start();
                return Ok(clauses::text(&text));
            }
        }
        Err(self.wrong())
    }

    fn list(&mut self) -> Answer<String> {
        let mut texts = Vec::new();
        self.rest = self.rest.strip_prefix('(').ok_or_else(|| self.wrong())?;
        loop {
            self.rest = self.rest.trim_start();
            if let Some(rest) = self.rest.strip_prefix(')').filter(|_| !texts.is_empty()) {
                self.rest = rest.trim_start();
                return Ok(format!("({})", texts.join(", ")));
            }
            if !self.rest.starts_with(['\'', '"']) {
                return Err(self.wrong());
            }
            texts.push(self.text()?);
            if let Some(rest) = self.rest.strip_prefix(',') {
                self.rest = rest;
            } else if !self.rest.starts_with(')') {
                return Err(self.wrong());
            }
        }
    }

    /// What stands up to the next space.
    fn bare(&mut self) -> String {
        let end = self.rest.find(|c: char| c.is_whitespace() || c == ')');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        word.to_owned()
    }

    fn wrong(&self) -> Error {
        Error::invalid(format!(
            "Invalid filter string: '{}'. Expected a list of comparisons separated by 'AND' \
             (e.g. 'metrics.loss > 0.1 AND params.lr = 0.01').",
            self.filter
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn comparisons_become_those_of_the_services() {
        for (theirs, ours) in [
            ("", ""),
            ("name = 'model'", "name = 'model'"),
            ("model_type='agent'", "type = 'agent'"),
            ("name ilike '%x%'", "name ILIKE '%x%'"),
            ("metrics.acc>0.9", "metrics.`acc` > 0.9"),
            ("params.lr = 0.01", "params.`lr` = '0.01'"),
            ("tags.`a b` != 'it''s'", "tags.`a b` != 'it''s'"),
            ("tags.\"a.b\" = \"x\"", "tags.`a.b` = 'x'"),
            ("name not in ('a', 'b',)", "name NOT IN ('a', 'b')"),
            (
                " creation_timestamp >= 5 and attributes.status = 'READY' AND params.x LIKE 'y'",
                "created_at >= 5 AND status = 'READY' AND params.`x` LIKE 'y'",
            ),
        ] {
            assert_eq!(translate(theirs).ok().as_deref(), Some(ours), "{theirs}");
        }
    }

    #[test]
    fn what_is_no_such_list_is_refused() {
        for filter in [
            "name",
            "name =",
            "name = 'a",
            "name = 'a' or name = 'b'",
            "name = 'a' name = 'b'",
            "(name = 'a')",
            "metrics.acc > 'high'",
            "metrics.acc LIKE '1'",
            "name > 'a'",
            "name in 'a'",
            "name in ()",
            "colour = 'red'",
            "foo.bar = 'x'",
            "params. = 'x'",
            "metrics.acc > NaN",
            "name = 'a' AND",
            "naïve ~ 1",
        ] {
            assert!(translate(filter).is_err(), "{filter}");
        }
    }
}
