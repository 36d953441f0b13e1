//! Which models and versions, and in what order, in the language of the registry's searches.
//!
//! Source: `SearchModelUtils` and `SearchModelVersionUtils` of mlflow/utils/search_utils.py.

use serde::Deserialize;

use super::names::{IS_PROMPT, RUN_ID};
use crate::mlflow::{
    error::{Answer, Error},
    search::{
        clauses::{self, Clause, Value},
        words::Name,
    },
    wire,
};

/// Which page of what.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::mlflow) struct Search {
    pub(in crate::mlflow) filter: Option<String>,
    #[serde(deserialize_with = "wire::int")]
    pub(in crate::mlflow) max_results: Option<i64>,
    #[serde(deserialize_with = "wire::texts")]
    pub(in crate::mlflow) order_by: Vec<String>,
    pub(in crate::mlflow) page_token: Option<String>,
}

/// What a comparison is of.
#[derive(PartialEq)]
enum Field<'a> {
    Attribute(&'a str),
    Tag(&'a str),
}

impl<'a> Field<'a> {
    fn of(name: &'a Name) -> Answer<Self> {
        match name.group.as_deref() {
            None | Some("attribute") => Ok(Self::Attribute(&name.key)),
            Some("tag" | "tags") => Ok(Self::Tag(&name.key)),
            Some(other) => Err(Error::invalid(format!(
                "Invalid entity type '{other}'. Valid entity types are ('attribute', 'tag', 'tags')"
            ))),
        }
    }

    fn is_prompt(&self) -> bool {
        *self == Self::Tag(IS_PROMPT)
    }
}

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
        let clauses = clauses::filter(filter)?;
        let with_fields = clauses
            .iter()
            .map(|clause| Ok((Field::of(&clause.name)?, clause)));
        let mut clauses = with_fields.collect::<Answer<Vec<_>>>()?;
        let mut ours = Vec::new();
        if !asks_for_prompts(&clauses) {
            clauses.retain(|(field, _)| !field.is_prompt());
            ours.push(format!("NOT {} = 'true'", tag(IS_PROMPT)));
        }
        for (field, clause) in clauses {
            ours.push(match field {
                Field::Tag(key) => of_tag(key, clause)?,
                Field::Attribute(name) => self.of_attribute(name, clause)?,
            });
        }
        Ok(ours.join(" AND "))
    }

    fn of_attribute(&self, name: &str, clause: &Clause) -> Answer<String> {
        let operator = clause.comparator.as_str();
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
        let (name, descending) = clauses::order(order)?;
        let key = match name.group.as_deref() {
            None | Some("attribute") => name.key,
            Some(group) => format!("{group}.{}", name.key),
        };
        let mut known = self.orders.iter();
        let found = known.find(|(name, _)| *name == key).ok_or_else(|| {
            let names: Vec<_> = self.orders.iter().map(|(name, _)| *name).collect();
            Error::invalid(format!(
                "Invalid order by key '{key}' specified. Valid keys are '{names:?}'"
            ))
        })?;
        Ok((found.1, if descending { "desc" } else { "asc" }))
    }
}

/// A tag in the notation of the services.
fn tag(key: &str) -> String {
    format!("tags.{}", clauses::key(key))
}

/// A condition on a text; what has none has an empty one in MLflow.
fn of_text(ours: &str, operator: &str, value: &Value) -> Answer<String> {
    match (value, operator) {
        (Value::Text(text), "=") if text.is_empty() => Ok(format!("{ours} IS NULL")),
        (Value::Text(text), "!=") if text.is_empty() => Ok(format!("{ours} IS NOT NULL")),
        (Value::Text(text), "!=") => Ok(format!("NOT {ours} = {}", clauses::text(text))),
        (Value::Text(text), _) if !operator.ends_with("IN") => {
            Ok(format!("{ours} {operator} {}", clauses::text(text)))
        }
        (Value::Texts(texts), "IN" | "NOT IN") => {
            let texts = clauses::texts(texts.iter().map(String::as_str));
            Ok(format!("{ours} {operator} {texts}"))
        }
        _ => Err(Error::invalid(format!(
            "Expected a quoted string value or a list of quoted string values for attributes. Got value {value:?}"
        ))),
    }
}

/// Whether a filter is for prompts: else it is for models alone.
fn asks_for_prompts(clauses: &[(Field<'_>, &Clause)]) -> bool {
    let Some((_, clause)) = clauses.iter().find(|(field, _)| field.is_prompt()) else {
        return false;
    };
    let Value::Text(value) = &clause.value else {
        return false;
    };
    match clause.comparator.as_str() {
        "=" => value.eq_ignore_ascii_case("true"),
        "!=" => value.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

fn of_tag(key: &str, clause: &Clause) -> Answer<String> {
    let operator = clause.comparator.as_str();
    if !TEXT.contains(&operator) {
        return Err(Error::invalid(format!(
            "Invalid comparator for tag: {operator}"
        )));
    }
    match &clause.value {
        Value::Text(text) => Ok(format!("{} {operator} {}", tag(key), clauses::text(text))),
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
    fn comparisons_are_read_as_mlflow_reads_them() {
        for (filter, expected) in [
            ("name = 'a'", "name = 'a'"),
            ("name='a'", "name = 'a'"),
            ("attribute.name ilike \"%A%\"", "name ILIKE '%A%'"),
            ("tags.a.b != 'x y'", "tags.`a.b` != 'x y'"),
            ("name not in ('a', \"b\",)", "name NOT IN ('a', 'b')"),
            ("version_number >= 3", "version >= 3"),
            (
                " name = 'it''s'  AND tags.x LIKE 'AND %' ",
                "name = 'it''''s' AND tags.`x` LIKE 'AND %'",
            ),
        ] {
            let expected = format!("{NO_PROMPTS} AND {expected}");
            assert_eq!(VERSIONS.filter(filter).unwrap(), expected, "{filter}");
        }
        assert_eq!(VERSIONS.filter("  ").unwrap(), NO_PROMPTS);
        let prompts = VERSIONS.filter("tag.`mlflow.prompt.is_prompt` = 'true'");
        assert_eq!(prompts.unwrap(), "tags.`mlflow.prompt.is_prompt` = 'true'");
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
            assert!(VERSIONS.filter(filter).is_err(), "{filter}");
        }
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
