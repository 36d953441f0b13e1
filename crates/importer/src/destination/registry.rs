//! Registered models, versions, stages and aliases.

use std::collections::BTreeMap;

use herdbook_proto::registry::v1::{
    CreateModelRequest, CreateVersionRequest, GetModelRequest, GetPolicyRequest, GetVersionRequest,
    Model, Policy, SetAliasRequest, TransitionVersionRequest, UpdateModelRequest, Version,
};
use tonic::Status;

use super::{Destination, call, mask, runs::found_or_none};

/// Why a version moves, as the audit log keeps it.
const REASON: &str = "imported from MLflow as it stood there";

impl Destination {
    pub(crate) async fn create_model(&self, request: CreateModelRequest) -> Result<Model, Status> {
        let created = call!(self.models, create_model, request).await?;
        Ok(created.model.unwrap_or_default())
    }

    pub(crate) async fn model(&self, name: &str) -> Result<Option<Model>, Status> {
        let request = GetModelRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        let found = call!(self.models, get_model, request).await;
        Ok(found_or_none(found)?.and_then(|found| found.model))
    }

    /// Sets tags of a model, and leaves the others.
    pub(crate) async fn tag_model(
        &self,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Status> {
        let paths: Vec<String> = tags.keys().map(|key| format!("tags.{key}")).collect();
        let request = UpdateModelRequest {
            model: Some(Model {
                name: name.to_owned(),
                tags,
                ..Default::default()
            }),
            update_mask: mask(&paths.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        call!(self.models, update_model, request).await?;
        Ok(())
    }

    /// The policy by which a model's versions move.
    pub(crate) async fn policy(&self, model: &str) -> Result<Policy, Status> {
        let request = GetPolicyRequest {
            model: model.to_owned(),
        };
        let found = call!(self.models, get_policy, request).await?;
        Ok(found.policy.unwrap_or_default())
    }

    pub(crate) async fn create_version(
        &self,
        request: CreateVersionRequest,
    ) -> Result<Version, Status> {
        let created = call!(self.versions, create_version, request).await?;
        Ok(created.version.unwrap_or_default())
    }

    pub(crate) async fn version(
        &self,
        model: &str,
        number: i64,
    ) -> Result<Option<Version>, Status> {
        let request = GetVersionRequest {
            reference: format!("{model}/{number}"),
        };
        let found = call!(self.versions, get_version, request).await;
        Ok(found_or_none(found)?.and_then(|found| found.version))
    }

    /// Moves a version to a stage, whatever rules say: it stood there. The audit log names those that failed.
    pub(crate) async fn move_version(
        &self,
        model: &str,
        number: i64,
        stage: &str,
    ) -> Result<(), Status> {
        let request = TransitionVersionRequest {
            model: model.to_owned(),
            version: number,
            to: stage.to_owned(),
            comment: REASON.to_owned(),
            override_reason: REASON.to_owned(),
            ..Default::default()
        };
        call!(self.transitions, transition_version, request).await?;
        Ok(())
    }

    pub(crate) async fn set_alias(
        &self,
        model: &str,
        alias: &str,
        version: i64,
    ) -> Result<(), Status> {
        let request = SetAliasRequest {
            model: model.to_owned(),
            alias: alias.to_owned(),
            version,
        };
        call!(self.models, set_alias, request).await?;
        Ok(())
    }
}
