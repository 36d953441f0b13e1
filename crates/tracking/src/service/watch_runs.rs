//! WatchRuns: runs of experiments, as they change.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use herdbook_core::{ExperimentId, WorkspaceId};
use herdbook_proto::{InvalidRequest, tracking::v1 as proto};
use tokio::{sync::mpsc, time::Instant};

use super::{
    run_search::{columns, show},
    runs::RunApi,
};
use crate::{TrackingError, convert, search::Field, store::Store};

/// Experiments of one watch.
const WATCHED: usize = 100;
/// How often it is looked for changes.
const REST: Duration = Duration::from_millis(250);
/// After a pause of this length a run may have changed and been settled unseen: runs settle after two seconds.
const SURE: Duration = Duration::from_millis(1_500);
/// Runs of one message.
const TOGETHER: usize = 100;
/// Messages that wait for a slow reader.
const AHEAD: usize = 4;

type Messages = mpsc::Sender<Result<proto::WatchRunsResponse, TrackingError>>;

impl RunApi {
    /// Follows runs until the client is gone or the process shuts down.
    pub(super) async fn watch(
        &self,
        workspace: WorkspaceId,
        request: proto::WatchRunsRequest,
    ) -> Result<mpsc::Receiver<Result<proto::WatchRunsResponse, TrackingError>>, TrackingError>
    {
        let ids = &request.experiment_ids;
        if ids.is_empty() || ids.len() > WATCHED {
            let what = format!("has {} entries; name 1 to {WATCHED}", ids.len());
            return Err(InvalidRequest::field("experiment_ids", what).into());
        }
        let experiments = ids
            .iter()
            .map(|id| convert::experiment_id("experiment_ids", *id));
        let watch = Watch {
            store: self.store.clone(),
            workspace,
            experiments: experiments.collect::<Result<_, _>>()?,
            columns: columns(&request.columns)?,
        };
        let known = watch.versions().await?;
        let (messages, receiver) = mpsc::channel(AHEAD);
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = watch.follow(known, &messages) => ended,
                () = shutdown.cancelled() => Ok(()),
                () = messages.closed() => Ok(()),
            };
            if let Err(error) = ended {
                let _ = messages.send(Err(error)).await;
            }
        });
        Ok(receiver)
    }
}

/// What is followed.
struct Watch {
    store: Store,
    workspace: WorkspaceId,
    experiments: Vec<ExperimentId>,
    columns: Option<BTreeSet<Field>>,
}

impl Watch {
    async fn versions(&self) -> Result<HashMap<i64, i64>, TrackingError> {
        let changing = self
            .store
            .changing_runs(self.workspace, &self.experiments)
            .await?;
        Ok(changing.into_iter().collect())
    }

    async fn follow(
        &self,
        mut known: HashMap<i64, i64>,
        messages: &Messages,
    ) -> Result<(), TrackingError> {
        let _ = messages.send(Ok(proto::WatchRunsResponse::default())).await;
        let mut seen_at = Instant::now();
        loop {
            tokio::time::sleep(REST).await;
            let asked_at = Instant::now();
            let now = self.versions().await?;
            if asked_at.duration_since(seen_at) > SURE {
                let incomplete = proto::WatchRunsResponse {
                    incomplete: true,
                    ..Default::default()
                };
                let _ = messages.send(Ok(incomplete)).await;
            }
            seen_at = asked_at;
            let changed = now
                .iter()
                .filter(|&(key, version)| known.get(key) != Some(version));
            let mut changed: Vec<i64> = changed.map(|(key, _)| *key).collect();
            changed.sort_unstable();
            for keys in changed.chunks(TOGETHER) {
                let message = self.read(keys).await?;
                let _ = messages.send(Ok(message)).await;
            }
            known = now;
        }
    }

    async fn read(&self, keys: &[i64]) -> Result<proto::WatchRunsResponse, TrackingError> {
        let shown = self.store.runs_shown(keys, self.columns.as_ref()).await?;
        let mut message = proto::WatchRunsResponse::default();
        for run in shown {
            if run.0.deleted {
                message.deleted_run_ids.push(run.0.id.to_string());
            } else {
                message.runs.push(show(run, self.columns.as_ref()));
            }
        }
        Ok(message)
    }
}
