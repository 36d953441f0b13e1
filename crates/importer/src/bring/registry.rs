//! Registered models.

use herdbook_core::limits::REGISTRY_TAG_VALUE_BYTES;
use herdbook_proto::registry::v1 as proto;
use tonic::Code;

use super::{
    Import,
    stages::{Standing, settle},
};
use crate::{
    ImportError,
    destination::{concerns_the_record, milliseconds, timestamp},
    ledger::Kind,
    record::{Model, RUN_ID, Version},
};

impl Import<'_> {
    /// Brings a registered model, unless it has to wait for others.
    pub(super) async fn bring_original(&self, model: Model) -> Result<(), ImportError> {
        if model
            .versions
            .values()
            .any(|version| is_copy(&model.name, version))
        {
            self.later(|later| later.copies.push(model));
            return Ok(());
        }
        self.bring_model(model).await
    }

    /// Brings the models that waited, the oldest first: what was copied is older than its copy.
    pub(super) async fn bring_copies(&self) -> Result<(), ImportError> {
        let mut models = self.now(|later| &mut later.copies);
        models.sort_by_key(|model| model.created);
        for model in models {
            self.bring_model(model).await?;
        }
        Ok(())
    }

    /// Brings a registered model with its versions, stages and aliases.
    async fn bring_model(&self, model: Model) -> Result<(), ImportError> {
        if !self.create_model(&model).await? {
            return Ok(());
        }
        let policy = self.to.policy(&model.name).await?;
        let standings = settle(&model.versions, &policy);
        let first = policy.stages.first().map_or("", |stage| &stage.name);
        for (&number, version) in &model.versions {
            let Some(here) = self.bring_version(&model.name, number, version).await? else {
                continue;
            };
            let stage = match here.stage.is_empty() {
                true => first,
                false => &here.stage,
            };
            if let Some(standing) = standings.get(&number) {
                self.bring_stage(&model.name, number, stage, first, standing)
                    .await?;
            }
        }
        self.bring_aliases(&model).await
    }

    /// Whether the model is here.
    async fn create_model(&self, model: &Model) -> Result<bool, ImportError> {
        let tags = self.taken(
            "tags of models",
            &model.name,
            &model.tags,
            REGISTRY_TAG_VALUE_BYTES,
        );
        let request = proto::CreateModelRequest {
            name: model.name.clone(),
            description: model.description.clone(),
            tags: tags.clone().into_iter().collect(),
            created_at: model.created.map(timestamp),
            ..Default::default()
        };
        let status = match self.to.create_model(request).await {
            Ok(_) => {
                self.ledger.brought(Kind::Model, 1);
                return Ok(true);
            }
            Err(status) => status,
        };
        if status.code() == Code::AlreadyExists
            && let Some(found) = self.to.model(&model.name).await?
        {
            let created = found.created_at.as_ref().map(milliseconds);
            if model.created.is_some() && created != model.created {
                let reason = "its name is that of another model here; nothing was overwritten: rename one of \
                              them, or import into an empty workspace with --workspace";
                self.ledger.left("models", &model.name, reason);
                return Ok(false);
            }
            let missing = self.missing("tags of models", &model.name, &tags, &found.tags);
            match missing.is_empty() {
                true => self.ledger.unchanged(Kind::Model),
                false => {
                    self.to
                        .tag_model(&model.name, missing.into_iter().collect())
                        .await?;
                    self.ledger.brought(Kind::Model, 1);
                }
            }
            return Ok(true);
        }
        match concerns_the_record(&status) {
            true => {
                self.ledger.refused("models", &model.name, &status);
                Ok(false)
            }
            false => Err(status.into()),
        }
    }

    /// The version as it is here; none if it cannot be.
    async fn bring_version(
        &self,
        model: &str,
        number: i64,
        version: &Version,
    ) -> Result<Option<proto::Version>, ImportError> {
        let name = format!("{model}/{number}");
        let mut tags = self.taken(
            "tags of versions",
            &name,
            &version.tags,
            REGISTRY_TAG_VALUE_BYTES,
        );
        let run_id = version.run_id();
        if run_id.is_empty() && !version.run.is_empty() {
            let reason = format!(
                "their run is none of Herdbook's, and is kept as the tag {RUN_ID}: lineage does not lead there"
            );
            self.ledger.stays("runs of versions", &name, reason);
            tags.insert(RUN_ID.to_owned(), version.run.clone());
        }
        let request = proto::CreateVersionRequest {
            model: model.to_owned(),
            number,
            source: version.source.clone(),
            files_from: files_from(version).unwrap_or_default(),
            external: true,
            run_id: run_id.to_owned(),
            description: version.description.clone(),
            tags,
            created_at: version.created.map(timestamp),
            created_by: version.user.clone(),
            ..Default::default()
        };
        let status = match self.to.create_version(request).await {
            Ok(created) => {
                self.ledger.brought(Kind::Version, 1);
                if created.external {
                    let reason = "their files are not here but at their source";
                    self.ledger.stays("files of versions", name, reason);
                }
                return Ok(Some(created));
            }
            Err(status) => status,
        };
        if status.code() == Code::AlreadyExists
            && let Some(found) = self.to.version(model, number).await?
        {
            let created = found.created_at.as_ref().map(milliseconds);
            if found.source == version.source
                && (version.created.is_none() || created == version.created)
            {
                self.ledger.unchanged(Kind::Version);
                return Ok(Some(found));
            }
            let reason = "its number is that of another version here; nothing was overwritten";
            self.ledger.left("versions", name, reason);
            return Ok(None);
        }
        match concerns_the_record(&status) {
            true => {
                self.ledger.refused("versions", name, &status);
                Ok(None)
            }
            false => Err(status.into()),
        }
    }

    /// Moves a version from where it starts to where it is to stand. One that stands elsewhere was moved here since.
    async fn bring_stage(
        &self,
        model: &str,
        number: i64,
        stage: &str,
        first: &str,
        standing: &Standing,
    ) -> Result<(), ImportError> {
        let name = format!("{model}/{number}");
        let to = match standing {
            Standing::Own(to) => to,
            Standing::MadeWay(to) => {
                let reason = format!(
                    "stands in {to}: its stage holds no more, and newer versions stay there"
                );
                self.ledger.stays("stages", &name, reason);
                to
            }
            Standing::Unknown(to) => {
                self.ledger.left(
                    "stages",
                    name,
                    format!("the model's policy has no stage {to}"),
                );
                return Ok(());
            }
        };
        if to == stage {
            return Ok(());
        }
        if stage != first {
            let reason = format!("stands in {stage} here, and not in {to}; nothing was moved");
            self.ledger.left("stages", name, reason);
            return Ok(());
        }
        match self.to.move_version(model, number, to).await {
            Ok(()) => self.ledger.brought(Kind::Stage, 1),
            Err(status) if concerns_the_record(&status) => {
                // Another import may have been faster.
                let here = self.to.version(model, number).await?;
                if here.is_none_or(|here| here.stage != *to) {
                    self.ledger.refused("stages", name, &status);
                }
            }
            Err(status) => return Err(status.into()),
        }
        Ok(())
    }

    async fn bring_aliases(&self, model: &Model) -> Result<(), ImportError> {
        if model.aliases.is_empty() {
            return Ok(());
        }
        let here = self.to.model(&model.name).await?.unwrap_or_default();
        for (alias, &number) in &model.aliases {
            let name = format!("{}@{alias}", model.name);
            match here.aliases.get(alias) {
                Some(&pointed) if pointed == number => self.ledger.unchanged(Kind::Alias),
                Some(pointed) => {
                    let reason = format!("points at version {pointed} here, and not at {number}");
                    self.ledger.left("aliases", name, reason);
                }
                None => match self.to.set_alias(&model.name, alias, number).await {
                    Ok(()) => self.ledger.brought(Kind::Alias, 1),
                    Err(status) if concerns_the_record(&status) => {
                        self.ledger.refused("aliases", name, &status);
                    }
                    Err(status) => return Err(status.into()),
                },
            }
        }
        Ok(())
    }
}

