//! Experiments.

use herdbook_core::limits::TAG_VALUE_BYTES;
use herdbook_proto::{common::v1::Lifecycle, tracking::v1 as proto};
use tonic::Code;

use super::Import;
use crate::{
    ImportError,
    destination::{concerns_the_record, milliseconds, timestamp},
    ledger::Kind,
    record::Experiment,
};

/// What people are told to do about an id or a name that is something else's.
const ELSEWHERE: &str = "nothing was overwritten; import into an empty workspace with --workspace";

impl Import<'_> {
    /// Brings an experiment without its runs; its number, if the runs are to follow.
    pub(super) async fn bring_experiment(
        &self,
        experiment: &Experiment,
    ) -> Result<Option<i64>, ImportError> {
        let Ok(id) = experiment.id.parse::<i64>() else {
            let reason = "its id is no number, so that it cannot be kept";
            self.ledger.left("experiments", &experiment.id, reason);
            return Ok(None);
        };
        let tags = self.taken(
            "tags of experiments",
            &experiment.id,
            &experiment.tags,
            TAG_VALUE_BYTES,
        );
        let found = match self.to.experiment(id).await? {
            Some(found) => found,
            None => {
                let request = proto::CreateExperimentRequest {
                    name: experiment.name.clone(),
                    tags,
                    id: Some(id),
                    created_at: experiment.created.map(timestamp),
                    ..Default::default()
                };
                match self.to.create_experiment(request).await {
                    Ok(_) => {
                        self.ledger.brought(Kind::Experiment, 1);
                        self.delete_later(experiment, id);
                        return Ok(Some(id));
                    }
                    Err(status) if concerns_the_record(&status) => {
                        let hint = match status.code() {
                            Code::AlreadyExists => format!("; {ELSEWHERE}"),
                            _ => String::new(),
                        };
                        let reason = format!("{}{hint}", status.message());
                        self.ledger.left("experiments", &experiment.id, reason);
                        return Ok(None);
                    }
                    Err(status) => return Err(status.into()),
                }
            }
        };
        let created = found.created_at.as_ref().map(milliseconds);
        let ours = created == experiment.created || found.name == experiment.name;
        if !ours {
            let reason = format!("its id is that of {:?} here: {ELSEWHERE}", found.name);
            self.ledger.left("experiments", &experiment.id, reason);
            return Ok(None);
        }
        let deleted = found.lifecycle() == Lifecycle::Deleted;
        if deleted && experiment.deleted {
            self.ledger.unchanged(Kind::Experiment);
            return Ok(None);
        }
        if deleted {
            let reason = "it was deleted here; restore it to have its runs brought";
            self.ledger.left("experiments", &experiment.id, reason);
            return Ok(None);
        }
        let kind = "tags of experiments";
        let missing = self.missing(kind, &experiment.id, &tags, &found.tags);
        match missing.is_empty() {
            true => self.ledger.unchanged(Kind::Experiment),
            false => {
                self.to
                    .tag_experiment(id, missing.into_iter().collect())
                    .await?;
                self.ledger.brought(Kind::Experiment, 1);
            }
        }
        self.delete_later(experiment, id);
        Ok(Some(id))
    }

    fn delete_later(&self, experiment: &Experiment, id: i64) {
        if experiment.deleted {
            self.later(|later| {
                later.deleted_experiments.insert(id);
            });
        }
    }
}
