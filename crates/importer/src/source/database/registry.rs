//! Registered models.

use std::collections::{BTreeMap, HashMap};

use sqlx::any::AnyRow;

use super::{Database, integer, text};
use crate::{
    ImportError,
    record::{Model, Pairs, Version},
};

/// Models of a page: each asks for its versions by itself.
const PAGE: usize = 100;

impl Database {
    /// Models after a name, and the last name if there may be more.
    pub(super) async fn model_page(
        &self,
        after: String,
    ) -> Result<(Vec<Model>, Option<String>), ImportError> {
        let columns = self.schema.columns(
            "registered_models",
            &["name", "description", "creation_time:BIGINT"],
        );
        let (own, words) = self.own("registered_models", after);
        let sql = format!(
            "SELECT {columns} FROM registered_models WHERE name > $1{own} ORDER BY name LIMIT {PAGE}"
        );
        let rows = self.rows(sql, &words).await?;
        let mut models = Vec::with_capacity(rows.len());
        for row in &rows {
            let name = text(row, 0);
            models.push(Model {
                description: text(row, 1),
                created: integer(row, 2),
                tags: self.model_tags(&name).await?,
                aliases: self.aliases(&name).await?,
                versions: self.versions(&name).await?,
                name,
            });
        }
        let last = (models.len() == PAGE).then(|| models.last().map(|model| model.name.clone()));
        Ok((models, last.flatten()))
    }

    /// The condition that rows are of the workspace, where the table knows of workspaces, and the words of a query
    /// with `word` as the first.
    fn own(&self, table: &str, word: String) -> (String, Vec<String>) {
        match self.schema.has(table, "workspace") {
            true => (
                format!(" AND {table}.workspace = $2"),
                vec![word, self.workspace.clone()],
            ),
            false => (String::new(), vec![word]),
        }
    }

    /// Rows of a table that belong to a model.
    async fn of_model(
        &self,
        table: &str,
        columns: &[&str],
        model: &str,
    ) -> Result<Vec<AnyRow>, ImportError> {
        if !self.schema.has(table, "name") {
            return Ok(Vec::new());
        }
        let columns = self.schema.columns(table, columns);
        let (own, words) = self.own(table, model.to_owned());
        let sql = format!("SELECT {columns} FROM {table} WHERE name = $1{own}");
        self.rows(sql, &words).await
    }

    async fn model_tags(&self, model: &str) -> Result<Pairs, ImportError> {
        let rows = self
            .of_model("registered_model_tags", &["key", "value"], model)
            .await?;
        Ok(rows
            .iter()
            .map(|row| (text(row, 0), text(row, 1)))
            .collect())
    }

    async fn aliases(&self, model: &str) -> Result<BTreeMap<String, i64>, ImportError> {
        let rows = self
            .of_model(
                "registered_model_aliases",
                &["alias", "version:BIGINT"],
                model,
            )
            .await?;
        let alias = |row: &AnyRow| Some((text(row, 0), integer(row, 1)?));
        Ok(rows.iter().filter_map(alias).collect())
    }

    async fn versions(&self, model: &str) -> Result<BTreeMap<i64, Version>, ImportError> {
        let tags = ["version:BIGINT", "key", "value"];
        let mut found: HashMap<i64, Pairs> = HashMap::new();
        for row in self.of_model("model_version_tags", &tags, model).await? {
            let tags = found
                .entry(integer(&row, 0).unwrap_or_default())
                .or_default();
            tags.insert(text(&row, 1), text(&row, 2));
        }
        let columns = [
            "version:BIGINT",
            "description",
            "creation_time:BIGINT",
            "user_id",
            "current_stage",
            "source",
            "storage_location",
            "run_id",
        ];
        let rows = self.of_model("model_versions", &columns, model).await?;
        let version = |row: &AnyRow| {
            let number = integer(row, 0)?;
            // A deleted version keeps its row, so that its number is not used again.
            let stage = text(row, 4);
            (stage != "Deleted_Internal").then(|| {
                let version = Version {
                    description: text(row, 1),
                    created: integer(row, 2),
                    user: text(row, 3),
                    stage,
                    source: text(row, 5),
                    storage: text(row, 6),
                    run: text(row, 7),
                    tags: found.remove(&number).unwrap_or_default(),
                };
                (number, version)
            })
        };
        Ok(rows.iter().filter_map(version).collect())
    }
}
