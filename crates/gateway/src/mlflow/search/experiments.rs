//! `experiments/search`.

use axum::response::Response;
use herdbook_core::limits::MAX_PAGE_SIZE;
use herdbook_proto::tracking::v1::{Experiment, SearchExperimentsRequest};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    clauses::{self, Clause, Value, key, text, time},
    max_results, view,
    words::Name,
};
use crate::mlflow::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    experiments::shown::Shown,
    wire,
};

/// Experiments of a page.
const DEFAULT: usize = 1_000;
const LIMIT: usize = 50_000;

pub(in crate::mlflow) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("experiments/search", search),
        Endpoint::new(Method::GET, "experiments/search", search),
    ]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Search {
    filter: Option<String>,
    view_type: Option<Json>,
    #[serde(deserialize_with = "wire::int")]
    max_results: Option<i64>,
    #[serde(deserialize_with = "wire::texts")]
    order_by: Vec<String>,
    page_token: Option<String>,
}

#[derive(Serialize)]
struct Page {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experiments: Vec<Shown>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next_page_token: String,
}

async fn search(call: Call) -> Answer<Response> {
    let fields: Search = call.read()?;
    let wanted = max_results(fields.max_results, DEFAULT, LIMIT)?;
    let mut request = SearchExperimentsRequest {
        filter: filter(fields.filter.as_deref().unwrap_or_default())?,
        order_by: orders(&fields.order_by)?,
        page_token: fields.page_token.unwrap_or_default(),
        view: view(fields.view_type.as_ref())?.into(),
        ..Default::default()
    };
    let mut found: Vec<Experiment> = Vec::new();
    loop {
        let left = u32::try_from(wanted - found.len()).unwrap_or(MAX_PAGE_SIZE);
        request.page_size = left.min(MAX_PAGE_SIZE);
        let page = call.experiments().search_experiments(request.clone()).await;
        let page = page?.into_inner();
        found.extend(page.experiments);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= wanted {
            break;
        }
    }
    let shown = found
        .into_iter()
        .map(|experiment| Shown::of(experiment, call.workspace()));
    wire::json(&Page {
        experiments: shown.collect(),
        next_page_token: request.page_token,
    })
}

/// What a name is of.
enum Field<'a> {
    Tag(&'a str),
    Name,
    Id,
    /// In the language of the services.
    Time(&'static str),
}

impl Field<'_> {
    fn name(&self) -> String {
        match self {
            Self::Tag(name) => format!("tags.{}", key(name)),
            Self::Name => "name".to_owned(),
            Self::Id => "id".to_owned(),
            Self::Time(name) => (*name).to_owned(),
        }
    }
}

fn field(name: &Name) -> Answer<Field<'_>> {
    match (name.group.as_deref(), name.key.as_str()) {
        (Some("tag" | "tags"), key) => Ok(Field::Tag(key)),
        (None | Some("attribute"), "name") => Ok(Field::Name),
        (None | Some("attribute"), "experiment_id") => Ok(Field::Id),
        (None | Some("attribute"), "creation_time") => Ok(Field::Time("created_at")),
        (None | Some("attribute"), "last_update_time") => Ok(Field::Time("updated_at")),
        (None | Some("attribute"), key) => Err(Error::invalid(format!(
            "Invalid attribute key '{key}' specified. Valid keys are 'name', 'experiment_id', 'creation_time', \
             'last_update_time'"
        ))),
        (Some(group), _) => Err(Error::invalid(format!(
            "Invalid entity type '{group}'. Valid entity types are ('attribute', 'tag', 'tags')"
        ))),
    }
}

fn filter(text: &str) -> Answer<String> {
    let clauses = clauses::filter(text)?;
    let conditions: Vec<String> = clauses.iter().map(condition).collect::<Answer<_>>()?;
    Ok(conditions.join(" AND "))
}

