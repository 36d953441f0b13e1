//! Runs.
//!
//! A run's status is set after all else of it has come: one that is found here with the status and the latest points
//! that the source has is whole, and its points are not read again.

use std::collections::BTreeMap;

use herdbook_core::{
    check_name,
    limits::{ENTRIES_PER_REQUEST, NAME_CHARS},
};
use herdbook_proto::{common::v1::Lifecycle, tracking::v1 as proto};
use tonic::{Code, Status};

use super::{Import, Links};
use crate::{
    ImportError,
    destination::{Owner, concerns_the_record, milliseconds, timestamp},
    ledger::Kind,
    record::{CONTEXT, Input, NOTE, PARENT, Pairs, Run, bits},
};

/// What became of the wish for a run.
enum Created {
    /// It is here: made now, or found.
    Here {
        run: Box<proto::Run>,
        is_new: bool,
    },
    /// Its parent is not here.
    Orphan,
    LeftOut,
}

impl Import<'_> {
    /// Brings a run of an experiment.
    pub(super) async fn bring_run(&self, run: Run, experiment: i64) -> Result<(), ImportError> {
        let parent = run.tags.get(PARENT).cloned().unwrap_or_default();
        let created = self.create_run(&run, experiment, parent).await?;
        if matches!(created, Created::Orphan) {
            self.later(|later| later.children.push((run, experiment)));
            return Ok(());
        }
        self.fill_run(created, run, experiment).await
    }

    /// Brings the runs whose parents were not there, each after its parent; those whose parent is nowhere come
    /// without.
    pub(super) async fn bring_children(&self) -> Result<(), ImportError> {
        loop {
            let waiting = self.now(|later| &mut later.children);
            let count = waiting.len();
            for (run, experiment) in waiting {
                self.bring_run(run, experiment).await?;
            }
            let left = self.now(|later| &mut later.children);
            if left.len() < count {
                self.later(|later| later.children = left);
                continue;
            }
            for (run, experiment) in left {
                let created = self.create_run(&run, experiment, String::new()).await?;
                let reason = "the parent run is not here; the tag still names it";
                self.ledger.stays("parents of runs", &run.id, reason);
                self.fill_run(created, run, experiment).await?;
            }
            return Ok(());
        }
    }

    async fn create_run(
        &self,
        run: &Run,
        experiment: i64,
        parent: String,
    ) -> Result<Created, ImportError> {
        let has_parent = !parent.is_empty();
        let mut request = proto::CreateRunRequest {
            run_id: run.id.clone(),
            experiment_id: experiment,
            name: name(&run.name),
            user: name(&run.user),
            description: run.tags.get(NOTE).cloned().unwrap_or_default(),
            started_at: run.started.map(timestamp),
            parent_run_id: parent,
            source: source(&run.tags),
            ..Default::default()
        };
        if run.latest.as_ref().is_some_and(BTreeMap::is_empty) {
            // No points are to come, so that it is whole from the beginning.
            request.status = run.status.into();
            request.ended_at = run.ended.map(timestamp);
        }
        let entries = [run.params.len(), run.tags.len(), run.inputs.len()];
        if entries.iter().all(|count| *count <= ENTRIES_PER_REQUEST) {
            let whole = proto::CreateRunRequest {
                params: run.params.clone().into_iter().collect(),
                tags: run.tags.clone().into_iter().collect(),
                inputs: run.inputs.iter().map(to_input).collect(),
                ..request.clone()
            };
            match self.to.create_run(whole).await {
                // Something in it is not taken: it is told by itself, and the run comes without.
                Err(status) if status.code() == Code::InvalidArgument => {}
                created => return self.created(created, run, experiment, has_parent).await,
            }
        }
        let created = self.to.create_run(request).await;
        self.created(created, run, experiment, has_parent).await
    }

    /// What became of a call for a run.
    async fn created(
        &self,
        created: Result<proto::Run, Status>,
        run: &Run,
        experiment: i64,
        has_parent: bool,
    ) -> Result<Created, ImportError> {
        let here = |run, is_new| Created::Here {
            run: Box::new(run),
            is_new,
        };
        let status = match created {
            Ok(made) => return Ok(here(made, true)),
            Err(status) => status,
        };
        if status.code() == Code::AlreadyExists
            && let Some(found) = self.to.run(&run.id).await?
        {
            let started = found.started_at.as_ref().map(milliseconds);
            let ours = found.experiment_id == experiment
                && run.started.is_none_or(|time| started == Some(time));
            if ours {
                return Ok(here(found, false));
            }
            let reason = format!(
                "its id is that of another run, in experiment {}; nothing was overwritten",
                found.experiment_id
            );
            self.ledger.left("runs", &run.id, reason);
            return Ok(Created::LeftOut);
        }
        match status.code() {
            Code::NotFound if has_parent => Ok(Created::Orphan),
            _ if concerns_the_record(&status) => {
                self.ledger.refused("runs", &run.id, &status);
                Ok(Created::LeftOut)
            }
            _ => Err(status.into()),
        }
    }

    async fn fill_run(
        &self,
        created: Created,
        run: Run,
        experiment: i64,
    ) -> Result<(), ImportError> {
        let Created::Here { run: here, is_new } = created else {
            return Ok(());
        };
        if here.lifecycle() == Lifecycle::Deleted {
            match run.deleted {
                true => self.ledger.unchanged(Kind::Run),
                false => self
                    .ledger
                    .left("runs", &run.id, "it was deleted here; restore it"),
            }
            return Ok(());
        }
        let mut changed = is_new | self.bring_facts(&run, &here).await?;
        if !is_whole(&run, &here) {
            changed |= self.bring_points(&run, &here).await? > 0;
        }
        let owner = Owner::Run(&run.id);
        changed |= self.bring_files(owner, &run.artifacts, is_new).await? > 0;
        changed |= self.end_run(&run, &here).await?;
        match changed {
            true => self.ledger.brought(Kind::Run, 1),
            false => self.ledger.unchanged(Kind::Run),
        }
        self.later(|later| {
            if !run.used.is_empty() || !run.made.is_empty() {
                later.links.push(Links {
                    run: run.id.clone(),
                    used: run.used,
                    made: run.made,
                });
            }
            // What is deleted with its experiment comes back with it.
            if run.deleted && !later.deleted_experiments.contains(&experiment) {
                later.deleted_runs.push(run.id);
            }
        });
        Ok(())
    }

    /// Logs params, tags and inputs that are not here; whether there were any.
    async fn bring_facts(&self, run: &Run, here: &proto::Run) -> Result<bool, ImportError> {
        let params = self.missing("params of runs", &run.id, &run.params, &here.params);
        let tags = self.missing("tags of runs", &run.id, &run.tags, &here.tags);
        let known: Vec<Input> = here.inputs.iter().map(input_of).collect();
        let inputs: Vec<_> = run
            .inputs
            .iter()
            .filter(|input| !known.contains(input))
            .map(to_input)
            .collect();
        let any = !params.is_empty() || !tags.is_empty() || !inputs.is_empty();
        let mut left = (
            params.into_iter().peekable(),
            tags.into_iter().peekable(),
            inputs.into_iter().peekable(),
        );
        while left.0.peek().is_some() || left.1.peek().is_some() || left.2.peek().is_some() {
            let request = proto::LogBatchRequest {
                run_id: run.id.clone(),
                params: left.0.by_ref().take(ENTRIES_PER_REQUEST).collect(),
                tags: left.1.by_ref().take(ENTRIES_PER_REQUEST).collect(),
                inputs: left.2.by_ref().take(ENTRIES_PER_REQUEST).collect(),
                ..Default::default()
            };
            match self.to.log(request).await {
                Err(status) if concerns_the_record(&status) => {
                    self.ledger
                        .refused("params, tags or inputs of runs", &run.id, &status);
                }
                logged => logged?,
            }
        }
        Ok(any)
    }

    /// Sets the status and the end that the source has; whether they were others.
    async fn end_run(&self, run: &Run, here: &proto::Run) -> Result<bool, ImportError> {
        let ended = run.ended.map(timestamp);
        if here.status() == run.status && here.ended_at == ended {
            return Ok(false);
        }
        let end = proto::Run {
            id: run.id.clone(),
            status: run.status.into(),
            ended_at: ended,
            ..Default::default()
        };
        match self.to.end_run(end).await {
            Err(status) if concerns_the_record(&status) => {
                self.ledger.refused("status of runs", &run.id, &status);
                Ok(false)
            }
            ended => ended.map(|()| true).map_err(ImportError::from),
        }
    }
}

