//! What a workspace has of models and versions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_filter::{Filter, Mask, Order, Sorted, Test};

use super::{
    ModelField, VersionField,
    table::{Cell, Key, Part, Place, Table},
};
use crate::{card::Card, version::Pairs};

/// A model, as a change left it.
#[derive(Debug)]
pub(crate) struct ModelFacts {
    pub(crate) model: i64,
    pub(crate) name: String,
    pub(crate) owners: Vec<String>,
    pub(crate) description: String,
    pub(crate) tags: Pairs,
    pub(crate) card: Card,
    pub(crate) latest_version: i64,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// A version, as a change left it. What it has of its run never changes.
#[derive(Debug)]
pub(crate) struct VersionFacts {
    pub(crate) model: i64,
    pub(crate) number: i64,
    pub(crate) label: String,
    pub(crate) stage: String,
    pub(crate) description: String,
    pub(crate) flavor: String,
    pub(crate) own_licence: String,
    pub(crate) run: String,
    pub(crate) source: String,
    pub(crate) digest: String,
    pub(crate) tags: Pairs,
    pub(crate) params: Pairs,
    pub(crate) metrics: Vec<(String, f64)>,
    pub(crate) created_by: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Models and versions of a workspace, as of a revision.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// What it was brought up to; `None` if it is empty yet.
    pub(crate) revision: Option<i64>,
    models: Table<ModelField>,
    versions: Table<VersionField>,
    /// The row of the model of each version.
    model_rows: Vec<u32>,
    /// By the row of the model: what its aliases point at.
    aliases: Vec<BTreeMap<String, i64>>,
}

/// What a search finds.
#[derive(Debug)]
pub(crate) struct Found {
    /// The first of it.
    pub(crate) first: Vec<Place>,
    /// How many there are at all.
    pub(crate) total: usize,
}

const ALIAS: VersionField = VersionField::Attribute("alias");

/// A text that counts as missing where it is empty.
fn text(text: &str) -> Vec<Cell<'_>> {
    match text {
        "" => Vec::new(),
        text => vec![Cell::Text(text)],
    }
}

fn time(time: DateTime<Utc>) -> Vec<Cell<'static>> {
    vec![Cell::Number(time.timestamp_micros() as f64)]
}

impl Catalogue {
    /// Takes a model as it is now. Models come before their versions, aliases once the versions are there:
    /// [`Self::set_aliases`].
    pub(crate) fn set_model(&mut self, model: &ModelFacts) {
        let row = self.models.row((model.model, 0));
        if self.aliases.len() <= row as usize {
            self.aliases.resize_with(row as usize + 1, BTreeMap::new);
        }
        let owners = model.owners.iter().map(|owner| Cell::Text(owner));
        let latest = vec![Cell::Number(model.latest_version as f64)];
        for (name, cells) in [
            ("name", text(&model.name)),
            ("owner", owners.collect()),
            ("description", text(&model.description)),
            ("licence", text(&model.card.licence)),
            ("latest_version", latest),
            ("created_by", text(&model.created_by)),
            ("created_at", time(model.created_at)),
            ("updated_at", time(model.updated_at)),
        ] {
            self.models.set(row, ModelField::Attribute(name), &cells);
        }
        let is_tag = |field: &ModelField| matches!(field, ModelField::Tag(_));
        let stays = |field: &ModelField| matches!(field, ModelField::Tag(key) if model.tags.contains_key(key));
        self.models.keep(row, is_tag, stays);
        for (key, value) in &model.tags {
            let tag = ModelField::Tag(key.clone());
            self.models.set(row, tag, &[Cell::Text(value)]);
        }
    }

    /// Forgets a model; its versions are forgotten each by itself.
    pub(crate) fn remove_model(&mut self, model: i64) {
        self.models.remove((model, 0));
    }

    /// Forgets a version.
    pub(crate) fn remove_version(&mut self, version: Key) {
        self.versions.remove(version);
    }