fn condition(clause: &Clause) -> Answer<String> {
    let field = field(&clause.name)?;
    let name = field.name();
    let comparator = clause.comparator.as_str();
    let invalid =
        |what: &str| Error::invalid(format!("Invalid comparator for {what}: {comparator}"));
    match (&field, &clause.value, comparator) {
        (Field::Tag(_), Value::Nothing, _) => Ok(format!("{name} {comparator}")),
        (_, Value::Nothing, _) => Err(Error::invalid(format!(
            "IS NULL / IS NOT NULL is only supported for tags, not for attribute '{}'",
            clause.name.key
        ))),
        (Field::Tag(_) | Field::Name, Value::Text(value), "=" | "!=" | "LIKE" | "ILIKE") => {
            Ok(format!("{name} {comparator} {}", text(value)))
        }
        (Field::Tag(_), Value::Text(_), _) => Err(invalid("tag")),
        (Field::Id, Value::Text(id), "=" | "!=") => {
            Ok(format!("{name} {comparator} {}", number(id)?))
        }
        (Field::Id, Value::Texts(ids), "IN" | "NOT IN") => {
            let ids: Vec<String> = ids
                .iter()
                .map(|id| Ok(number(id)?.to_string()))
                .collect::<Answer<_>>()?;
            Ok(format!("{name} {comparator} ({})", ids.join(", ")))
        }
        (Field::Name | Field::Id, Value::Text(_), _) => Err(invalid("string attribute")),
        (Field::Time(_), Value::Number(number), _) => {
            let millis = number.parse().map_err(|_| {
                Error::invalid(format!(
                    "Invalid value for numeric attribute '{}': '{number}'",
                    clause.name.key
                ))
            })?;
            time(&name, comparator, millis).ok_or_else(|| invalid("numeric attribute"))
        }
        (Field::Time(_), value, _) => Err(Error::invalid(format!(
            "Expected numeric value type for numeric attribute: {}. Found {}",
            clause.name.key,
            value.shown()
        ))),
        (_, value, _) => Err(Error::invalid(format!(
            "Expected a quoted string value for attributes. Got value {}",
            value.shown()
        ))),
    }
}

fn number(id: &str) -> Answer<i64> {
    id.parse().map_err(|_| {
        Error::invalid(format!(
            "Invalid experiment ID '{id}'. Experiment ID must be a valid integer."
        ))
    })
}

fn orders(asked: &[String]) -> Answer<Vec<String>> {
    if asked.is_empty() {
        return Ok(vec!["created_at desc".to_owned(), "id".to_owned()]);
    }
    let mut orders = Vec::with_capacity(asked.len() + 1);
    let mut by_id = false;
    for text in asked {
        let (name, descending) = clauses::order(text)?;
        let field = field(&name)?;
        if matches!(field, Field::Tag(_)) {
            return Err(Error::invalid("Invalid order_by entity: tag"));
        }
        by_id |= matches!(field, Field::Id);
        let direction = if descending { " desc" } else { "" };
        orders.push(format!("{}{direction}", field.name()));
    }
    if !by_id {
        orders.push("id desc".to_owned());
    }
    Ok(orders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_there_is_said_here() {
        for (theirs, ours) in [
            (
                "name = 'x' AND tags.a LIKE 'b%'",
                "name = 'x' AND tags.`a` LIKE 'b%'",
            ),
            ("attribute.name ILIKE '%it''s%'", "name ILIKE '%it''''s%'"),
            ("experiment_id IN ('1', '2')", "id IN (1, 2)"),
            ("creation_time >= 3", "created_at >= 3"),
            ("tag.`a b` IS NULL", "tags.`a b` IS NULL"),
        ] {
            assert_eq!(filter(theirs).unwrap(), ours);
        }
    }

    #[test]
    fn what_is_wrong_there_is_wrong_here() {
        for text in [
            "name > 'x'",
            "name = 3",
            "tags.a = 3",
            "params.a = 'x'",
            "acc = 'x'",
            "creation_time = 'x'",
            "creation_time LIKE 3",
            "experiment_id = 'x'",
            "name IS NULL",
            "name = 'x' OR name = 'y'",
        ] {
            assert!(filter(text).is_err(), "{text}");
        }
        assert!(orders(&["tags.a".to_owned()]).is_err());
    }

    #[test]
    fn orders_end_with_the_id() {
        assert_eq!(orders(&[]).unwrap(), ["created_at desc", "id"]);
        let orders = orders(&["name ASC".to_owned()]).unwrap();
        assert_eq!(orders, ["name", "id desc"]);
    }
}
