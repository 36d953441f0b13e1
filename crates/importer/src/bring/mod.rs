//! The import itself: experiments with their runs, then logged models, then the registry, which names both, and at
//! the end what was deleted in the source is deleted here: nothing can be written to it any more after that, so that
//! what is found deleted is known to be whole.

mod artifacts;
mod experiments;
mod logged_models;
mod points;
mod registry;
mod runs;
mod stages;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt as _, TryStreamExt as _};
use herdbook_core::check_key;

use crate::{
    ImportError, Ledger, Options, Report,
    destination::Destination,
    ledger::Kind,
    record::{Model, Pairs, Run},
    source::Source,
};

pub(crate) use runs::{input_of, name};
pub(crate) use stages::{Standing, settle};

/// An import that goes on.
pub(crate) struct Import<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) to: Destination,
    pub(crate) ledger: &'a Ledger,
    pub(crate) options: &'a Options,
    later: Mutex<Later>,
}

/// The logged models of a run.
struct Links {
    run: String,
    used: Vec<String>,
    /// Each with its step.
    made: Vec<(String, i64)>,
}

/// What has to wait.
#[derive(Default)]
struct Later {
    /// Runs whose parent was not there yet.
    children: Vec<(Run, i64)>,
    /// Runs with the models that they used and made, which come after them.
    links: Vec<Links>,
    deleted_runs: Vec<String>,
    deleted_models: Vec<String>,
    deleted_experiments: BTreeSet<i64>,
    /// Models with versions that are copies of versions of other models.
    copies: Vec<Model>,
}

impl<'a> Import<'a> {
    pub(crate) fn new(
        source: &'a dyn Source,
        to: Destination,
        ledger: &'a Ledger,
        options: &'a Options,
    ) -> Self {
        Self {
            source,
            to,
            ledger,
            options,
            later: Mutex::default(),
        }
    }

    /// Brings everything.
    pub(crate) async fn run(&self) -> Result<Report, ImportError> {
        let jobs = self.options.source.jobs.max(1);
        let mut experiments = Vec::new();
        let mut found = self.source.experiments();
        while let Some(experiment) = found.try_next().await? {
            if self.options.takes(&experiment.name)
                && let Some(id) = self.bring_experiment(&experiment).await?
            {
                experiments.push((experiment, id));
            }
        }
        for (experiment, id) in &experiments {
            let runs = self.source.runs(&experiment.id);
            runs.map(|run| async move { self.bring_run(run?, *id).await })
                .buffer_unordered(jobs)
                .try_for_each(|()| std::future::ready(Ok(())))
                .await?;
        }
        self.bring_children().await?;
        for (experiment, id) in &experiments {
            let models = self.source.logged_models(&experiment.id);
            models
                .map(|model| async move { self.bring_logged_model(model?, *id).await })
                .buffer_unordered(jobs)
                .try_for_each(|()| std::future::ready(Ok(())))
                .await?;
        }
        self.bring_links().await?;
        if self.options.experiments.is_empty() {
            let models = self.source.models();
            models
                .map(|model| async move { self.bring_original(model?).await })
                .buffer_unordered(jobs)
                .try_for_each(|()| std::future::ready(Ok(())))
                .await?;
            self.bring_copies().await?;
            let mut foreign = self.source.foreign();
            while let Some(foreign) = foreign.try_next().await? {
                if foreign.count > 0 {
                    self.ledger.foreign(foreign.kind, foreign.count);
                }
            }
        }
        self.delete_the_deleted().await?;
        Ok(self.ledger.report(false))
    }

    /// Counts what there is to bring, and writes nothing.
    pub(crate) async fn plan(&self) -> Result<Report, ImportError> {
        let mut experiments = self.source.experiments();
        while let Some(experiment) = experiments.try_next().await? {
            if !self.options.takes(&experiment.name) {
                continue;
            }
            self.ledger.brought(Kind::Experiment, 1);
            let mut runs = self.source.runs(&experiment.id);
            while let Some(_run) = runs.try_next().await? {
                self.ledger.brought(Kind::Run, 1);
            }
            let mut models = self.source.logged_models(&experiment.id);
            while let Some(_model) = models.try_next().await? {
                self.ledger.brought(Kind::LoggedModel, 1);
            }
        }
        if self.options.experiments.is_empty() {
            let mut models = self.source.models();
            while let Some(model) = models.try_next().await? {
                self.ledger.brought(Kind::Model, 1);
                let versions = u64::try_from(model.versions.len()).unwrap_or(u64::MAX);
                self.ledger.brought(Kind::Version, versions);
            }
            let mut foreign = self.source.foreign();
            while let Some(foreign) = foreign.try_next().await? {
                if foreign.count > 0 {
                    self.ledger.foreign(foreign.kind, foreign.count);
                }
            }
        }
        Ok(self.ledger.report(true))
    }

    /// Notes what has to wait.
    fn later(&self, note: impl FnOnce(&mut Later)) {
        note(&mut self.later.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes out what has waited.
    fn now<T: Default>(&self, which: impl FnOnce(&mut Later) -> &mut T) -> T {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(which(&mut later))
    }

    async fn delete_the_deleted(&self) -> Result<(), ImportError> {
        for run in self.now(|later| &mut later.deleted_runs) {
            self.to.delete_run(&run).await?;
        }
        for model in self.now(|later| &mut later.deleted_models) {
            self.to.delete_logged_model(&model).await?;
        }
        for experiment in self.now(|later| &mut later.deleted_experiments) {
            self.to.delete_experiment(experiment).await?;
        }
        Ok(())
    }

    /// The pairs that Herdbook takes, with values of at most `limit` bytes; the others are told.
    fn taken(&self, kind: &str, id: &str, pairs: &Pairs, limit: usize) -> Pairs {
        let mut taken = BTreeMap::new();
        for (key, value) in pairs {
            let refused = match check_key(key) {
                Err(error) => Some(format!("the key {key:?} {error}")),
                Ok(()) if value.len() > limit => Some(format!(
                    "the value of {key:?} has {} bytes; at most {limit} are taken",
                    value.len()
                )),
                Ok(()) if value.contains('\0') => {
                    Some(format!("the value of {key:?} has a NUL character"))
                }
                Ok(()) => None,
            };
            match refused {
                Some(reason) => self.ledger.left(kind, id, reason),
                None => {
                    taken.insert(key.clone(), value.clone());
                }
            }
        }
        taken
    }

    /// Of what is [`taken`](Self::taken), what `here` lacks; what has another value here stays so, and is told.
    fn missing(
        &self,
        kind: &str,
        id: &str,
        taken: &Pairs,
        here: &BTreeMap<String, String>,
    ) -> Pairs {
        let mut missing = taken.clone();
        missing.retain(|key, value| match here.get(key) {
            Some(old) if old == value => false,
            Some(_) => {
                self.ledger.left(
                    kind,
                    id,
                    format!("{key:?} has another value here, which stays"),
                );
                false
            }
            None => true,
        });
        missing
    }
}
