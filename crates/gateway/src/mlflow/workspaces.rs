//! Workspaces, as far as their names and descriptions go.

use axum::response::{IntoResponse as _, Response};
use herdbook_proto::access::v1::{CreateWorkspaceRequest, ListWorkspacesRequest, Workspace};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    unsupported, wire,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("workspaces", list),
        Endpoint::post("workspaces", create),
        Endpoint::get("workspaces/{workspace_name}", get),
        Endpoint::new(Method::PATCH, "workspaces/{workspace_name}", change),
        Endpoint::new(Method::DELETE, "workspaces/{workspace_name}", change),
    ]
}

#[derive(Serialize)]
struct Shown {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

impl From<Workspace> for Shown {
    fn from(workspace: Workspace) -> Self {
        Self {
            name: workspace.name,
            description: workspace.description,
        }
    }
}

#[derive(Serialize)]
struct One {
    workspace: Shown,
}

#[derive(Serialize)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    workspaces: Vec<Shown>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Create {
    name: Option<String>,
    description: Option<String>,
}

async fn list(call: Call) -> Answer<Response> {
    let workspaces = all(&call).await?;
    wire::json(&Many {
        workspaces: workspaces.into_iter().map(Into::into).collect(),
    })
}

async fn get(call: Call) -> Answer<Response> {
    let name = call.captured("workspace_name");
    let found = all(&call).await?.into_iter().find(|one| one.name == name);
    let workspace =
        found.ok_or_else(|| Error::not_found(format!("Workspace '{name}' not found")))?;
    wire::json(&One {
        workspace: workspace.into(),
    })
}

async fn create(call: Call) -> Answer<Response> {
    let fields: Create = call.read()?;
    let request = CreateWorkspaceRequest {
        name: wire::required_text("name", fields.name)?,
        description: fields.description.unwrap_or_default(),
    };
    let made = call.access().create_workspace(request).await?.into_inner();
    let workspace = made.workspace.unwrap_or_default().into();
    let answer = wire::json(&One { workspace })?;
    Ok((StatusCode::CREATED, answer).into_response())
}

async fn change(_: Call) -> Answer<Response> {
    Err(unsupported::error(
        "workspaces of Herdbook cannot be changed or deleted by this call",
    ))
}

async fn all(call: &Call) -> Answer<Vec<Workspace>> {
    let found = call
        .access()
        .list_workspaces(ListWorkspacesRequest {})
        .await;
    Ok(found?.into_inner().workspaces)
}
