//! Registering versions.

use axum::response::Response;
use herdbook_core::RunId;
use herdbook_proto::{
    registry::v1::{CreateVersionRequest, Version},
    tracking::v1::LogLoggedModelRequest,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    logged_model,
    source::{self, Source},
    versions, whole,
};
use crate::mlflow::{
    call::Call,
    error::{Answer, Error},
    registered_models::{self as models, RUN_ID, RUN_LINK, Tag, model_name},
    wire,
};

/// The tag of a logged model that says as which versions it was registered.
const REGISTERED_AS: &str = "mlflow.modelVersions";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    name: Option<String>,
    source: Option<String>,
    run_id: Option<String>,
    model_id: Option<String>,
    run_link: Option<String>,
    description: Option<String>,
    tags: Vec<Tag>,
}

pub(super) async fn create(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let given = wire::required_text("source", fields.source)?;
    let mut tags = models::tags(fields.tags)?;
    let model_id = fields.model_id.filter(|id| !id.is_empty());
    let Source {
        source,
        files_from,
        run_id,
        described,
    } = match models::is_prompt(&tags) {
        // A prompt is its tags: its source is a placeholder.
        true => Source {
            source: given,
            ..Source::default()
        },
        false => {
            let run_id = fields.run_id;
            source::read(&call, &given, run_id, model_id.clone()).await?
        }
    };
    if let Some(link) = fields.run_link.filter(|link| !link.is_empty()) {
        tags.insert(RUN_LINK.to_owned(), link);
    }
    let run_id = match run_id.parse::<RunId>() {
        Err(_) if !run_id.is_empty() => {
            // Of some other place, or made up.
            tags.insert(RUN_ID.to_owned(), run_id);
            String::new()
        }
        _ => run_id,
    };
    let request = CreateVersionRequest {
        model: name.clone(),
        source,
        files_from,
        run_id,
        description: fields.description.unwrap_or_default(),
        tags,
        external: true,
        flavor: described.flavor,
        schema: described.schema,
        ..Default::default()
    };
    let version = register(&call, request).await;
    let version = version.map_err(|error| models::about(&name, error))?;
    if let Some(id) = model_id
        && let Err(error) = note_registration(&call, &id, &version).await
    {
        // The version is there, and knows its logged model: only MLflow's pages look at this.
        tracing::warn!(%id, ?error, "a logged model does not say that it was registered");
    }
    whole(version)
}

/// Registers a version, without what its file said of it if that cannot be kept.
async fn register(call: &Call, mut request: CreateVersionRequest) -> Answer<Version> {
    let described = !request.flavor.is_empty() || request.schema.is_some();
    let mut made = versions(call)
        .create_version(request.clone())
        .await
        .map_err(Error::from);
    if described
        && let Err(error) = &made
        && error.is_for("INVALID_REQUEST")
    {
        tracing::warn!(
            model = request.model,
            ?error,
            "a version is registered without flavor and schema"
        );
        request.flavor.clear();
        request.schema = None;
        made = versions(call)
            .create_version(request)
            .await
            .map_err(Error::from);
    }
    Ok(made?.into_inner().version.unwrap_or_default())
}

/// A version that a logged model was registered as, in its tag.
#[derive(Deserialize)]
struct Registration {
    name: String,
    version: i64,
}

impl Registration {
    /// As MLflow's server writes it, with blanks, since clients compare the text.
    fn write(&self) -> String {
        let name = json!(self.name);
        format!(r#"{{"name": {name}, "version": {}}}"#, self.version)
    }
}

/// Notes at a logged model as which version it was registered.
async fn note_registration(call: &Call, id: &str, version: &Version) -> Answer<()> {
    let model = logged_model(call, id).await?;
    let before = model.tags.get(REGISTERED_AS);
    let known = before.and_then(|text| serde_json::from_str::<Vec<Registration>>(text).ok());
    let mut known = known.unwrap_or_default();
    known.push(Registration {
        name: version.model.clone(),
        version: version.number,
    });
    let known: Vec<String> = known.iter().map(Registration::write).collect();
    let request = LogLoggedModelRequest {
        model_id: id.to_owned(),
        tags: [(REGISTERED_AS.to_owned(), format!("[{}]", known.join(", ")))].into(),
        ..Default::default()
    };
    call.logged_models().log_logged_model(request).await?;
    Ok(())
}