/// Whether all points of a run are here.
fn is_whole(run: &Run, here: &proto::Run) -> bool {
    let ended = here.ended_at.as_ref().map(milliseconds);
    let running = run.status == proto::RunStatus::Running;
    if running || here.status() != run.status || ended != run.ended {
        return false;
    }
    let Some(latest) = &run.latest else {
        return false;
    };
    let here: BTreeMap<&str, (i64, i64, u64)> = here
        .metrics
        .iter()
        .map(|metric| {
            let time = metric.latest_time.as_ref().map_or(0, milliseconds);
            let point = (metric.latest_step, time, bits(metric.latest));
            (metric.key.as_str(), point)
        })
        .collect();
    let latest = latest.iter().map(|(key, point)| {
        let point = (point.step, point.time, bits(point.value));
        (key.as_str(), point)
    });
    here.into_iter().eq(latest)
}

fn to_input(input: &Input) -> proto::DatasetInput {
    proto::DatasetInput {
        dataset: Some(proto::Dataset {
            name: input.name.clone(),
            digest: input.digest.clone(),
            uri: uri(&input.source),
            source_type: input.source_type.clone(),
            schema: input.schema.clone(),
            profile: input.profile.clone(),
            source: input.source.clone(),
        }),
        context: input.tags.get(CONTEXT).cloned().unwrap_or_default(),
        tags: input.tags.clone().into_iter().collect(),
    }
}

