//! What a model was made with and what goes in and out of it, as the file `MLmodel` says that MLflow's clients
//! write beside it.
//!
//! Source: <https://mlflow.org/docs/latest/ml/model/#storage-format>.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use herdbook_core::RunId;
use herdbook_proto::{
    registry::v1::{Schema, SchemaField},
    tracking::v1::{DownloadArtifactRequest, download_artifact_response::Message},
};
use serde::{Deserialize, de::IgnoredAny};
use tonic::{Code, Status};

use super::source::{Place, place};
use crate::mlflow::call::Call;

const FILE: &str = "MLmodel";
/// Bytes of a file that is read: one with many columns has some ten thousand.
const BYTES: usize = 256 << 10;
/// The flavor that nearly all models have besides their own.
const GENERIC: &str = "python_function";

/// What a file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Described {
    /// Empty if it is not known.
    pub(super) flavor: String,
    pub(super) schema: Option<Schema>,
}

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("it has more than {BYTES} bytes")]
    TooLong,
    #[error(transparent)]
    Yaml(#[from] serde_saphyr::Error),
    #[error("its signature: {0}")]
    Signature(#[from] serde_json::Error),
    #[error(transparent)]
    Download(#[from] Status),
}

/// What the file says that stands among those at `files`; nothing if there is none. Models are registered
/// whether it can be read or not.
pub(super) async fn read(call: &Call, files: &str) -> Described {
    let request = match place(files) {
        Place::LoggedModel(id) => DownloadArtifactRequest {
            logged_model_id: id.to_owned(),
            path: FILE.to_owned(),
            ..Default::default()
        },
        Place::Run(run, path) if !path.is_empty() && run.parse::<RunId>().is_ok() => {
            DownloadArtifactRequest {
                run_id: run.to_owned(),
                path: format!("{}/{FILE}", path.trim_end_matches('/')),
                ..Default::default()
            }
        }
        _ => return Described::default(),
    };
    match try_read(call, request).await {
        Ok(described) => described,
        Err(Unread::Download(status)) if status.code() == Code::NotFound => Described::default(),
        Err(error) => {
            tracing::warn!(files, %error, "the file MLmodel was not read");
            Described::default()
        }
    }
}

async fn try_read(call: &Call, request: DownloadArtifactRequest) -> Result<Described, Unread> {
    let answer = call.artifacts().download_artifact(request).await?;
    let mut messages = answer.into_inner();
    let mut bytes = Vec::new();
    while let Some(message) = messages.next().await {
        if let Some(Message::Chunk(chunk)) = message?.message {
            if bytes.len() + chunk.len() > BYTES {
                return Err(Unread::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
    }
    parse(&String::from_utf8_lossy(&bytes))
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    flavors: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    signature: Option<Signature>,
}

/// Fields as JSON in a text.
#[derive(Deserialize)]
struct Signature {
    #[serde(default)]
    inputs: Option<String>,
    #[serde(default)]
    outputs: Option<String>,
}

#[derive(Deserialize)]
struct Field {
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: Option<bool>,
    /// As older clients write it.
    #[serde(default)]
    optional: bool,
    #[serde(default, rename = "tensor-spec")]
    tensor: Option<Tensor>,
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<i64>,
}

fn parse(text: &str) -> Result<Described, Unread> {
    let File { flavors, signature } = serde_saphyr::from_str(text)?;
    let own = flavors.keys().find(|flavor| *flavor != GENERIC);
    let flavor = own.or_else(|| flavors.keys().next());
    let schema = match signature {
        Some(Signature { inputs, outputs }) => Some(Schema {
            inputs: fields(inputs.as_deref())?,
            outputs: fields(outputs.as_deref())?,
        }),
        None => None,
    };
    Ok(Described {
        flavor: flavor.cloned().unwrap_or_default(),
        schema,
    })
}

fn fields(text: Option<&str>) -> Result<Vec<SchemaField>, serde_json::Error> {
    let fields: Option<Vec<Field>> = serde_json::from_str(text.unwrap_or("null"))?;
    let fields = fields.unwrap_or_default().into_iter();
    Ok(fields.map(SchemaField::from).collect())
}

impl From<Field> for SchemaField {
    fn from(field: Field) -> Self {
        let (kind, shape) = match field.tensor {
            Some(tensor) => (tensor.dtype, tensor.shape),
            None => (field.kind, Vec::new()),
        };
        Self {
            name: field.name.unwrap_or_default(),
            r#type: kind,
            shape,
            optional: field.optional || field.required == Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = r#"
artifact_path: model
flavors:
  python_function:
    env:
      conda: conda.yaml
    loader_module: mlflow.sklearn
  sklearn:
    code: null
    sklearn_version: 1.5.0
mlflow_version: 3.1.0
model_size_bytes: 1024
signature:
  inputs: '[{"type": "double", "name": "age", "required": true}, {"type": "string",
    "name": "job", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1, 2]}}]'
  params: null
"#;

    fn field(name: &str, kind: &str, shape: &[i64], optional: bool) -> SchemaField {
        SchemaField {
            name: name.to_owned(),
            r#type: kind.to_owned(),
            shape: shape.to_vec(),
            optional,
        }
    }

    #[test]
    fn flavor_and_signature_are_read() {
        let described = parse(WRITTEN).unwrap();
        assert_eq!(described.flavor, "sklearn");
        let schema = described.schema.unwrap();
        assert_eq!(
            schema.inputs,
            [
                field("age", "double", &[], false),
                field("job", "string", &[], true)
            ]
        );
        assert_eq!(schema.outputs, [field("", "int64", &[-1, 2], false)]);
    }

    #[test]
    fn what_is_not_said_is_not_known() {
        let described = parse("flavors: {python_function: {}}").unwrap();
        assert_eq!(
            (described.flavor.as_str(), described.schema),
            (GENERIC, None)
        );
        let described = parse("run_id: abc").unwrap();
        assert_eq!(described, Described::default());
        let empty = parse("signature: {inputs: null}").unwrap().schema;
        assert_eq!(empty, Some(Schema::default()));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let nested = format!("flavors: {}", "[".repeat(100_000));
        let doubled = "a: &a [x, x]\nb: &b [*a, *a]\n".to_owned()
            + "c: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nflavors: [*c]";
        for text in [
            "not a real one",
            "flavors: 3",
            "signature: {inputs: 'no JSON'}",
            "a: [",
            &nested,
            &doubled,
        ] {
            assert!(parse(text).is_err(), "{:.40}", text);
        }
    }
}
