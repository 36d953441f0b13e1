//! Creates runs, those of all callers together: while Postgres flushes a group, the next gathers. A second
//! group beside it would cost more than it gains: what a statement costs, it costs once, for any number of runs.

use chrono::{DateTime, Utc};
use herdbook_postgres::DatabaseError;
use tokio::sync::{mpsc, oneshot};

use crate::{
    TrackingError,
    quota::{Quotas, Usage},
    run::Run,
    store::{Store, lane::Lane, new_runs::NewRun},
};

/// Runs that wait, and that are created together.
const QUEUE: usize = 1_024;
const GROUP: usize = 256;
/// The index over the ids of runs; those that are made here are never made twice.
const RUN_ID: &str = "runs_id_key";

/// When it was created, nothing if it could not be, or the database's error.
type Answer = Result<Option<DateTime<Utc>>, DatabaseError>;

/// A run on its way.
type Entry = (NewRun, oneshot::Sender<(NewRun, Answer)>);

/// Creates the runs of a process.
#[derive(Debug, Clone)]
pub(crate) struct Creator {
    store: Store,
    quotas: Quotas,
    queue: mpsc::Sender<Entry>,
}

impl Creator {
    /// Starts it; it ends when all of its handles are dropped.
    pub(crate) fn start(store: &Store, quotas: Quotas) -> Self {
        let (queue, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(create_all(store.clone(), receiver));
        Self {
            store: store.clone(),
            quotas,
            queue,
        }
    }

    /// Creates a run. If its request was done before, the run made then is returned.
    pub(crate) async fn create(&self, new: NewRun) -> Result<Run, TrackingError> {
        self.store.ensure_workspace(new.workspace).await?;
        let added = Usage {
            runs: 1,
            ..Usage::default()
        };
        if let Err(error) = self.quotas.admit(new.workspace, added).await {
            // What was done already is not refused.
            return self.store.run_of_request(&new).await?.ok_or(error);
        }
        let (reply, answer) = oneshot::channel();
        let stopped = || DatabaseError::unavailable("the process is stopping");
        self.queue.send((new, reply)).await.map_err(|_| stopped())?;
        let (new, created) = answer.await.map_err(|_| stopped())?;
        let created = created.map_err(|error| match error.unique_violation() {
            Some(RUN_ID) => TrackingError::RunIdTaken(new.run.id),
            _ => error.into(),
        });
        match created? {
            Some(at) => {
                let mut run = new.run;
                (run.created_at, run.updated_at) = (at, at);
                Ok(run)
            }
            None => self.store.why_not_created(&new).await,
        }
    }
}

async fn create_all(store: Store, mut queue: mpsc::Receiver<Entry>) {
    let mut lane = store.lane();
    let mut entries = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut entries, GROUP).await > 0 {
        // In an order that all processes share: of two with the same requests one waits for the other.
        entries.sort_by(|(one, _), (other, _)| one.request().cmp(&other.request()));
        create_group(&store, &mut lane, std::mem::take(&mut entries)).await;
    }
}

/// Creates runs together and answers their callers.
async fn create_group(store: &Store, lane: &mut Lane, entries: Vec<Entry>) {
    let runs: Vec<&NewRun> = entries.iter().map(|(new, _)| new).collect();
    match store.insert_runs(lane, &runs).await {
        Ok(created) => {
            for (new, reply) in entries {
                let at = created.get(&new.run.id.as_uuid()).copied();
                // The caller may be gone.
                let _ = reply.send((new, Ok(at)));
            }
        }
        // One that the database does not take is not to keep the others from it.
        Err(_) => {
            for (new, reply) in entries {
                let at = match store.insert_runs(lane, &[&new]).await {
                    Ok(created) => Ok(created.get(&new.run.id.as_uuid()).copied()),
                    // The connection broke only after the commit.
                    Err(error) if error.unique_violation() == Some(RUN_ID) && !new.id_is_chosen => {
                        Ok(Some(new.run.created_at))
                    }
                    Err(error) => Err(error),
                };
                let _ = reply.send((new, at));
            }
        }
    }
}
