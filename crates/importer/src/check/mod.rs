//! Compares a source with what is here, and writes nothing.

mod digest;
mod registry;
mod runs;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt as _, TryStreamExt as _};
use herdbook_proto::common::v1::Lifecycle;
use serde::Serialize;

use crate::{
    Counts, ImportError, Ledger, Options,
    destination::{Destination, milliseconds},
    ledger::Kind,
    record::{Experiment, Pairs},
    source::Source,
};

/// A difference between both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// What differs, such as `runs` or `points`.
    pub kind: String,
    /// Which one.
    pub id: String,
    /// How.
    pub what: String,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What the source has and was compared.
    pub compared: Counts,
    /// How both sides differ, by kind.
    pub differences: Vec<Difference>,
}

/// A check that goes on.
pub(crate) struct Check<'a> {
    source: &'a dyn Source,
    to: Destination,
    options: &'a Options,
    compared: &'a Ledger,
    differences: Mutex<Vec<Difference>>,
}

impl<'a> Check<'a> {
    pub(crate) fn new(
        source: &'a dyn Source,
        to: Destination,
        options: &'a Options,
        compared: &'a Ledger,
    ) -> Self {
        Self {
            source,
            to,
            options,
            compared,
            differences: Mutex::default(),
        }
    }

    /// Compares everything.
    pub(crate) async fn run(&self) -> Result<Comparison, ImportError> {
        let jobs = self.options.source.jobs.max(1);
        let mut experiments = self.source.experiments();
        while let Some(experiment) = experiments.try_next().await? {
            if !self.options.takes(&experiment.name)
                || !self.compare_experiment(&experiment).await?
            {
                continue;
            }
            let deleted = experiment.deleted;
            self.source
                .runs(&experiment.id)
                .map(|run| async move { self.compare_run(run?, deleted).await })
                .buffer_unordered(jobs)
                .try_for_each(|()| std::future::ready(Ok(())))
                .await?;
            self.source
                .logged_models(&experiment.id)
                .map(|model| async move { self.compare_logged_model(model?).await })
                .buffer_unordered(jobs)
                .try_for_each(|()| std::future::ready(Ok(())))
                .await?;
        }
        if self.options.experiments.is_empty() {
            self.source
                .models()
                .map(|model| async move { self.compare_model(model?).await })
                .buffer_unordered(jobs)
                .try_for_each(|()| std::future::ready(Ok(())))
                .await?;
        }
        let mut found = self
            .differences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut differences = std::mem::take(&mut *found);
        differences.sort();
        Ok(Comparison {
            compared: self.compared.counts().0,
            differences,
        })
    }

    /// Whether the experiment is here at all.
    async fn compare_experiment(&self, experiment: &Experiment) -> Result<bool, ImportError> {
        const KIND: &str = "experiments";
        self.compared.brought(Kind::Experiment, 1);
        let id = experiment.id.as_str();
        let here = match id.parse() {
            Ok(id) => self.to.experiment(id).await?,
            Err(_) => None,
        };
        let Some(here) = here else {
            self.differs(KIND, id, "is not here");
            return Ok(false);
        };
        self.compare(KIND, id, "name", &experiment.name, &here.name);
        let deleted = here.lifecycle() == Lifecycle::Deleted;
        self.compare(KIND, id, "deleted", &experiment.deleted, &deleted);
        // The default one is there before any import.
        let created = here.created_at.as_ref().map(milliseconds);
        if here.id != 0 && experiment.created.is_some() {
            self.compare(KIND, id, "created", &experiment.created, &created);
        }
        self.compare_pairs(KIND, id, "tag", &experiment.tags, &here.tags);
        Ok(true)
    }

    fn differs(&self, kind: &str, id: &str, what: impl Into<String>) {
        let difference = Difference {
            kind: kind.to_owned(),
            id: id.to_owned(),
            what: what.into(),
        };
        self.differences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(difference);
    }

    fn compare<T: PartialEq + std::fmt::Debug>(
        &self,
        kind: &str,
        id: &str,
        field: &str,
        there: &T,
        here: &T,
    ) {
        if there != here {
            self.differs(
                kind,
                id,
                format!("{field}: {there:?} in the source, {here:?} here"),
            );
        }
    }

    fn compare_pairs(
        &self,
        kind: &str,
        id: &str,
        what: &str,
        there: &Pairs,
        here: &BTreeMap<String, String>,
    ) {
        for (key, value) in there {
            match here.get(key) {
                Some(found) if found == value => {}
                Some(_) => self.differs(kind, id, format!("{what} {key:?} has another value here")),
                None => self.differs(kind, id, format!("{what} {key:?} is not here")),
            }
        }
        let more: BTreeMap<_, _> = here
            .iter()
            .filter(|(key, _)| !there.contains_key(*key))
            .collect();
        for key in more.keys() {
            self.differs(kind, id, format!("{what} {key:?} is here alone"));
        }
    }
}