pub(crate) fn input_of(input: &proto::DatasetInput) -> Input {
    let dataset = input.dataset.clone().unwrap_or_default();
    Input {
        name: dataset.name,
        digest: dataset.digest,
        source_type: dataset.source_type,
        source: dataset.source,
        schema: dataset.schema,
        profile: dataset.profile,
        tags: input.tags.clone().into_iter().collect(),
    }
}

/// A name as Herdbook takes it: on one line, of at most 255 characters. The tag that has it is kept as it is.
pub(crate) fn name(text: &str) -> String {
    if check_name(text).is_ok() {
        return text.to_owned();
    }
    let line = text.replace(char::is_control, " ");
    let cut: String = line.trim().chars().take(NAME_CHARS).collect();
    cut.trim_end().to_owned()
}

/// Where data lie: MLflow keeps a JSON object that may say so.
fn uri(source: &str) -> String {
    let read: serde_json::Value = serde_json::from_str(source).unwrap_or_default();
    let said = ["uri", "url", "path", "table_name", "delta_table_name"]
        .iter()
        .find_map(|field| read[field].as_str());
    said.unwrap_or_default().to_owned()
}

/// The code that tags of MLflow tell of.
fn source(tags: &Pairs) -> Option<proto::Source> {
    let tag = |key: &str| tags.get(key).cloned().unwrap_or_default();
    let source = proto::Source {
        repository: tag("mlflow.source.git.repoURL"),
        commit: tag("mlflow.source.git.commit"),
        branch: tag("mlflow.source.git.branch"),
        entry_point: tag("mlflow.source.name"),
        ..Default::default()
    };
    (source != proto::Source::default()).then_some(source)
}
