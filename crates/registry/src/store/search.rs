//! Search: catalogues of workspaces, confirmed by their revision and brought up to date by what changed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use herdbook_core::{Digest, WorkspaceId};
use herdbook_postgres::DatabaseError;
use sqlx::{FromRow, types::Json};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use uuid::Uuid;

use super::{
    Store,
    audit::revision_of,
    models::{self, Model},
    versions,
};
use crate::{
    RegistryError,
    card::Card,
    search::{Catalogue, Key, ModelFacts, VersionFacts},
    version::{Pairs, Version},
};

/// Bytes of memory of all catalogues; that of the workspace at hand is kept whatever it takes.
const MEMORY: usize = 512 << 20;

/// Catalogues, the one that was asked last first.
#[derive(Debug, Default)]
pub(crate) struct Catalogues(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    workspace: WorkspaceId,
    catalogue: Arc<RwLock<Catalogue>>,
    weight: usize,
}

impl Catalogues {
    fn of(&self, workspace: WorkspaceId) -> Arc<RwLock<Catalogue>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|kept| kept.workspace == workspace);
        let first = match place {
            Some(place) => kept.remove(place),
            None => Kept {
                workspace,
                catalogue: Arc::default(),
                weight: 0,
            },
        };
        let catalogue = first.catalogue.clone();
        kept.insert(0, first);
        catalogue
    }

    /// Notes what the catalogue of a workspace takes, and drops those that were asked longest ago if all take
    /// too much.
    fn weigh(&self, workspace: WorkspaceId, weight: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter_mut().find(|kept| kept.workspace == workspace);
        if let Some(found) = found {
            found.weight = weight;
        }
        while kept.len() > 1 && kept.iter().map(|kept| kept.weight).sum::<usize>() > MEMORY {
            kept.pop();
        }
    }
}

#[derive(FromRow)]
struct ModelRow {
    model_key: i64,
    name: String,
    owners: Vec<String>,
    description: String,
    tags: Json<Pairs>,
    card: Json<Card>,
    latest_version: i64,
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deleted: bool,
}

#[derive(FromRow)]
struct VersionRow {
    model_key: i64,
    number: i64,
    label: String,
    stage: String,
    description: String,
    flavor: String,
    card: Json<Card>,
    run_id: Option<Uuid>,
    source: String,
    digest: Vec<u8>,
    tags: Json<Pairs>,
    params: Json<Pairs>,
    metric_keys: Vec<String>,
    metric_values: Vec<f64>,
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deleted: bool,
}

impl From<VersionRow> for VersionFacts {
    fn from(row: VersionRow) -> Self {
        let digest = Digest::try_from(row.digest.as_slice());
        Self {
            model: row.model_key,
            number: row.number,
            label: row.label,
            stage: row.stage,
            description: row.description,
            flavor: row.flavor,
            own_licence: row.card.0.licence,
            run: row
                .run_id
                .map(|run| run.simple().to_string())
                .unwrap_or_default(),
            source: row.source,
            digest: digest.map(|digest| digest.to_string()).unwrap_or_default(),
            tags: row.tags.0,
            params: row.params.0,
            metrics: row.metric_keys.into_iter().zip(row.metric_values).collect(),
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// Asks what a workspace has, as of now or later. Not on the threads that answer calls: it may take
    /// milliseconds.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        workspace: WorkspaceId,
        ask: impl FnOnce(&Catalogue) -> T + Send + 'static,
    ) -> Result<T, RegistryError> {
        let catalogue = self.catalogue(workspace).await?;
        let asked = tokio::task::spawn_blocking(move || ask(&catalogue)).await;
        asked.map_err(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => DatabaseError::unavailable("the process ends").into(),
        })
    }

    async fn catalogue(
        &self,
        workspace: WorkspaceId,
    ) -> Result<OwnedRwLockReadGuard<Catalogue>, RegistryError> {
        let now = self.revision(workspace).await?;
        let catalogue = self.catalogues.of(workspace);
        let current = catalogue.clone().read_owned().await;
        if current.revision >= Some(now) {
            return Ok(current);
        }
        drop(current);
        let mut behind = catalogue.write_owned().await;
        // Others may have done it meanwhile.
        if behind.revision < Some(now) {
            self.bring_up(workspace, &mut behind).await?;
            self.catalogues.weigh(workspace, behind.weight());
        }
        Ok(behind.downgrade())
    }

