//! Runs that changed of late: those that are not settled, of which there are few.

use std::collections::BTreeSet;

use herdbook_core::{ExperimentId, WorkspaceId};

use super::{
    facts::Wanted,
    page::{self, Shown},
};
use crate::{TrackingError, search::Field, store::Store};

impl Store {
    /// The unsettled runs of experiments, each with its version, which grows with each change. A run that
    /// changes is unsettled for two seconds at least.
    pub(crate) async fn changing_runs(
        &self,
        workspace: WorkspaceId,
        experiments: &[ExperimentId],
    ) -> Result<Vec<(i64, i64)>, TrackingError> {
        let runs = sqlx::query_as(
            "SELECT h.run_key, h.version FROM tracking.run_heads h JOIN tracking.runs r USING (run_key) \
             WHERE h.workspace_id = $1 AND NOT h.settled AND r.experiment_id = ANY($2) \
             ORDER BY h.run_key",
        )
        .bind(workspace.0)
        .bind(experiments.iter().map(|id| id.0).collect::<Vec<_>>())
        .fetch_all(&self.readers)
        .await?;
        Ok(runs)
    }

    /// The runs `keys` as they are now, with `columns` of them, or whole.
    pub(crate) async fn runs_shown(
        &self,
        keys: &[i64],
        columns: Option<&BTreeSet<Field>>,
    ) -> Result<Vec<Shown>, TrackingError> {
        let mut moment = self.moment().await?;
        let wanted = columns.map(Wanted::of);
        let mut runs = page::read(&mut moment, &self.shown, keys, wanted.as_ref()).await?;
        moment.commit().await?;
        Ok(keys.iter().filter_map(|key| runs.remove(key)).collect())
    }
}
