//! Runs with their points and files, and logged models.

use std::collections::{BTreeMap, HashMap};

use futures::TryStreamExt as _;
use herdbook_core::Digest as FileDigest;
use herdbook_proto::{
    common::v1::{File, Lifecycle},
    tracking::v1 as proto,
};
use sha2::{Digest as _, Sha256};

use super::{
    Check,
    digest::{Digest, Digests},
};
use crate::{
    ImportError,
    bring::{input_of, name},
    destination::{Owner, milliseconds},
    files::Files,
    ledger::Kind,
    record::{LoggedModel, Measurement, PARENT, Run, bits},
};

/// The newest measurements of a logged model that a read gives.
const MEASUREMENTS: usize = 1_000;

impl Check<'_> {
    pub(super) async fn compare_run(
        &self,
        run: Run,
        experiment_deleted: bool,
    ) -> Result<(), ImportError> {
        const KIND: &str = "runs";
        self.compared.brought(Kind::Run, 1);
        let id = run.id.as_str();
        let Some(here) = self.run_here(id).await? else {
            self.differs(KIND, id, "is not here");
            return Ok(());
        };
        self.compare(
            KIND,
            id,
            "experiment",
            &run.experiment,
            &here.experiment_id.to_string(),
        );
        if !run.name.is_empty() {
            self.compare(KIND, id, "name", &name(&run.name), &here.name);
        }
        if !run.user.is_empty() {
            self.compare(KIND, id, "user", &name(&run.user), &here.user);
        }
        self.compare(KIND, id, "status", &run.status, &here.status());
        if run.started.is_some() {
            let started = here.started_at.as_ref().map(milliseconds);
            self.compare(KIND, id, "start", &run.started, &started);
        }
        let ended = here.ended_at.as_ref().map(milliseconds);
        self.compare(KIND, id, "end", &run.ended, &ended);
        // Those of a deleted experiment come back with it.
        if !experiment_deleted {
            let deleted = here.lifecycle() == Lifecycle::Deleted;
            self.compare(KIND, id, "deleted", &run.deleted, &deleted);
        }
        if !here.parent_run_id.is_empty() {
            let parent = run.tags.get(PARENT).cloned().unwrap_or_default();
            self.compare(KIND, id, "parent", &parent, &here.parent_run_id);
        }
        self.compare_pairs("params", id, "param", &run.params, &here.params);
        self.compare_pairs("tags", id, "tag", &run.tags, &here.tags);
        let (mut there, mut inputs) = (
            run.inputs.clone(),
            here.inputs.iter().map(input_of).collect::<Vec<_>>(),
        );
        there.sort();
        inputs.sort();
        if there != inputs {
            self.differs("inputs", id, "the data it read differ");
        }
        self.compare_links(&run).await?;
        self.compare_points(&run).await?;
        self.compare_files(Owner::Run(id), &run.artifacts).await
    }

    async fn run_here(&self, id: &str) -> Result<Option<proto::Run>, ImportError> {
        match self.to.run(id).await {
            Ok(found) => Ok(found),
            // An id that no run here can have.
            Err(status) if status.code() == tonic::Code::InvalidArgument => Ok(None),
            Err(status) => Err(status.into()),
        }
    }

    async fn compare_links(&self, run: &Run) -> Result<(), ImportError> {
        if run.used.is_empty() && run.made.is_empty() {
            return Ok(());
        }
        let here = self.to.links(&run.id).await?;
        let (mut there, mut used) = (run.used.clone(), here.input_model_ids);
        there.sort();
        used.sort();
        let made = here
            .outputs
            .into_iter()
            .map(|made| (made.model_id, made.step));
        let (mut outputs, mut made) = (run.made.clone(), made.collect::<Vec<_>>());
        outputs.sort();
        made.sort();
        if there != used || outputs != made {
            self.differs(
                "models of runs",
                &run.id,
                "the models it used or made differ",
            );
        }
        Ok(())
    }

    async fn compare_points(&self, run: &Run) -> Result<(), ImportError> {
        let (mut there, mut here) = (Digests::new(), Digests::new());
        let mut points = self.source.points(run);
        while let Some(found) = points.try_next().await? {
            let digest = there.entry(found.key).or_default();
            for point in &found.points {
                digest.add(point.step, point.time.saturating_mul(1_000), point.value);
            }
        }
        let mut points = self.to.points(&run.id, None).await?;
        while let Some(found) = points.try_next().await? {
            let digest = here.entry(found.key).or_default();
            for ((&step, &time), &value) in
                found.steps.iter().zip(&found.times_us).zip(&found.values)
            {
                digest.add(step, time, value);
            }
        }
        self.compared
            .brought(Kind::Point, there.values().map(|digest| digest.count).sum());
        for (key, digest) in &there {
            let found = here.remove(key).unwrap_or_default();
            self.compare_digests(&run.id, key, *digest, found);
        }
        for (key, found) in here {
            self.compare_digests(&run.id, &key, Digest::default(), found);
        }
        Ok(())
    }

    fn compare_digests(&self, run: &str, key: &str, there: Digest, here: Digest) {
        if there != here {
            let what = format!(
                "metric {key:?}: {} points in the source, {} here",
                there.count, here.count
            );
            let same = if there.count == here.count {
                ", with other values"
            } else {
                ""
            };
            self.differs("points", run, format!("{what}{same}"));
        }
    }

    /// Compares paths and sizes, and of files on this machine the digests.
    async fn compare_files(&self, owner: Owner<'_>, uri: &str) -> Result<(), ImportError> {
        const KIND: &str = "files";
        let (Owner::Run(id) | Owner::LoggedModel(id)) = owner;
        let files = self.source.files(uri);
        if !self.options.artifacts || matches!(files, Files::Elsewhere(_)) {
            return Ok(());
        }
        let listed = match files.list().await {
            Ok(listed) => listed,
            Err(error) => {
                self.differs(KIND, id, format!("cannot be listed in the source: {error}"));
                return Ok(());
            }
        };
        let found = self.to.files(owner).await?.into_iter();
        let mut here: HashMap<String, File> = found.map(|file| (file.path.clone(), file)).collect();
        for file in listed {
            self.compared.brought(Kind::File, 1);
            self.compared
                .brought(Kind::Byte, u64::try_from(file.size).unwrap_or_default());
            let name = format!("{id}/{}", file.path);
            let Some(found) = here.remove(&file.path) else {
                self.differs(KIND, &name, "is not here");
                continue;
            };
            self.compare(KIND, &name, "size", &file.size, &found.size);
            if matches!(files, Files::Folder(_)) && file.size == found.size {
                let mut hash = Sha256::new();
                let mut pieces = files.read(&file.path).await?;
                while let Some(piece) = pieces.try_next().await? {
                    hash.update(&piece);
                }
                let digest = FileDigest(hash.finalize().into()).to_string();
                self.compare(KIND, &name, "digest", &digest, &found.digest);
            }
        }
        for path in here.into_keys() {
            self.differs(KIND, &format!("{id}/{path}"), "is here alone");
        }
        Ok(())
    }

    pub(super) async fn compare_logged_model(&self, model: LoggedModel) -> Result<(), ImportError> {
        const KIND: &str = "logged models";
        self.compared.brought(Kind::LoggedModel, 1);
        let id = model.id.as_str();
        let Some(here) = self.to.logged_model(id).await? else {
            self.differs(KIND, id, "is not here");
            return Ok(());
        };
        self.compare(
            KIND,
            id,
            "experiment",
            &model.experiment,
            &here.experiment_id.to_string(),
        );
        self.compare(KIND, id, "name", &model.name, &here.name);
        self.compare(KIND, id, "type", &model.kind, &here.r#type);
        self.compare(KIND, id, "run", &model.run, &here.source_run_id);
        self.compare(KIND, id, "status", &model.status, &here.status());
        self.compare(
            KIND,
            id,
            "status message",
            &model.status_message,
            &here.status_message,
        );
        let deleted = here.lifecycle() == Lifecycle::Deleted;
        self.compare(KIND, id, "deleted", &model.deleted, &deleted);
        if model.created.is_some() {
            let created = here.created_at.as_ref().map(milliseconds);
            self.compare(KIND, id, "created", &model.created, &created);
        }
        self.compare_pairs(KIND, id, "param", &model.params, &here.params);
        self.compare_pairs(KIND, id, "tag", &model.tags, &here.tags);
        if model.measurements.len() <= MEASUREMENTS {
            let there = model
                .measurements
                .iter()
                .map(measured)
                .collect::<Measured>();
            let here = here.metrics.iter().map(measured_here).collect::<Measured>();
            if there != here {
                self.differs(KIND, id, "the metrics differ");
            }
        }
        self.compare_files(Owner::LoggedModel(id), &model.artifacts)
            .await
    }
}

/// What a measurement is of: run, key, step, time and data.
type Place = (String, String, i64, i64, Option<(String, String)>);
/// Measurements as they are compared: bits of the value by what it is of.
type Measured = BTreeMap<Place, u64>;

fn measured(found: &Measurement) -> (Place, u64) {
    let place = (
        found.run.clone(),
        found.key.clone(),
        found.point.step,
        found.point.time.saturating_mul(1_000),
        found.dataset.clone(),
    );
    (place, bits(found.point.value))
}

fn measured_here(found: &proto::LoggedModelMetric) -> (Place, u64) {
    let dataset = found.dataset.clone();
    let place = (
        found.run_id.clone(),
        found.key.clone(),
        found.step,
        found.time_us.unwrap_or_default(),
        dataset.map(|data| (data.name, data.digest)),
    );
    (place, bits(found.value))
}
