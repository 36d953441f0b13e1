//! Which models and versions, and in what order, in the language of the registry's searches.

use super::{
    clauses::{self, Clause, Field, Value, quote, tag},
    names::{IS_PROMPT, RUN_ID},
};
use crate::mlflow::error::{Answer, Error};

/// What is searched: its attributes by MLflow's names, each with Herdbook's and how it compares.
pub(in crate::mlflow) struct Searched {
    attributes: &'static [Attribute],
    /// Keys of orders, with Herdbook's names.
    orders: &'static [(&'static str, &'static str)],
    /// The order if none is asked for.
    default_order: &'static [&'static str],
    /// What makes an order that is asked for a complete one.
    last_orders: &'static [&'static str],
}

struct Attribute {
    name: &'static str,
    ours: &'static str,
    /// The tag that has it where `ours` cannot.
    or_tag: Option<&'static str>,
    operators: &'static [&'static str],
    number: bool,
}

const TEXT: &[&str] = &["=", "!=", "LIKE", "ILIKE"];
const TEXTS: &[&str] = &["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"];
const NUMBERS: &[&str] = &["=", "!=", "<", "<=", ">", ">="];

/// Registered models.
pub(in crate::mlflow) const MODELS: Searched = Searched {
    attributes: &[Attribute {
        name: "name",
        ours: "name",
        or_tag: None,
        operators: TEXTS,
        number: false,
    }],
    orders: &[
        ("name", "name"),
        ("timestamp", "updated_at"),
        ("last_updated_timestamp", "updated_at"),
    ],
    default_order: &["name asc"],
    last_orders: &["name asc"],
};

/// Versions of models.
pub(in crate::mlflow) const VERSIONS: Searched = Searched {
    attributes: &[
        Attribute {
            name: "name",
            ours: "name",
            or_tag: None,
            operators: TEXTS,
            number: false,
        },
        Attribute {
            name: "version_number",
            ours: "version",
            or_tag: None,
            operators: NUMBERS,
            number: true,
        },
        Attribute {
            name: "run_id",
            ours: "run_id",
            or_tag: Some(RUN_ID),
            operators: TEXTS,
            number: false,
        },
        Attribute {
            name: "source_path",
            ours: "source",
            or_tag: None,
            operators: TEXT,
            number: false,
        },
    ],
    orders: &[
        ("name", "name"),
        ("version_number", "version"),
        ("creation_timestamp", "created_at"),
        ("last_updated_timestamp", "updated_at"),
    ],
    default_order: &["updated_at desc", "name asc", "version desc"],
    last_orders: &["name asc", "version desc"],
};

impl Searched {
    /// A filter of MLflow's as one of the registry's. Prompts are found only by who asks for them.
    pub(in crate::mlflow) fn filter(&self, filter: &str) -> Answer<String> {
        let mut clauses = clauses::read(filter)?;
        let mut ours = Vec::new();
        if !asks_for_prompts(&clauses) {
            clauses.retain(|clause| clause.field != Field::Tag(IS_PROMPT.to_owned()));
            ours.push(format!("NOT {} = 'true'", tag(IS_PROMPT)));
        }
        for clause in &clauses {
            ours.push(self.clause(clause)?);
        }
        Ok(ours.join(" AND "))
    }

    fn clause(&self, clause: &Clause) -> Answer<String> {
        match &clause.field {
            Field::Tag(key) => of_tag(key, clause),
            Field::Attribute(name) => self.of_attribute(name, clause),
        }
    }

    fn of_attribute(&self, name: &str, clause: &Clause) -> Answer<String> {
        let operator = clause.operator;
        let mut known = self.attributes.iter();
        let attribute = known.find(|known| known.name == name).ok_or_else(|| {
            let names = self
                .attributes
                .iter()
                .map(|known| format!("'{}'", known.name));
            let names: Vec<_> = names.collect();
            Error::invalid(format!(
                "Invalid attribute key '{name}' specified. Valid keys are '{{{}}}'",
                names.join(", ")
            ))
        })?;
        if !attribute.operators.contains(&operator) {
            return Err(Error::invalid(format!(
                "Invalid comparator for attribute {name}: {operator}"
            )));
        }
        let ours = attribute.ours;
        if attribute.number {
            let (Value::Text(written) | Value::Number(written)) = &clause.value else {
                return Err(not_numeric(name, ""));
            };
            let number: i64 = written.parse().map_err(|_| not_numeric(name, written))?;
            return Ok(format!("{ours} {operator} {number}"));
        }
        let Some(tagged) = attribute.or_tag else {
            return of_text(ours, operator, &clause.value);
        };
        let one = of_text(ours, operator, &clause.value)?;
        let other = of_text(&tag(tagged), operator, &clause.value)?;
        // One of both is not there, and that one is unlike all texts.
        let empty = clause.value == Value::Text(String::new());
        let both =
            (operator == "=" && empty) || (operator == "!=" && !empty) || operator == "NOT IN";
        let joined = if both { "AND" } else { "OR" };
        Ok(format!("({one} {joined} {other})"))
    }

