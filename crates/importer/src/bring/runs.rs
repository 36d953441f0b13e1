//! Runs.
//!
//! A run's status is set after all else of it has come: one that is found here with the status and the latest points
//! that the source has is whole, and its points are not read again.

use std::collections::BTreeMap;

use herdbook_core::limits::ENTRIES_PER_REQUEST;
use herdbook_proto::{common::v1::Lifecycle, tracking::v1 as proto};
use tonic::Code;

use super::{Done, Import};
use crate::{
    ImportError,
    destination::{Owner, concerns_the_record, milliseconds, timestamp},
    ledger::Kind,
    record::{Input, PARENT, Pairs, Run},
};

/// What became of the wish for a run.
enum Created {
    New,
    Found(Box<proto::Run>),
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
        let request = proto::CreateRunRequest {
            run_id: run.id.clone(),
            experiment_id: experiment,
            name: run.name.clone(),
            user: run.user.clone(),
            started_at: run.started.map(timestamp),
            parent_run_id: parent,
            source: source(&run.tags),
            ..Default::default()
        };
        let status = match self.to.create_run(request).await {
            Ok(_) => return Ok(Created::New),
            Err(status) => status,
        };
        if status.code() == Code::AlreadyExists
            && let Some(found) = self.to.run(&run.id).await?
        {
            let started = found.started_at.as_ref().map(milliseconds);
            let ours = found.experiment_id == experiment
                && run.started.is_none_or(|time| started == Some(time));
            if ours {
                return Ok(Created::Found(Box::new(found)));
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
        let here = match created {
            Created::New => None,
            Created::Found(found) => Some(*found),
            Created::Orphan | Created::LeftOut => return Ok(()),
        };
        if let Some(here) = &here
            && here.lifecycle() == Lifecycle::Deleted
        {
            match run.deleted {
                true => self.ledger.unchanged(Kind::Run),
                false => self
                    .ledger
                    .left("runs", &run.id, "it was deleted here; restore it"),
            }
            return Ok(());
        }
        let wrote = self.bring_facts(&run, here.as_ref()).await?;
        let whole = here.as_ref().is_some_and(|here| is_whole(&run, here));
        let points = match whole {
            true => 0,
            false => self.bring_points(&run, here.as_ref()).await?,
        };
        let owner = Owner::Run(&run.id);
        let files = self
            .bring_files(owner, &run.artifacts, here.is_none())
            .await?;
        if let Done::LeftOut = self.end_run(&run, here.as_ref()).await? {
            return Ok(());
        }
        let changed = here.is_none() || wrote || points > 0 || files > 0;
        match changed {
            true => self.ledger.brought(Kind::Run, 1),
            false => self.ledger.unchanged(Kind::Run),
        }
        self.later(|later| {
            if !run.used.is_empty() || !run.made.is_empty() {
                later.links.push((run.id.clone(), run.used, run.made));
            }
            // What is deleted with its experiment comes back with it.
            if run.deleted && !later.deleted_experiments.contains(&experiment) {
                later.deleted_runs.push(run.id);
            }
        });
        Ok(())
    }

    /// Logs params, tags and inputs that are not here; whether there were any.
    async fn bring_facts(&self, run: &Run, here: Option<&proto::Run>) -> Result<bool, ImportError> {
        let (params, tags, known) = match here {
            Some(here) => (
                self.missing("params of runs", &run.id, &run.params, &here.params),
                self.missing("tags of runs", &run.id, &run.tags, &here.tags),
                here.inputs.iter().map(input_of).collect(),
            ),
            None => (
                self.taken("params of runs", &run.id, &run.params),
                self.taken("tags of runs", &run.id, &run.tags),
                Vec::new(),
            ),
        };
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

    /// Sets the status and the end that the source has.
    async fn end_run(&self, run: &Run, here: Option<&proto::Run>) -> Result<Done, ImportError> {
        let ended = run.ended.map(timestamp);
        let status = here.map_or(proto::RunStatus::Running, proto::Run::status);
        let same = status == run.status && here.and_then(|here| here.ended_at) == ended;
        if same {
            return Ok(Done::Here);
        }
        let end = proto::Run {
            id: run.id.clone(),
            status: run.status.into(),
            ended_at: ended,
            ..Default::default()
        };
        match self.to.end_run(end).await {
            Err(status) if concerns_the_record(&status) => {
                self.ledger.refused("runs", &run.id, &status);
                Ok(Done::LeftOut)
            }
            ended => {
                ended?;
                Ok(Done::Here)
            }
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
            let point = (metric.latest_step, time, metric.latest.to_bits());
            (metric.key.as_str(), point)
        })
        .collect();
    let latest = latest.iter().map(|(key, point)| {
        let point = (point.step, point.time, point.value.to_bits());
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
        context: input.context.clone(),
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
        context: input.context.clone(),
        tags: input.tags.clone().into_iter().collect(),
    }
}

/// Where data lie: MLflow keeps a JSON object that may say so.
fn uri(source: &str) -> String {
    let read: serde_json::Value = serde_json::from_str(source).unwrap_or_default();
    let said = ["uri", "url", "path"]
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
