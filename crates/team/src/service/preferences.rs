//! What each person prefers.

use std::collections::BTreeMap;

use herdbook_core::limits::TEXT_BYTES;
use herdbook_proto::{
    InvalidRequest, Violations, fields,
    team::v1::{self as proto, preference_service_server::PreferenceService},
};
use herdbook_rpc::{Caller, answer};
use serde::de::IgnoredAny;
use tonic::{Request, Response, Status};

use crate::{TeamError, store::Store};

pub(crate) struct PreferenceApi {
    store: Store,
}

impl PreferenceApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn set(
        &self,
        caller: &Caller,
        request: proto::SetPreferencesRequest,
    ) -> Result<proto::SetPreferencesResponse, TeamError> {
        let preferences = check(request)?;
        self.store.set_preferences(caller, preferences).await?;
        Ok(proto::SetPreferencesResponse {})
    }
}

fn check(
    request: proto::SetPreferencesRequest,
) -> Result<BTreeMap<String, String>, InvalidRequest> {
    let mut violations = Violations::default();
    let preferences = fields::pairs(
        "preferences",
        request.preferences,
        TEXT_BYTES,
        &mut violations,
    );
    for (key, value) in preferences.iter().filter(|(_, value)| !value.is_empty()) {
        let json = serde_json::from_str::<IgnoredAny>(value);
        let json = json.map_err(|error| format!("the value of {key:?} is not JSON: {error}"));
        violations.check("preferences", json);
    }
    violations.finish()?;
    Ok(preferences)
}

#[tonic::async_trait]
impl PreferenceService for PreferenceApi {
    async fn get_preferences(
        &self,
        request: Request<proto::GetPreferencesRequest>,
    ) -> Result<Response<proto::GetPreferencesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let preferences = self.store.preferences(&caller).await;
        answer(preferences.map(|preferences| proto::GetPreferencesResponse { preferences }))
    }

    async fn set_preferences(
        &self,
        request: Request<proto::SetPreferencesRequest>,
    ) -> Result<Response<proto::SetPreferencesResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.set(&caller, request.into_inner()).await)
    }
}