/// Whether a version is a copy of one of another model: `models:/<model>/<number>`.
fn is_copy(model: &str, version: &Version) -> bool {
    let other = version.source.strip_prefix("models:/");
    other.is_some_and(|other| {
        let own = other
            .strip_prefix(model)
            .is_some_and(|rest| rest.starts_with('/'));
        !other.starts_with("m-") && !own
    })
}

/// Where a version's files have come to, where its source does not say so in Herdbook's words: the run or the logged
/// model below whose artifacts the source lies.
fn files_from(version: &Version) -> Option<String> {
    let is_known = |uri: &str| uri.starts_with("runs:/") || uri.starts_with("models:/");
    if is_known(&version.source) {
        return None;
    }
    if is_known(&version.storage) {
        return Some(version.storage.clone());
    }
    let source = version.source.trim_end_matches('/');
    if let Some((_, rest)) = source.split_once("/models/m-")
        && let Some((id, _)) = rest.split_once("/artifacts")
    {
        return Some(format!("models:/m-{id}"));
    }
    if version.run.is_empty() {
        return None;
    }
    let (_, path) = source.split_once(&format!("/{}/artifacts", version.run))?;
    Some(format!(
        "runs:/{}/{}",
        version.run,
        path.trim_start_matches('/')
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn from(source: &str, run: &str) -> Option<String> {
        files_from(&Version {
            description: String::new(),
            created: None,
            user: String::new(),
            stage: String::new(),
            source: source.to_owned(),
            storage: String::new(),
            run: run.to_owned(),
            tags: BTreeMap::new(),
        })
    }

    #[test]
    fn files_are_found_by_the_run_or_the_model_whose_artifacts_they_are() {
        let run = "d5c3f9cd156a46939dccef834727f483";
        let in_run = from(&format!("s3://bucket/1/{run}/artifacts/model/"), run);
        assert_eq!(in_run, Some(format!("runs:/{run}/model")));
        let in_model = from("mlflow-artifacts:/1/models/m-0a/artifacts", run);
        assert_eq!(in_model.as_deref(), Some("models:/m-0a"));
        assert_eq!(from(&format!("runs:/{run}/model"), run), None);
        assert_eq!(from("s3://bucket/somewhere", run), None);
        assert_eq!(from("s3://bucket/1/2/artifacts/model", ""), None);
    }
}
