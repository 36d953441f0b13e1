//! What lies in folders.

use axum::response::Response;
use herdbook_core::limits::MAX_PAGE_SIZE;
use herdbook_proto::tracking::v1::{
    FolderEntry, GetLoggedModelRequest, GetRunRequest, ListFolderRequest,
    run_service_client::RunServiceClient,
};
use serde::Deserialize;

use super::{
    OfRun,
    place::{Holder, Place, checked},
    shown::{Listing, Shown},
};
use crate::mlflow::{call::Call, error::Answer, logged_models, wire};

#[derive(Default, Deserialize)]
#[serde(default)]
struct OfModel {
    artifact_directory_path: Option<String>,
}

/// `artifacts/list`.
pub(super) async fn of_run(call: Call) -> Answer<Response> {
    let fields: OfRun = call.read()?;
    let run = fields
        .run_id
        .filter(|id| !id.is_empty())
        .or(fields.run_uuid);
    let run_id = wire::required_text("run_id", run)?;
    let path = checked(&fields.path.unwrap_or_default())?;
    let request = GetRunRequest {
        run_id: run_id.clone(),
    };
    let mut runs = RunServiceClient::new(call.tracking());
    let run = runs.get_run(request).await?.into_inner().run;
    let experiment = run.unwrap_or_default().experiment_id;
    let root = format!("mlflow-artifacts:/{experiment}/{run_id}/artifacts");
    let holder = Holder::Run(run_id);
    listed(&call, Place { holder, path }, root).await
}

/// `logged-models/{model_id}/artifacts/directories`.
pub(super) async fn of_model(call: Call) -> Answer<Response> {
    let fields: OfModel = call.read()?;
    let path = checked(&fields.artifact_directory_path.unwrap_or_default())?;
    let model_id = call.captured("model_id").to_owned();
    let request = GetLoggedModelRequest {
        model_id: model_id.clone(),
    };
    let found = call.logged_models().get_logged_model(request).await?;
    let model = found.into_inner().model.unwrap_or_default();
    let root = logged_models::artifact_uri(model.experiment_id, &model_id);
    let holder = Holder::Model(model_id);
    listed(&call, Place { holder, path }, root).await
}

async fn listed(call: &Call, place: Place, root: String) -> Answer<Response> {
    let entries = entries(call, &place).await?;
    wire::json(&Listing {
        root_uri: Some(root),
        files: entries.into_iter().map(Shown::by_path).collect(),
    })
}

/// All that lies directly in a folder; nothing if there is no such folder.
pub(super) async fn entries(call: &Call, place: &Place) -> Answer<Vec<FolderEntry>> {
    let (run_id, logged_model_id) = place.holder.ids();
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListFolderRequest {
            run_id: run_id.clone(),
            logged_model_id: logged_model_id.clone(),
            path: place.path.clone(),
            page_size: MAX_PAGE_SIZE,
            page_token,
        };
        let page = call.artifacts().list_folder(request).await?.into_inner();
        entries.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(entries);
        }
    }
}
