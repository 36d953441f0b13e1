//! One call: who makes it, in which workspace, with which fields, and the services to ask.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    RequestExt as _,
    body::Body,
    extract::{RawPathParams, Request},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use herdbook_core::limits::MESSAGE_BYTES;
use herdbook_proto::{
    access::v1::access_service_client::AccessServiceClient,
    tracking::v1::{
        artifact_service_client::ArtifactServiceClient,
        experiment_service_client::ExperimentServiceClient,
        logged_model_service_client::LoggedModelServiceClient,
        metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
        upload_service_client::UploadServiceClient,
    },
};
use herdbook_rpc::{Authenticate, Caller, CallerChannel, WORKSPACE};
use http::{
    HeaderMap, HeaderValue, Method,
    header::{AUTHORIZATION, HOST},
};
use serde::de::DeserializeOwned;

use super::{
    error::{Answer, Error},
    wire,
};
use crate::{Services, door};

/// Bytes of a body of fields.
const BODY_BYTES: usize = MESSAGE_BYTES;
/// The header by which MLflow's clients name a workspace.
const MLFLOW_WORKSPACE: &str = "x-mlflow-workspace";
/// The workspace of those who name none and have no token.
const DEFAULT_WORKSPACE: &str = "default";
/// What assertions of other services would have to be for; none are made for doors.
const SERVICE: &str = "herdbook.gateway";

/// What endpoints are served with.
pub(super) struct Door {
    pub(super) authenticator: Arc<dyn Authenticate>,
    pub(super) services: Services,
}

/// One call.
pub(super) struct Call {
    caller: Caller,
    workspace: Option<String>,
    services: Services,
    captured: Vec<(String, String)>,
    headers: HeaderMap,
    fields: Fields,
}

/// What a request asks.
enum Fields {
    Query(String),
    Json(Bytes),
}

impl Door {
    /// The call that `request` makes, its body not read.
    pub(super) async fn open_call(&self, mut request: Request) -> Answer<(Call, Body)> {
        let captured = request.extract_parts::<RawPathParams>().await;
        let captured: Vec<(String, String)> = captured
            .map_err(|_| Error::invalid("the address is not UTF-8"))?
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let workspace = captured.iter().find(|(name, _)| name == "workspace");
        let credentials = credentials(request.headers(), workspace.map(|(_, name)| &**name))?;
        let caller = self.authenticator.authenticate(&credentials, SERVICE).await;
        let caller = caller.map_err(Error::of)?;
        tracing::Span::current().record("caller", &*caller.name);
        tracing::Span::current().record("workspace", caller.workspace.0);
        let named = match credentials.get(WORKSPACE) {
            Some(name) => name.to_str().ok(),
            None if credentials.contains_key(AUTHORIZATION) => None,
            None => Some(DEFAULT_WORKSPACE),
        };
        let (mut parts, body) = request.into_parts();
        // Where HTTP/2 has it.
        if let Some(authority) = parts.uri.authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            parts.headers.entry(HOST).or_insert(host);
        }
        let call = Call {
            caller,
            workspace: named.map(str::to_owned),
            services: self.services.clone(),
            captured,
            headers: parts.headers,
            fields: Fields::Query(parts.uri.query().unwrap_or_default().to_owned()),
        };
        Ok((call, body))
    }

    /// The call that `request` makes, with its fields.
    pub(super) async fn read_call(&self, request: Request) -> Answer<Call> {
        let has_query = request.uri().query().is_some_and(|query| !query.is_empty());
        let in_query = request.method() == Method::GET && has_query;
        let (mut call, body) = self.open_call(request).await?;
        if !in_query {
            let mut request = Request::new(body);
            *request.headers_mut() = call.headers.clone();
            let body = door::json(request, BODY_BYTES).await.map_err(Error::of)?;
            call.fields = Fields::Json(body);
        }
        Ok(call)
    }
}

/// What the caller is known by, in the form in which gRPC has it. The user of Basic credentials is not
/// looked at: whose a token is, the token tells.
fn credentials(headers: &HeaderMap, in_path: Option<&str>) -> Answer<HeaderMap> {
    let mut credentials = HeaderMap::new();
    if let Some(sent) = headers.get(AUTHORIZATION) {
        let token = basic_password(sent).unwrap_or_else(|| sent.clone());
        credentials.insert(AUTHORIZATION, token);
    }
    let in_header = headers.get(MLFLOW_WORKSPACE).or(headers.get(WORKSPACE));
    let named = match in_path {
        Some(name) => {
            let name = HeaderValue::from_str(name);
            Some(name.map_err(|_| Error::not_found("there is no workspace of this name"))?)
        }
        None => in_header.filter(|name| !name.is_empty()).cloned(),
    };
    if let Some(name) = named {
        credentials.insert(WORKSPACE, name);
    }
    Ok(credentials)
}