    /// Orders of MLflow's as those of the registry.
    pub(in crate::mlflow) fn orders(&self, order_by: &[String]) -> Answer<Vec<String>> {
        let owned = |orders: &[&str]| orders.iter().map(|order| (*order).to_owned()).collect();
        if order_by.is_empty() {
            return Ok(owned(self.default_order));
        }
        let mut ours: Vec<(&str, String)> = Vec::new();
        for order in order_by {
            let (field, direction) = self.order(order)?;
            if ours.iter().any(|(known, _)| *known == field) {
                return Err(Error::invalid(format!(
                    "`order_by` contains duplicate fields: {order_by:?}"
                )));
            }
            ours.push((field, format!("{field} {direction}")));
        }
        for order in self.last_orders {
            let field = order.split(' ').next().unwrap_or_default();
            if !ours.iter().any(|(known, _)| *known == field) {
                ours.push((field, (*order).to_owned()));
            }
        }
        Ok(ours.into_iter().map(|(_, order)| order).collect())
    }

    fn order(&self, order: &str) -> Answer<(&'static str, &'static str)> {
        let unread = || {
            Error::invalid(format!(
                "Invalid order_by clause '{order}'. Could not be parsed."
            ))
        };
        let words: Vec<&str> = order.split_whitespace().collect();
        let (key, direction) = match words.as_slice() {
            [key] => (*key, "asc"),
            [key, word] if word.eq_ignore_ascii_case("asc") => (*key, "asc"),
            [key, word] if word.eq_ignore_ascii_case("desc") => (*key, "desc"),
            [_, _] => {
                return Err(Error::invalid(format!(
                    "Invalid ordering key in order_by clause '{order}'."
                )));
            }
            _ => return Err(unread()),
        };
        let bare = key.trim_matches(['`', '"']);
        let bare = bare.strip_prefix("attribute.").unwrap_or(bare);
        let mut known = self.orders.iter();
        let found = known.find(|(name, _)| *name == bare).ok_or_else(|| {
            let names: Vec<_> = self.orders.iter().map(|(name, _)| *name).collect();
            Error::invalid(format!(
                "Invalid order by key '{bare}' specified. Valid keys are '{names:?}'"
            ))
        })?;
        Ok((found.1, direction))
    }
}

/// A condition on a text; what has none has an empty one in MLflow.
fn of_text(ours: &str, operator: &str, value: &Value) -> Answer<String> {
    match (value, operator) {
        (Value::Text(text), "=") if text.is_empty() => Ok(format!("{ours} IS NULL")),
        (Value::Text(text), "!=") if text.is_empty() => Ok(format!("{ours} IS NOT NULL")),
        (Value::Text(text), "!=") => Ok(format!("NOT {ours} = {}", quote(text))),
        (Value::Text(text), _) if !operator.ends_with("IN") => {
            Ok(format!("{ours} {operator} {}", quote(text)))
        }
        (Value::Texts(texts), "IN" | "NOT IN") => {
            let texts: Vec<_> = texts.iter().map(|text| quote(text)).collect();
            Ok(format!("{ours} {operator} ({})", texts.join(", ")))
        }
        _ => Err(Error::invalid(format!(
            "Expected a quoted string value or a list of quoted string values for attributes. Got value {value:?}"
        ))),
    }
}

