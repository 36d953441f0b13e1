//! Posts as an MLflow server makes them, so that what listens to one can listen to Herdbook.
//!
//! What MLflow has a webhook event for is told in its words; a model with the tag `mlflow.prompt.is_prompt` is a
//! prompt there. Every other change, such as a move between stages, has no event in this format.

use chrono::{DateTime, SecondsFormat, Utc};
use herdbook_proto::{
    registry::v1::{AuditAction, AuditRecord},
    time::from_timestamp,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Parcel, Webhook};
use crate::RegistryError;

/// The events, as `entity.action`.
pub(super) const EVENTS: [&str; 14] = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
];

/// Marks the model that is a prompt.
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
/// Says what kind of prompt it is.
const PROMPT_TYPE: &str = "_mlflow_prompt_type";
/// Holds the words of a version of a prompt.
const PROMPT_TEXT: &str = "mlflow.prompt.text";

/// An event with its data.
type Event = (String, Value);

/// What is posted of a change to `webhook`.
pub(super) fn parcels(
    webhook: &Webhook,
    record: &AuditRecord,
) -> Result<Vec<Parcel>, RegistryError> {
    let at = record.at.as_ref().and_then(from_timestamp);
    let at = at.ok_or(RegistryError::Damaged)?;
    let wanted =
        |event: &str| webhook.events.is_empty() || webhook.events.iter().any(|e| e == event);
    let events = events(record)?
        .into_iter()
        .filter(|(event, _)| wanted(event));
    let parcel = |(place, (event, data)): (usize, Event)| {
        let id = match place {
            0 => format!("evt_{}_{}", webhook.key, record.revision),
            place => format!("evt_{}_{}_{place}", webhook.key, record.revision),
        };
        Parcel::of_json(id, &body(&event, at, data))
    };
    Ok(events.enumerate().map(parcel).collect())
}

/// An example of an event.
pub(super) fn example(event: &str, now: DateTime<Utc>) -> Parcel {
    let (entity, action) = event.split_once('.').unwrap_or_default();
    let prompt = entity.starts_with("prompt");
    let mut data = Map::new();
    let mut add = |key: &str, value: Value| data.insert(key.to_owned(), value);
    add(
        "name",
        json!(if prompt {
            "example_prompt"
        } else {
            "example_model"
        }),
    );
    if entity.contains("version") && !(entity.ends_with("alias") && action == "deleted")
        || entity == "prompt_alias" && action == "created"
    {
        add("version", json!("1"));
    }
    match (entity, action) {
        ("model_version", _) => {
            add("source", json!("models:/123"));
            add("run_id", json!("abcd1234abcd5678"));
        }
        ("prompt_version", _) => {
            add("template", json!("Hello {{name}}!"));
        }
        (entity, _) if entity.ends_with("alias") => {
            add("alias", json!("example_alias"));
        }
        (entity, action) if entity.ends_with("tag") => {
            add("key", json!("example_key"));
            if action == "set" {
                add("value", json!("example_value"));
            }
        }
        _ => {}
    }
    if matches!(
        entity,
        "registered_model" | "model_version" | "prompt" | "prompt_version"
    ) {
        let words = entity.replace('_', " ");
        add("tags", json!({"example_key": "example_value"}));
        add("description", json!(format!("An example {words}")));
    }
    let id = format!("test_{}", Uuid::now_v7().simple());
    Parcel::of_json(id, &body(event, now, Value::Object(data)))
}

fn body(event: &str, at: DateTime<Utc>, data: Value) -> Value {
    let (entity, action) = event.split_once('.').unwrap_or_default();
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, false);
    json!({"entity": entity, "action": action, "timestamp": at, "data": data})
}