    /// Takes a version as it is now.
    pub(crate) fn set_version(&mut self, version: VersionFacts) {
        let key = (version.model, version.number);
        let known = self.versions.find(key).is_some();
        let row = self.versions.row(key);
        if !known {
            self.model_rows.push(self.models.row((version.model, 0)));
            for (key, value) in version.params {
                let param = VersionField::Param(key);
                self.versions.set(row, param, &[Cell::Text(&value)]);
            }
            for (key, value) in version.metrics {
                let metric = VersionField::Metric(key);
                self.versions.set(row, metric, &[Cell::Number(value)]);
            }
        }
        for (name, cells) in [
            ("version", vec![Cell::Number(version.number as f64)]),
            ("label", text(&version.label)),
            ("stage", text(&version.stage)),
            ("description", text(&version.description)),
            ("flavor", text(&version.flavor)),
            ("licence", text(&version.own_licence)),
            ("run_id", text(&version.run)),
            ("source", text(&version.source)),
            ("digest", text(&version.digest)),
            ("created_by", text(&version.created_by)),
            ("created_at", time(version.created_at)),
            ("updated_at", time(version.updated_at)),
        ] {
            self.versions
                .set(row, VersionField::Attribute(name), &cells);
        }
        if known {
            let is_tag = |field: &VersionField| matches!(field, VersionField::Tag(_));
            let stays = |field: &VersionField| matches!(field, VersionField::Tag(key) if version.tags.contains_key(key));
            self.versions.keep(row, is_tag, stays);
        }
        for (key, value) in &version.tags {
            let tag = VersionField::Tag(key.clone());
            self.versions.set(row, tag, &[Cell::Text(value)]);
        }
    }

    /// Takes what the aliases of a model point at now.
    pub(crate) fn set_aliases(&mut self, model: i64, aliases: BTreeMap<String, i64>) {
        let Some(row) = self.models.find((model, 0)) else {
            return;
        };
        let Some(now) = self.aliases.get_mut(row as usize) else {
            return;
        };
        if *now == aliases {
            return;
        }
        let before = std::mem::replace(now, aliases);
        for number in before.values().chain(now.values()) {
            let Some(version) = self.versions.find((model, *number)) else {
                continue;
            };
            let names = now.iter().filter(|(_, other)| *other == number);
            let names: Vec<_> = names.map(|(alias, _)| Cell::Text(alias)).collect();
            self.versions.set(version, ALIAS, &names);
        }
    }

    /// The first versions that a filter finds.
    pub(crate) fn find_versions(
        &self,
        filter: Option<&Filter<VersionField>>,
        orders: &[Order<VersionField>],
        part: &Part,
    ) -> Found {
        let all = self.versions.all();
        let hits = match filter {
            None => all,
            Some(filter) => filter.matches(&all, &|field, test| self.leaf(field, test)),
        };
        let sorted = orders.iter().map(|order| self.sorted(&order.field));
        let sorted: Vec<_> = sorted.collect();
        Found {
            first: self.versions.first(&hits, orders, &sorted, part),
            total: hits.count(),
        }
    }

    /// The first models that a filter finds.
    pub(crate) fn find_models(
        &self,
        filter: Option<&Filter<ModelField>>,
        orders: &[Order<ModelField>],
        part: &Part,
    ) -> Found {
        let all = self.models.all();
        let hits = match filter {
            None => all,
            Some(filter) => filter.matches(&all, &|field, test| self.models.leaf(field, test)),
        };
        let sorted = orders.iter().map(|order| self.models.sorted(&order.field));
        let sorted: Vec<_> = sorted.collect();
        Found {
            first: self.models.first(&hits, orders, &sorted, part),
            total: hits.count(),
        }
    }

    /// The versions that have a field that passes a test; of their own, or else of their model.
    fn leaf(&self, field: &VersionField, test: &Test) -> Mask {
        let own = self.versions.leaf(field, test);
        let Some(of_model) = field.of_model() else {
            return own;
        };
        let models = self.models.leaf(&of_model, test);
        let rows = Mask::of(self.versions.len(), |row| {
            models.has(self.model_rows[row] as usize)
        });
        let has_own = self.versions.leaf(field, &Test::Present);
        rows.and(&has_own.complement()).or(&own)
    }

    fn sorted(&self, field: &VersionField) -> Vec<Option<Sorted<'_>>> {
        let mut sorted = self.versions.sorted(field);
        if let Some(of_model) = field.of_model() {
            let models = self.models.sorted(&of_model);
            for (own, model) in sorted.iter_mut().zip(&self.model_rows) {
                *own = own.or(models[*model as usize]);
            }
        }
        sorted
    }

    /// Bytes of memory, about.
    pub(crate) fn weight(&self) -> usize {
        self.models.weight() + self.versions.weight()
    }
}
