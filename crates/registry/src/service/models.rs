//! Models, aliases and policies.

use std::collections::HashMap;

use herdbook_core::{PageToken, limits::REGISTRY_TAG_VALUE_BYTES};
use herdbook_proto::{
    Violations,
    fields::{self, Mask},
    registry::v1::{self as proto, model_service_server::ModelService},
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::{answer, change_card, past};
use crate::{
    RegistryError,
    card::Card,
    convert,
    search::Key,
    store::{
        Store,
        models::{Model, NewModel},
    },
    version::Version,
};

/// The card in a mask, and its fields in their order.
const CARD: [&str; 5] = [
    "card",
    "card.usage_notes",
    "card.intended_use",
    "card.limits",
    "card.licence",
];

pub(crate) struct ModelApi {
    pub(super) store: Store,
}

impl ModelApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Adds to each stage of models, which have these keys, the newest version in it.
    pub(super) async fn add_newest(
        &self,
        keys: &[i64],
        models: &mut [proto::Model],
    ) -> Result<(), RegistryError> {
        let of = |key: i64, content: &proto::StageContent| Some((key, *content.versions.last()?));
        let each = keys.iter().zip(&*models);
        let newest = each.flat_map(|(key, model)| {
            let stages = model.stages.iter();
            stages.filter_map(move |content| of(*key, content))
        });
        let newest: Vec<Key> = newest.collect();
        let found = self.store.versions_of(&newest).await?;
        let mut found: HashMap<Key, Version> = found.into_iter().collect();
        for (key, model) in keys.iter().zip(models) {
            for content in &mut model.stages {
                let version = of(*key, content).and_then(|newest| found.remove(&newest));
                content.newest = version.map(|version| convert::to_version(version, Vec::new()));
            }
        }
        Ok(())
    }

    async fn get(
        &self,
        caller: &Caller,
        request: &proto::GetModelRequest,
    ) -> Result<proto::Model, RegistryError> {
        let name = &request.name;
        let (model, contents) = self.store.whole_model(caller.workspace, name).await?;
        let key = model.key;
        let mut model = convert::to_model(model, Some(&contents));
        if request.newest_versions {
            self.add_newest(&[key], std::slice::from_mut(&mut model))
                .await?;
        }
        Ok(model)
    }

    async fn shown(&self, caller: &Caller, name: &str) -> Result<proto::Model, RegistryError> {
        let (model, contents) = self.store.whole_model(caller.workspace, name).await?;
        Ok(convert::to_model(model, Some(&contents)))
    }

    async fn create(
        &self,
        caller: &Caller,
        request: proto::CreateModelRequest,
    ) -> Result<proto::Model, RegistryError> {
        let proto::CreateModelRequest {
            name,
            description,
            tags,
            owners,
            card,
            created_at,
        } = request;
        let mut violations = Violations::default();
        convert::check_model_name("name", &name, &mut violations);
        convert::check_words("description", &description, &mut violations);
        let tags = fields::pairs("tags", tags, REGISTRY_TAG_VALUE_BYTES, &mut violations);
        convert::check_owners("owners", &owners, &mut violations);
        let card = Card::from(card.unwrap_or_default());
        card.check("card", &mut violations);
        let created_at = past("created_at", created_at.as_ref(), &mut violations);
        violations.finish()?;
        let new = NewModel {
            name,
            description,
            tags,
            owners,
            card,
            created_at,
        };
        let (workspace, principal) = (caller.workspace, &caller.name);
        let model = self.store.create_model(workspace, principal, &new).await?;
        self.shown(caller, &model.name).await
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListModelsRequest,
    ) -> Result<proto::ListModelsResponse, RegistryError> {
        let size = fields::page_size(request.page_size)?;
        let after = PageToken::<String>::decode(&request.page_token, "models")?.unwrap_or_default();
        // Read first: what it stands for is in the page, and what comes after it is watched.
        let revision = self.store.revision(caller.workspace).await?;
        let mut found = self
            .store
            .models(caller.workspace, &after, size + 1)
            .await?;
        let next_page_token =
            PageToken::cut(&mut found, size, "models", |model| model.name.clone());
        let keys: Vec<i64> = found.iter().map(|model| model.key).collect();
        let contents = self.store.contents(&keys).await?;
        let models = found.into_iter().map(|model| {
            let of_model = contents.get(&model.key);
            convert::to_model(model, of_model)
        });
        Ok(proto::ListModelsResponse {
            models: models.collect(),
            next_page_token,
            revision,
        })
    }

    async fn update(
        &self,
        caller: &Caller,
        request: proto::UpdateModelRequest,
    ) -> Result<proto::Model, RegistryError> {
        let mut violations = Violations::default();
        let mask = Mask::read(
            request.update_mask,
            &[&["description", "owners", "tags"], CARD.as_slice()].concat(),
            &mut violations,
        );
        let given = violations
            .require("model", request.model)
            .unwrap_or_default();
        convert::check_words("model.description", &given.description, &mut violations);
        let tags = fields::pairs(
            "model.tags",
            given.tags,
            REGISTRY_TAG_VALUE_BYTES,
            &mut violations,
        );
        convert::check_owners("model.owners", &given.owners, &mut violations);
        let card = Card::from(given.card.unwrap_or_default());
        card.check("model.card", &mut violations);
        violations.finish()?;
        let change = |model: &mut Model| {
            if mask.has("description") {
                model.description = given.description;
            }
            if mask.has("owners") {
                model.owners = given.owners;
            }
            change_card(&mask, CARD, &mut model.card, card);
            mask.change_tags(&mut model.tags.0, tags);
        };
        let (workspace, principal) = (caller.workspace, &caller.name);
        let model = self
            .store
            .update_model(workspace, principal, &given.name, change)
            .await?;
        self.shown(caller, &model.name).await
    }

    async fn rename(
        &self,
        caller: &Caller,
        name: &str,
        new_name: &str,
    ) -> Result<proto::Model, RegistryError> {
        let mut violations = Violations::default();
        convert::check_model_name("new_name", new_name, &mut violations);
        violations.finish()?;
        let (workspace, principal) = (caller.workspace, &caller.name);
        let renamed = self
            .store
            .rename_model(workspace, principal, name, new_name)
            .await?;
        self.shown(caller, &renamed.name).await
    }

    async fn set_alias(
        &self,
        caller: &Caller,
        model: &str,
        alias: &str,
        number: Option<i64>,
    ) -> Result<proto::Model, RegistryError> {
        let (workspace, principal) = (caller.workspace, &caller.name);
        if number.is_some() {
            let found = self.store.model(workspace, model).await?;
            convert::check_alias(alias, &found.policy)?;
        }
        let model = self
            .store
            .set_alias(workspace, principal, model, alias, number)
            .await?;
        self.shown(caller, &model.name).await
    }

    async fn set_policy(
        &self,
        caller: &Caller,
        request: proto::SetPolicyRequest,
    ) -> Result<proto::Policy, RegistryError> {
        let mut violations = Violations::default();
        let given = violations
            .require("policy", request.policy)
            .unwrap_or_default();
        violations.finish()?;
        let expected = given.revision;
        let policy = convert::policy::read(given)?;
        let (workspace, principal) = (caller.workspace, &caller.name);
        let model = self
            .store
            .set_policy(workspace, principal, &request.model, &policy, expected)
            .await?;
        Ok(convert::policy::write(
            model.policy.0,
            model.policy_revision,
        ))
    }
}