/// The events of a change.
fn events(record: &AuditRecord) -> Result<Vec<Event>, RegistryError> {
    let details: Value = match record.details.is_empty() {
        true => Value::Null,
        false => serde_json::from_str(&record.details).map_err(|_| RegistryError::Damaged)?,
    };
    let prompt = record
        .tags
        .get(IS_PROMPT)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let name = json!(record.model);
    let version = json!(record.version.to_string());
    let mut tags = details["tags"].as_object().cloned().unwrap_or_default();
    let template = tags.get(PROMPT_TEXT).cloned().unwrap_or_default();
    if prompt {
        tags.retain(|key, _| ![IS_PROMPT, PROMPT_TYPE].contains(&key.as_str()));
    }
    let description = &details["description"];
    // What is not said of a version is null there.
    let said = match description.as_str() {
        Some("") | None => &Value::Null,
        Some(_) => description,
    };
    let one = |event: &str, data: Value| vec![(event.to_owned(), data)];
    Ok(match (record.action(), prompt) {
        (AuditAction::CreateModel, prompt) => one(
            if prompt {
                "prompt.created"
            } else {
                "registered_model.created"
            },
            json!({"name": name, "tags": tags, "description": description}),
        ),
        (AuditAction::CreateVersion, false) => one(
            "model_version.created",
            json!({
                "name": name, "version": version, "source": details["source"],
                "run_id": details["run_id"], "tags": tags, "description": said,
            }),
        ),
        (AuditAction::CreateVersion, true) => {
            tags.remove(PROMPT_TEXT);
            one(
                "prompt_version.created",
                json!({
                    "name": name, "version": version, "template": template, "tags": tags,
                    "description": said,
                }),
            )
        }
        (AuditAction::SetAlias, prompt) => {
            let entity = if prompt {
                "prompt_alias"
            } else {
                "model_version_alias"
            };
            let alias = &details["alias"];
            match details["version"].is_null() {
                true => one(
                    &format!("{entity}.deleted"),
                    json!({"name": name, "alias": alias}),
                ),
                false => one(
                    &format!("{entity}.created"),
                    json!({"name": name, "alias": alias, "version": version}),
                ),
            }
        }
        (AuditAction::UpdateVersion, prompt) => {
            let entity = if prompt {
                "prompt_version_tag"
            } else {
                "model_version_tag"
            };
            let about = [("name", name), ("version", version)];
            of_tags(entity, &about, &details["changed_tags"])
        }
        (AuditAction::UpdateModel, true) => {
            of_tags("prompt_tag", &[("name", name)], &details["changed_tags"])
        }
        _ => Vec::new(),
    })
}

/// An event for each tag that was set or removed.
fn of_tags(entity: &str, about: &[(&str, Value)], changed: &Value) -> Vec<Event> {
    let event = |(key, value): (&String, &Value)| {
        let about = about
            .iter()
            .map(|(fact, value)| ((*fact).to_owned(), value.clone()));
        let mut data: Map<String, Value> = about.collect();
        data.insert("key".to_owned(), json!(key));
        match value.is_null() {
            true => (format!("{entity}.deleted"), Value::Object(data)),
            false => {
                data.insert("value".to_owned(), value.clone());
                (format!("{entity}.set"), Value::Object(data))
            }
        }
    };
    let changed = changed.as_object().into_iter().flatten();
    changed.map(event).collect()
}

#[cfg(test)]
mod tests {
    use herdbook_proto::time::to_timestamp;

    use super::*;

    fn record(action: AuditAction, version: i64, details: &Value, prompt: bool) -> AuditRecord {
        let mark = (IS_PROMPT.to_owned(), "true".to_owned());
        AuditRecord {
            action: action.into(),
            at: DateTime::from_timestamp(1_790_000_000, 0).map(to_timestamp),
            model: "fraud".to_owned(),
            version,
            details: details.to_string(),
            tags: prompt.then_some(mark).into_iter().collect(),
            ..Default::default()
        }
    }

    fn events_of(action: AuditAction, details: Value, prompt: bool) -> Vec<Event> {
        events(&record(action, 3, &details, prompt)).unwrap()
    }

    #[test]
    fn changes_are_told_in_mlflows_words() {
        let created = json!({
            "label": "", "source": "s3://m", "description": "", "run_id": null, "tags": {"a": "b"}
        });
        assert_eq!(
            events_of(AuditAction::CreateVersion, created, false),
            [(
                "model_version.created".to_owned(),
                json!({
                    "name": "fraud", "version": "3", "source": "s3://m", "run_id": null,
                    "tags": {"a": "b"}, "description": null
                })
            )]
        );
        let removed = json!({"alias": "champion", "version": null});
        assert_eq!(
            events_of(AuditAction::SetAlias, removed, false),
            [(
                "model_version_alias.deleted".to_owned(),
                json!({"name": "fraud", "alias": "champion"})
            )]
        );
        assert!(events_of(AuditAction::Transition, json!({}), false).is_empty());
    }

    #[test]
    fn a_change_of_several_tags_is_several_events() {
        let changed = json!({"changed_tags": {"a": "1", "b": null}});
        let events = events_of(AuditAction::UpdateVersion, changed.clone(), false);
        let names: Vec<_> = events.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(
            names,
            ["model_version_tag.set", "model_version_tag.deleted"]
        );
        assert!(events_of(AuditAction::UpdateModel, changed.clone(), false).is_empty());
        let events = events_of(AuditAction::UpdateModel, changed, true);
        assert_eq!(events[0].0, "prompt_tag.set");
    }

    #[test]
    fn a_prompt_is_told_without_the_tags_that_make_it_one() {
        let tags = json!({IS_PROMPT: "true", PROMPT_TYPE: "text", PROMPT_TEXT: "Hi", "a": "b"});
        let details = json!({"description": "said", "tags": tags});
        let events = events_of(AuditAction::CreateVersion, details, true);
        assert_eq!(
            events,
            [(
                "prompt_version.created".to_owned(),
                json!({
                    "name": "fraud", "version": "3", "template": "Hi", "tags": {"a": "b"},
                    "description": "said"
                })
            )]
        );
    }
}
