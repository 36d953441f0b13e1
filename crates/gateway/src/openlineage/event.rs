//! Events as they are sent, read with the path of whatever is wrong.

use std::collections::BTreeMap;

use herdbook_core::FieldViolation;
use herdbook_proto::InvalidRequest;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::time::EventTime;

/// Facets by name, each as it is written.
pub(crate) type Facets = BTreeMap<String, Box<RawValue>>;

/// An event of any of the three kinds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) event_time: EventTime,
    pub(crate) event_type: Option<EventType>,
    #[serde(rename = "producer")]
    _producer: String,
    #[serde(rename = "schemaURL")]
    _schema_url: String,
    pub(crate) run: Option<Run>,
    pub(crate) job: Option<Job>,
    pub(crate) dataset: Option<Dataset>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) inputs: Vec<Dataset>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) outputs: Vec<Dataset>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum EventType {
    Start,
    Running,
    Complete,
    Abort,
    Fail,
    Other,
}

/// An execution of a job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    pub(crate) run_id: RunId,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) facets: Facets,
}

/// A job.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    pub(crate) namespace: String,
    pub(crate) name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) facets: Facets,
}

/// A data set; as an input or output with facets of that role.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dataset {
    pub(crate) namespace: String,
    pub(crate) name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) facets: Facets,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) input_facets: Facets,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) output_facets: Facets,
}

/// The id of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunId(pub(crate) Uuid);

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::parse_str(&text).map(Self).map_err(|_| {
            let example = "0198c0de-7a11-7c3e-b2f0-5f6a7b8c9d0e";
            D::Error::custom(format!("{text:?} is not a UUID, such as {example}"))
        })
    }
}

/// What is not there and what is null are the same: Java's client writes nulls.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads an event.
pub(crate) fn read(text: &[u8]) -> Result<Event, InvalidRequest> {
    if !text.trim_ascii_start().starts_with(b"{") {
        let what = "must be one JSON object: a RunEvent, JobEvent or DatasetEvent of OpenLineage";
        return Err(InvalidRequest::field("event", what));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let event: Event = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| refuse(wrong("", &error)))?;
    deserializer
        .end()
        .map_err(|error| InvalidRequest::field("event", error))?;
    match (&event.run, &event.job, &event.dataset) {
        (Some(_), None, _) => Err(InvalidRequest::field("job", "is required with run")),
        (None, None, None) => {
            let what =
                "is required: a RunEvent has run and job, a JobEvent job, a DatasetEvent dataset";
            Err(InvalidRequest::field("run", what))
        }
        _ => Ok(event),
    }
}

/// What is wrong at a place below `prefix`, such as `inputs[2].facets.schema.fields[0].name`.
pub(crate) fn wrong(
    prefix: &str,
    error: &serde_path_to_error::Error<serde_json::Error>,
) -> FieldViolation {
    let mut field = prefix.to_owned();
    let mut add = |part: &str| {
        if !field.is_empty() && !part.starts_with('[') {
            field.push('.');
        }
        field.push_str(part);
    };
    let path = error.path().to_string();
    if path != "." {
        add(&path);
    }
    let text = error.inner().to_string();
    let without_place = text.split(" at line ").next().unwrap_or_default();
    let missing = without_place.strip_prefix("missing field `");
    let description = match missing.and_then(|rest| rest.strip_suffix('`')) {
        Some(name) => {
            add(name);
            "is required".to_owned()
        }
        // Where the text itself breaks, the place tells more than the field.
        None if error.inner().is_data() => in_words_of_json(without_place),
        None => text,
    };
    if field.is_empty() {
        field.push_str("event");
    }
    FieldViolation::new(field, description)
}

/// What serde says of its own types, in words of JSON.
fn in_words_of_json(text: &str) -> String {
    let text = match text.split_once("expected struct ") {
        Some((found, _)) => format!("{found}expected an object"),
        None => text.to_owned(),
    };
    let text = text
        .replace("a sequence", "an array")
        .replace("a map", "an object");
    text.replace(": sequence", ": array")
        .replace(": map", ": object")
}

/// The refusal of one wrong field.
pub(crate) fn refuse(wrong: FieldViolation) -> InvalidRequest {
    InvalidRequest::field(wrong.field, wrong.description)
}