/// The password of Basic credentials as a bearer's token; `None` if they are of another kind.
fn basic_password(sent: &HeaderValue) -> Option<HeaderValue> {
    let (scheme, encoded) = sent.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (_, password) = text.split_once(':')?;
    HeaderValue::from_str(&format!("Bearer {password}")).ok()
}

impl Call {
    /// Its fields.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Answer<T> {
        match &self.fields {
            Fields::Query(query) => wire::from_query(query),
            Fields::Json(body) => wire::from_json(body),
        }
    }

    /// What its path has at `name`.
    pub(super) fn captured(&self, name: &str) -> &str {
        let found = self.captured.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).unwrap_or_default()
    }

    /// The name of the workspace that is called; `None` where only the token knows it.
    pub(super) fn workspace(&self) -> Option<&str> {
        self.workspace.as_deref()
    }

    /// A header of the request.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The address of this server as the caller knows it, with the workspace if its path names one. What stands between
    /// both tells in headers where the caller sent the request.
    pub(super) fn base_url(&self) -> Answer<String> {
        // The first of a list is what stands next to the caller.
        let forwarded = |name: &str| Some(self.header(name)?.split(',').next()?.trim());
        let scheme = forwarded("x-forwarded-proto").unwrap_or("http");
        let host = forwarded("x-forwarded-host").or_else(|| self.header(HOST.as_str()));
        let host = host.ok_or_else(|| Error::invalid("the request has no header Host"))?;
        let prefix = forwarded("x-forwarded-prefix").unwrap_or_default();
        let prefix = prefix.trim_end_matches('/');
        Ok(match self.captured("workspace") {
            "" => format!("{scheme}://{host}{prefix}"),
            workspace => format!("{scheme}://{host}{prefix}/w/{workspace}"),
        })
    }

    /// Whose the credentials are that came with the call; `None` if none came, and clients say themselves who they are.
    pub(super) fn principal(&self) -> Option<&str> {
        let known = self.headers.contains_key(AUTHORIZATION);
        known.then_some(&*self.caller.name)
    }

    /// By what the caller was known, and its workspace, in the headers of the request.
    pub(super) fn sent_credentials(&self) -> BTreeMap<&'static str, String> {
        let sent = ["authorization", MLFLOW_WORKSPACE, WORKSPACE];
        let sent = sent.into_iter();
        sent.filter_map(|name| Some((name, self.header(name)?.to_owned())))
            .collect()
    }

    /// Tracking, on the caller's behalf.
    pub(super) fn tracking(&self) -> CallerChannel {
        self.services.tracking.on_behalf_of(&self.caller)
    }

    /// The registry, on the caller's behalf.
    pub(super) fn registry(&self) -> CallerChannel {
        self.services.registry.on_behalf_of(&self.caller)
    }

    /// Lineage, on the caller's behalf.
    pub(super) fn lineage(&self) -> CallerChannel {
        self.services.lineage.on_behalf_of(&self.caller)
    }

    pub(super) fn access(&self) -> AccessServiceClient<CallerChannel> {
        AccessServiceClient::new(self.services.access.on_behalf_of(&self.caller))
    }

    pub(super) fn runs(&self) -> RunServiceClient<CallerChannel> {
        RunServiceClient::new(self.tracking()).max_decoding_message_size(MESSAGE_BYTES)
    }

    pub(super) fn metrics(&self) -> MetricServiceClient<CallerChannel> {
        MetricServiceClient::new(self.tracking()).max_decoding_message_size(MESSAGE_BYTES)
    }

    pub(super) fn artifacts(&self) -> ArtifactServiceClient<CallerChannel> {
        ArtifactServiceClient::new(self.tracking()).max_decoding_message_size(MESSAGE_BYTES)
    }

    pub(super) fn uploads(&self) -> UploadServiceClient<CallerChannel> {
        UploadServiceClient::new(self.tracking())
    }

    pub(super) fn logged_models(&self) -> LoggedModelServiceClient<CallerChannel> {
        LoggedModelServiceClient::new(self.tracking()).max_decoding_message_size(MESSAGE_BYTES)
    }

    pub(super) fn experiments(&self) -> ExperimentServiceClient<CallerChannel> {
        ExperimentServiceClient::new(self.tracking()).max_decoding_message_size(MESSAGE_BYTES)
    }
}
