//! Logged models, and which runs used and made them.

use std::collections::BTreeMap;

use herdbook_core::limits::{ENTRIES_PER_REQUEST, PARAM_VALUE_BYTES, TAG_VALUE_BYTES};
use herdbook_proto::{common::v1::Lifecycle, tracking::v1 as proto};
use tonic::Code;

use super::{Import, Links};
use crate::{
    ImportError,
    destination::{Owner, concerns_the_record, milliseconds, timestamp},
    ledger::Kind,
    record::{LoggedModel, Measurement},
};

impl Import<'_> {
    /// Brings a logged model. Its status comes last, so that one that is found with it is whole.
    pub(super) async fn bring_logged_model(
        &self,
        model: LoggedModel,
        experiment: i64,
    ) -> Result<(), ImportError> {
        let Some((here, is_new)) = self.create_logged_model(&model, experiment).await? else {
            return Ok(());
        };
        if here.lifecycle() == Lifecycle::Deleted {
            match model.deleted {
                true => self.ledger.unchanged(Kind::LoggedModel),
                false => {
                    let reason = "it was deleted here; restore it";
                    self.ledger.left("logged models", &model.id, reason);
                }
            }
            return Ok(());
        }
        let (kind, id) = ("params of logged models", &model.id);
        let params = self.missing(
            kind,
            id,
            &self.taken(kind, id, &model.params, PARAM_VALUE_BYTES),
            &here.params,
        );
        let kind = "tags of logged models";
        let tags = self.missing(
            kind,
            id,
            &self.taken(kind, id, &model.tags, TAG_VALUE_BYTES),
            &here.tags,
        );
        let wrote = !params.is_empty() || !tags.is_empty();
        if wrote {
            let request = proto::LogLoggedModelRequest {
                model_id: model.id.clone(),
                params,
                tags,
            };
            match self.to.log_logged_model(request).await {
                Err(status) if concerns_the_record(&status) => {
                    self.ledger
                        .refused("params or tags of logged models", &model.id, &status);
                }
                logged => logged?,
            }
        }
        let ended = here.status() == model.status && here.status_message == model.status_message;
        let measured = here.metrics.len() >= model.measurements.len();
        if !(ended && measured) {
            self.bring_measurements(&model).await?;
        }
        let owner = Owner::LoggedModel(&model.id);
        let files = self.bring_files(owner, &model.artifacts, is_new).await?;
        if !ended {
            self.to
                .finish_logged_model(proto::LoggedModel {
                    id: model.id.clone(),
                    status: model.status.into(),
                    status_message: model.status_message.clone(),
                    ..Default::default()
                })
                .await?;
        }
        match is_new || wrote || files > 0 || !ended {
            true => self.ledger.brought(Kind::LoggedModel, 1),
            false => self.ledger.unchanged(Kind::LoggedModel),
        }
        if model.deleted {
            self.later(|later| later.deleted_models.push(model.id));
        }
        Ok(())
    }

    /// The model as it is here, and whether it was made now; none if it cannot be.
    async fn create_logged_model(
        &self,
        model: &LoggedModel,
        experiment: i64,
    ) -> Result<Option<(proto::LoggedModel, bool)>, ImportError> {
        let mut request = proto::CreateLoggedModelRequest {
            experiment_id: experiment,
            name: model.name.clone(),
            r#type: model.kind.clone(),
            source_run_id: model.run.clone(),
            id: model.id.clone(),
            created_at: model.created.map(timestamp),
            ..Default::default()
        };
        let mut created = self.to.create_logged_model(request.clone()).await;
        if let Err(status) = &created
            && status.code() == Code::NotFound
            && !model.run.is_empty()
        {
            let reason = format!("its run {} is not here", model.run);
            self.ledger
                .stays("runs of logged models", &model.id, reason);
            request.source_run_id.clear();
            created = self.to.create_logged_model(request).await;
        }
        let status = match created {
            Ok(created) => return Ok(Some((created, true))),
            Err(status) => status,
        };
        if status.code() == Code::AlreadyExists
            && let Some(found) = self.to.logged_model(&model.id).await?
        {
            let created = found.created_at.as_ref().map(milliseconds);
            if found.experiment_id == experiment
                && (model.created.is_none() || created == model.created)
            {
                return Ok(Some((found, false)));
            }
            let reason = "its id is that of another model here; nothing was overwritten";
            self.ledger.left("logged models", &model.id, reason);
            return Ok(None);
        }
        match concerns_the_record(&status) {
            true => {
                self.ledger.refused("logged models", &model.id, &status);
                Ok(None)
            }
            false => Err(status.into()),
        }
    }

    /// Notes the measurements: those that are here already change nothing.
    async fn bring_measurements(&self, model: &LoggedModel) -> Result<(), ImportError> {
        let mut by_run: BTreeMap<&str, Vec<&Measurement>> = BTreeMap::new();
        for measurement in &model.measurements {
            by_run
                .entry(&measurement.run)
                .or_default()
                .push(measurement);
        }
        for (run, measurements) in by_run {
            for some in measurements.chunks(ENTRIES_PER_REQUEST) {
                let metrics = some
                    .iter()
                    .map(|found| to_metric(&model.id, found))
                    .collect();
                match self.to.measure(run, metrics).await {
                    Err(status) if concerns_the_record(&status) => {
                        self.ledger
                            .refused("metrics of logged models", &model.id, &status);
                    }
                    measured => measured?,
                }
            }
        }
        Ok(())
    }

    /// Notes which models the runs used and made: what is noted already changes nothing.
    pub(super) async fn bring_links(&self) -> Result<(), ImportError> {
        for Links { run, used, made } in self.now(|later| &mut later.links) {
            let outputs = made
                .into_iter()
                .map(|(model_id, step)| proto::ModelOutput { model_id, step });
            let outputs: Vec<_> = outputs.collect();
            // Both lists have the same limit; most runs have one entry in one of them.
            let (mut used, mut outputs) = (
                used.chunks(ENTRIES_PER_REQUEST),
                outputs.chunks(ENTRIES_PER_REQUEST),
            );
            loop {
                let (some_used, some_made) = (used.next(), outputs.next());
                if some_used.is_none() && some_made.is_none() {
                    break;
                }
                let request = proto::LinkRunModelsRequest {
                    run_id: run.clone(),
                    input_model_ids: some_used.unwrap_or_default().to_vec(),
                    outputs: some_made.unwrap_or_default().to_vec(),
                };
                match self.to.link(request).await {
                    Err(status) if concerns_the_record(&status) => {
                        self.ledger.refused("models of runs", &run, &status);
                    }
                    linked => linked?,
                }
            }
        }
        Ok(())
    }
}

fn to_metric(model: &str, found: &Measurement) -> proto::LoggedModelMetric {
    let dataset = found.dataset.clone();
    proto::LoggedModelMetric {
        model_id: model.to_owned(),
        key: found.key.clone(),
        value: found.point.value,
        step: found.point.step,
        time_us: Some(found.point.time.saturating_mul(1_000)),
        dataset: dataset.map(|(name, digest)| proto::MeasuredDataset { name, digest }),
        ..Default::default()
    }
}