/// Whether a filter is for prompts: else it is for models alone.
fn asks_for_prompts(clauses: &[Clause]) -> bool {
    let of_prompts = |clause: &&Clause| clause.field == Field::Tag(IS_PROMPT.to_owned());
    let Some(clause) = clauses.iter().find(of_prompts) else {
        return false;
    };
    let Value::Text(value) = &clause.value else {
        return false;
    };
    match clause.operator {
        "=" => value.eq_ignore_ascii_case("true"),
        "!=" => value.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

fn of_tag(key: &str, clause: &Clause) -> Answer<String> {
    let operator = clause.operator;
    if !TEXT.contains(&operator) {
        return Err(Error::invalid(format!(
            "Invalid comparator for tag: {operator}"
        )));
    }
    match &clause.value {
        Value::Text(text) => Ok(format!("{} {operator} {}", tag(key), quote(text))),
        _ => Err(Error::invalid(
            "Expected a quoted string value for tag (e.g. 'my-value').",
        )),
    }
}

fn not_numeric(name: &str, value: &str) -> Error {
    Error::invalid(format!(
        "Invalid value for numeric attribute '{name}': '{value}'"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_PROMPTS: &str = "NOT tags.`mlflow.prompt.is_prompt` = 'true'";

    #[test]
    fn filters_are_told_in_the_registrys_language() {
        let filter = |filter: &str| VERSIONS.filter(filter).unwrap();
        assert_eq!(filter(""), NO_PROMPTS);
        assert_eq!(
            filter("name = 'it''s' and version_number > 2"),
            format!("{NO_PROMPTS} AND name = 'it''''s' AND version > 2")
        );
        assert_eq!(
            filter("run_id NOT IN ('a', 'b')"),
            format!(
                "{NO_PROMPTS} AND (run_id NOT IN ('a', 'b') AND tags.`mlflow.herdbook.runId` NOT IN ('a', 'b'))"
            )
        );
        assert_eq!(
            filter("run_id != 'a' AND source_path = ''"),
            format!(
                "{NO_PROMPTS} AND (NOT run_id = 'a' AND NOT tags.`mlflow.herdbook.runId` = 'a') AND source IS NULL"
            )
        );
        assert_eq!(
            filter("run_id = 'a' AND run_id != ''"),
            format!(
                "{NO_PROMPTS} AND (run_id = 'a' OR tags.`mlflow.herdbook.runId` = 'a') \
                 AND (run_id IS NOT NULL OR tags.`mlflow.herdbook.runId` IS NOT NULL)"
            )
        );
        assert_eq!(
            filter("tags.`a b` != 'x' AND source_path LIKE 's3:%'"),
            format!("{NO_PROMPTS} AND tags.`a b` != 'x' AND source LIKE 's3:%'")
        );
        assert_eq!(
            filter("tags.`mlflow.prompt.is_prompt` = 'true' AND name = 'a'"),
            "tags.`mlflow.prompt.is_prompt` = 'true' AND name = 'a'"
        );
        assert_eq!(
            filter("tags.`mlflow.prompt.is_prompt` != 'true'"),
            NO_PROMPTS
        );
    }

    #[test]
    fn what_mlflow_does_not_compare_is_refused() {
        for wrong in [
            "description = 'a'",
            "name > 'a'",
            "version_number LIKE '1'",
            "version_number = 1.5",
            "version_number IN ('1')",
            "source_path IN ('a')",
            "tags.a IN ('b')",
            "tags.a = 1",
            "name = 1",
        ] {
            assert!(VERSIONS.filter(wrong).is_err(), "{wrong}");
        }
        assert!(MODELS.filter("run_id = 'a'").is_err());
    }

    #[test]
    fn orders_are_complete() {
        let orders = |order_by: &[&str]| {
            let order_by: Vec<String> = order_by.iter().map(|order| (*order).to_owned()).collect();
            VERSIONS.orders(&order_by)
        };
        assert_eq!(
            orders(&[]).unwrap(),
            ["updated_at desc", "name asc", "version desc"]
        );
        assert_eq!(
            orders(&["version_number DESC"]).unwrap(),
            ["version desc", "name asc"]
        );
        assert_eq!(
            orders(&["creation_timestamp"]).unwrap(),
            ["created_at asc", "name asc", "version desc"]
        );
        for wrong in ["run_id", "name sideways", "name asc asc", ""] {
            assert!(orders(&[wrong]).is_err(), "{wrong}");
        }
        assert!(orders(&["name", "name desc"]).is_err());
    }
}
