//! Data sets and models that runs read.

use std::collections::BTreeMap;

use axum::response::Response;
use herdbook_proto::tracking::v1::{Dataset, DatasetInput, LogBatchRequest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    call::Call,
    endpoint::Endpoint,
    error::Answer,
    logged_models, logging,
    runs::{Named, words::of_run},
    wire::{self, Pairs},
};

/// The tag that says what an input is for.
const CONTEXT: &str = "mlflow.data.context";
/// Inputs that the service takes at a time.
const AT_ONCE: usize = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post("runs/log-inputs", log)]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Log {
    datasets: Vec<Input>,
    models: Vec<Model>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Model {
    model_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    tags: Vec<logging::Pair>,
    dataset: Option<Data>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    name: Option<String>,
    digest: Option<String>,
    source_type: Option<String>,
    source: Option<String>,
    schema: Option<String>,
    profile: Option<String>,
}

/// An input as answers have it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    tags: Pairs<'a>,
    dataset: ShownData<'a>,
}

#[derive(Serialize)]
struct ShownData<'a> {
    name: &'a str,
    digest: &'a str,
    source_type: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    schema: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    profile: &'a str,
}

impl<'a> Shown<'a> {
    pub(super) fn of(input: &'a DatasetInput) -> Self {
        let dataset = input.dataset.as_ref();
        let text = |of: fn(&Dataset) -> &String| dataset.map(of).map_or("", String::as_str);
        let source = text(|dataset| &dataset.source);
        Self {
            tags: Pairs(&input.tags),
            dataset: ShownData {
                name: text(|dataset| &dataset.name),
                digest: text(|dataset| &dataset.digest),
                source_type: text(|dataset| &dataset.source_type),
                source: if source.is_empty() {
                    text(|dataset| &dataset.uri)
                } else {
                    source
                },
                schema: text(|dataset| &dataset.schema),
                profile: text(|dataset| &dataset.profile),
            },
        }
    }
}

async fn log(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let fields: Log = call.read()?;
    let inputs = fields.datasets.into_iter().enumerate();
    let inputs: Vec<DatasetInput> = inputs.map(read).collect::<Answer<_>>()?;
    for inputs in inputs.chunks(AT_ONCE) {
        let request = LogBatchRequest {
            run_id: id.clone(),
            inputs: inputs.to_vec(),
            ..Default::default()
        };
        let logged = call.runs().log_batch(request).await;
        logged.map_err(|status| of_run(&id, status))?;
    }
    let models: Vec<String> = fields
        .models
        .into_iter()
        .map(|model| model.model_id)
        .collect();
    if !models.is_empty() {
        logged_models::link(&call, id, models, Vec::new()).await?;
    }
    wire::empty()
}

fn read((index, input): (usize, Input)) -> Answer<DatasetInput> {
    let data = input.dataset.unwrap_or_default();
    let required = |name: &str, value: Option<String>| {
        let path = format!("datasets[{index}].dataset.{name}");
        wire::required_text(&path, value)
    };
    let source = data.source.unwrap_or_default();
    let tags: BTreeMap<_, _> = input.tags.into_iter().map(logging::Pair::split).collect();
    Ok(DatasetInput {
        context: tags.get(CONTEXT).cloned().unwrap_or_default(),
        tags,
        dataset: Some(Dataset {
            name: required("name", data.name)?,
            digest: required("digest", data.digest)?,
            uri: address(&source),
            source_type: data.source_type.unwrap_or_default(),
            schema: data.schema.unwrap_or_default(),
            profile: data.profile.unwrap_or_default(),
            source,
        }),
    })
}

/// Where data lies, as its source says it; a source is JSON that each type of it makes up for itself.
fn address(source: &str) -> String {
    let fields: Value = serde_json::from_str(source).unwrap_or_default();
    let named = ["uri", "url", "path", "table_name", "delta_table_name"];
    let found = named.iter().find_map(|name| fields.get(name)?.as_str());
    found.map(str::to_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_the_usual_sources() {
        assert_eq!(address(r#"{"uri": "s3://b/x.csv"}"#), "s3://b/x.csv");
        assert_eq!(address(r#"{"url": "http://x/y"}"#), "http://x/y");
        assert_eq!(address(r#"{"tags": {"a": 1}}"#), "");
        assert_eq!(address("train.py"), "");
    }

    #[test]
    fn an_input_needs_a_name_and_a_digest() {
        let input = |name: &str| Input {
            dataset: Some(Data {
                name: Some(name.to_owned()),
                digest: Some("d".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert!(read((0, input("a"))).is_ok());
        let error = read((3, input(""))).unwrap_err();
        assert!(format!("{error:?}").contains("datasets[3].dataset.name"));
    }
}
