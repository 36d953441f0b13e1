//! Registered models.

use super::Check;
use crate::{
    ImportError,
    bring::{Standing, settle},
    destination::milliseconds,
    ledger::Kind,
    record::{Model, RUN_ID},
};

impl Check<'_> {
    pub(super) async fn compare_model(&self, model: Model) -> Result<(), ImportError> {
        const KIND: &str = "models";
        self.compared.brought(Kind::Model, 1);
        let name = model.name.as_str();
        let Some(here) = self.to.model(name).await? else {
            self.differs(KIND, name, "is not here");
            return Ok(());
        };
        self.compare(
            KIND,
            name,
            "description",
            &model.description,
            &here.description,
        );
        if model.created.is_some() {
            let created = here.created_at.as_ref().map(milliseconds);
            self.compare(KIND, name, "created", &model.created, &created);
        }
        self.compare_pairs(KIND, name, "tag", &model.tags, &here.tags);
        let policy = self.to.policy(name).await?;
        let standings = settle(&model.versions, &policy);
        for (&number, version) in &model.versions {
            const KIND: &str = "versions";
            self.compared.brought(Kind::Version, 1);
            let id = format!("{name}/{number}");
            let Some(here) = self.to.version(name, number).await? else {
                self.differs(KIND, &id, "is not here");
                continue;
            };
            self.compare(
                KIND,
                &id,
                "description",
                &version.description,
                &here.description,
            );
            self.compare(KIND, &id, "source", &version.source, &here.source);
            let mut tags = here.tags;
            if !version.run.is_empty() {
                let run = tags.remove(RUN_ID).unwrap_or(here.run_id);
                self.compare(KIND, &id, "run", &version.run, &run);
            }
            if !version.user.is_empty() {
                self.compare(
                    KIND,
                    &id,
                    "who registered it",
                    &version.user,
                    &here.created_by,
                );
            }
            if version.created.is_some() {
                let created = here.created_at.as_ref().map(milliseconds);
                self.compare(KIND, &id, "created", &version.created, &created);
            }
            self.compare_pairs(KIND, &id, "tag", &version.tags, &tags);
            let stage = match standings.get(&number) {
                Some(
                    Standing::Own(stage) | Standing::MadeWay(stage) | Standing::Unknown(stage),
                ) => stage,
                None => &version.stage,
            };
            self.compared.brought(Kind::Stage, 1);
            self.compare("stages", &id, "stage", stage, &here.stage);
        }
        for (alias, number) in &model.aliases {
            self.compared.brought(Kind::Alias, 1);
            let pointed = here.aliases.get(alias);
            self.compare(
                "aliases",
                &format!("{name}@{alias}"),
                "version",
                &Some(number),
                &pointed,
            );
        }
        for alias in here
            .aliases
            .keys()
            .filter(|alias| !model.aliases.contains_key(*alias))
        {
            self.differs("aliases", &format!("{name}@{alias}"), "is here alone");
        }
        Ok(())
    }
}