#[tonic::async_trait]
impl ModelService for ModelApi {
    async fn create_model(
        &self,
        request: Request<proto::CreateModelRequest>,
    ) -> Result<Response<proto::CreateModelResponse>, Status> {
        let caller = Caller::of(&request)?;
        let model = self.create(&caller, request.into_inner()).await;
        answer(model.map(|model| proto::CreateModelResponse { model: Some(model) }))
    }

    async fn get_model(
        &self,
        request: Request<proto::GetModelRequest>,
    ) -> Result<Response<proto::GetModelResponse>, Status> {
        let caller = Caller::of(&request)?;
        let model = self.get(&caller, request.get_ref()).await;
        answer(model.map(|model| proto::GetModelResponse { model: Some(model) }))
    }

    async fn list_models(
        &self,
        request: Request<proto::ListModelsRequest>,
    ) -> Result<Response<proto::ListModelsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }

    async fn search_models(
        &self,
        request: Request<proto::SearchModelsRequest>,
    ) -> Result<Response<proto::SearchModelsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.search(&caller, request.into_inner()).await)
    }

    async fn update_model(
        &self,
        request: Request<proto::UpdateModelRequest>,
    ) -> Result<Response<proto::UpdateModelResponse>, Status> {
        let caller = Caller::of(&request)?;
        let model = self.update(&caller, request.into_inner()).await;
        answer(model.map(|model| proto::UpdateModelResponse { model: Some(model) }))
    }

    async fn set_alias(
        &self,
        request: Request<proto::SetAliasRequest>,
    ) -> Result<Response<proto::SetAliasResponse>, Status> {
        let caller = Caller::of(&request)?;
        let proto::SetAliasRequest {
            model,
            alias,
            version,
        } = request.into_inner();
        let model = self.set_alias(&caller, &model, &alias, Some(version)).await;
        answer(model.map(|model| proto::SetAliasResponse { model: Some(model) }))
    }

    async fn delete_alias(
        &self,
        request: Request<proto::DeleteAliasRequest>,
    ) -> Result<Response<proto::DeleteAliasResponse>, Status> {
        let caller = Caller::of(&request)?;
        let proto::DeleteAliasRequest { model, alias } = request.into_inner();
        let model = self.set_alias(&caller, &model, &alias, None).await;
        answer(model.map(|model| proto::DeleteAliasResponse { model: Some(model) }))
    }

    async fn get_policy(
        &self,
        request: Request<proto::GetPolicyRequest>,
    ) -> Result<Response<proto::GetPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let model = self
            .store
            .model(caller.workspace, &request.get_ref().model)
            .await;
        let policy =
            model.map(|model| convert::policy::write(model.policy.0, model.policy_revision));
        answer(policy.map(|policy| proto::GetPolicyResponse {
            policy: Some(policy),
        }))
    }

    async fn set_policy(
        &self,
        request: Request<proto::SetPolicyRequest>,
    ) -> Result<Response<proto::SetPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let policy = self.set_policy(&caller, request.into_inner()).await;
        answer(policy.map(|policy| proto::SetPolicyResponse {
            policy: Some(policy),
        }))
    }

    async fn delete_model(
        &self,
        request: Request<proto::DeleteModelRequest>,
    ) -> Result<Response<proto::DeleteModelResponse>, Status> {
        let caller = Caller::of(&request)?;
        let (workspace, principal) = (caller.workspace, &caller.name);
        let name = &request.get_ref().name;
        let deleted = self.store.delete_model(workspace, principal, name).await;
        answer(deleted.map(|()| proto::DeleteModelResponse {}))
    }

    async fn rename_model(
        &self,
        request: Request<proto::RenameModelRequest>,
    ) -> Result<Response<proto::RenameModelResponse>, Status> {
        let caller = Caller::of(&request)?;
        let proto::RenameModelRequest { name, new_name } = request.get_ref();
        let model = self.rename(&caller, name, new_name).await;
        answer(model.map(|model| proto::RenameModelResponse { model: Some(model) }))
    }
}