    /// Takes what changed since, in one snapshot. What is taken twice, because the first time failed on the way,
    /// is as if taken once.
    async fn bring_up(
        &self,
        workspace: WorkspaceId,
        catalogue: &mut Catalogue,
    ) -> Result<(), RegistryError> {
        let mut transaction = herdbook_postgres::begin_snapshot(&self.pool).await?;
        let revision = revision_of(&mut *transaction, workspace).await?;
        let since = catalogue.revision.unwrap_or(-1);
        let models: Vec<ModelRow> = sqlx::query_as(
            "SELECT model_key, name, description, tags, card, latest_version, created_by, created_at, updated_at, \
                 CASE owners WHEN '{}' THEN ARRAY[created_by] ELSE owners END AS owners, \
                 deleted_at IS NOT NULL AS deleted \
             FROM registry.models \
             WHERE workspace_id = $1 AND revision > $2 AND (deleted_at IS NULL OR $2 >= 0)",
        )
        .bind(workspace.0)
        .bind(since)
        .fetch_all(&mut *transaction)
        .await?;
        let keys: Vec<i64> = models.iter().map(|model| model.model_key).collect();
        for row in models {
            if row.deleted {
                catalogue.remove_model(row.model_key);
                continue;
            }
            catalogue.set_model(&ModelFacts {
                model: row.model_key,
                name: row.name,
                owners: row.owners,
                description: row.description,
                tags: row.tags.0,
                card: row.card.0,
                latest_version: row.latest_version,
                created_by: row.created_by,
                created_at: row.created_at,
                updated_at: row.updated_at,
            });
        }
        let mut changed = sqlx::query_as::<_, VersionRow>(
            "SELECT model_key, number, label, stage, description, flavor, card, run_id, source, digest, tags, \
                 params, metric_keys, metric_values, created_by, created_at, updated_at, \
                 deleted_at IS NOT NULL AS deleted \
             FROM registry.versions \
             WHERE model_key = ANY($1) AND revision > $2 AND (deleted_at IS NULL OR $2 >= 0)",
        )
        .bind(&keys)
        .bind(since)
        .fetch(&mut *transaction);
        while let Some(version) = changed.try_next().await? {
            match version.deleted {
                true => catalogue.remove_version((version.model_key, version.number)),
                false => catalogue.set_version(version.into()),
            }
        }
        drop(changed);
        let aliases: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT model_key, alias, number FROM registry.aliases WHERE model_key = ANY($1)",
        )
        .bind(&keys)
        .fetch_all(&mut *transaction)
        .await?;
        let mut by_model: BTreeMap<i64, BTreeMap<String, i64>> =
            keys.into_iter().map(|key| (key, BTreeMap::new())).collect();
        for (model, alias, number) in aliases {
            by_model.entry(model).or_default().insert(alias, number);
        }
        for (model, aliases) in by_model {
            catalogue.set_aliases(model, aliases);
        }
        catalogue.revision = Some(revision);
        Ok(())
    }

    /// Versions without their files, with their keys, in the order of `keys`.
    pub(crate) async fn versions_of(
        &self,
        keys: &[Key],
    ) -> Result<Vec<(Key, Version)>, RegistryError> {
        let of_models: Vec<i64> = keys.iter().map(|(model, _)| *model).collect();
        let mut connection = self.pool.acquire().await?;
        let models = models::read_many(&mut connection, &of_models).await?;
        let models = models.into_iter().map(|model| (model.key, model)).collect();
        let found = versions::read_many(&mut connection, keys, &models).await?;
        let mut found: HashMap<Key, Version> = found.into_iter().collect();
        let each = keys.iter();
        Ok(each
            .filter_map(|key| Some((*key, found.remove(key)?)))
            .collect())
    }

    /// Models in the order of their keys `keys`.
    pub(crate) async fn models_of(&self, keys: &[i64]) -> Result<Vec<Model>, RegistryError> {
        let mut connection = self.pool.acquire().await?;
        let found = models::read_many(&mut connection, keys).await?;
        let mut found: HashMap<i64, Model> =
            found.into_iter().map(|model| (model.key, model)).collect();
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }
}
