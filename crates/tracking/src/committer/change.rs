//! A change of a run's row: decided on the run as it is known here, and written only if it is still so.

use std::{collections::HashMap, fmt};

use chrono::{DateTime, SubsecRound as _, Utc};
use herdbook_core::RunId;
use herdbook_postgres::DatabaseError;
use tokio::sync::oneshot;

use super::{
    entry::{Refusal, Reply},
    group::Share,
};
use crate::{
    TrackingError,
    run::{Run, RunKey, Told},
    store::{Store, lane::Lane},
};

/// What is to become of a run, and what lineage is told of it. It is asked again with the run as it is by then, if
/// somebody else was faster.
pub(crate) type Rule = Box<dyn Fn(&mut Run) -> Result<Told, TrackingError> + Send + Sync>;

/// A call that changes a run's row.
pub(crate) struct Change {
    id: RunId,
    rule: Rule,
    reply: oneshot::Sender<Result<Run, NotChanged>>,
    decided: Option<Decided>,
}

/// The run as it is to be.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) run: Run,
    pub(crate) told: Told,
}

/// Why a run was not changed.
#[derive(Debug)]
pub(crate) enum NotChanged {
    /// By what the rule says, or because it is gone.
    Ruled(TrackingError),
    /// By what the committer says.
    Refused(Refusal),
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("id", &self.id)
            .field("decided", &self.decided)
            .finish_non_exhaustive()
    }
}

impl Change {
    /// A change of the run `id`, and where its outcome is waited for.
    pub(crate) fn new(id: RunId, rule: Rule) -> (Self, oneshot::Receiver<Result<Run, NotChanged>>) {
        let (reply, outcome) = oneshot::channel();
        let change = Self {
            id,
            rule,
            reply,
            decided: None,
        };
        (change, outcome)
    }

    /// What was decided, until the run turned out to be another one.
    pub(crate) fn decided(&self) -> Option<&Decided> {
        self.decided.as_ref()
    }

    pub(super) fn decide_anew(&mut self) {
        self.decided = None;
    }

    /// It was done before: nothing more becomes of the run.
    pub(super) fn is_done(&mut self) {
        self.rule = Box::new(|_| Ok(Told::Unchanged));
        self.decided = None;
    }

    fn outcome(&self, run: &Run) -> Result<Decided, TrackingError> {
        if run.deleted {
            return Err(TrackingError::RunDeleted(run.id));
        }
        let mut run = run.clone();
        let told = (self.rule)(&mut run)?;
        // What the columns keep of a time.
        run.started_at = run.started_at.trunc_subsecs(6);
        run.ended_at = run.ended_at.map(|time| time.trunc_subsecs(6));
        if told != Told::Unchanged {
            run.revision += 1;
        }
        Ok(Decided { run, told })
    }

    /// Decides on the run as it is known here, if that has it written: the statement then confirms that it is still
    /// so. Nothing confirms what refuses a change, or leaves the run as it is.
    fn decide_from_memory(&mut self, known: &Run) {
        let outcome = self.outcome(known).ok();
        self.decided = outcome.filter(|decided| decided.told != Told::Unchanged);
    }

    /// The run as it was written, if it was.
    pub(super) fn written(&mut self, at: DateTime<Utc>) -> Option<&Run> {
        let decided = self.decided.as_mut()?;
        decided.run.updated_at = at;
        Some(&decided.run)
    }

    pub(super) fn committed(self, stop_requested: bool) {
        let decided = self.decided.map(|decided| decided.run);
        let done = decided.map(|run| Run {
            stop_requested,
            ..run
        });
        // The caller may be gone.
        let _ = self
            .reply
            .send(done.ok_or(NotChanged::Refused(Refusal::Unavailable)));
    }

    pub(super) fn refused(self, refusal: Refusal) {
        let _ = self.reply.send(Err(NotChanged::Refused(refusal)));
    }

    fn answer(self, outcome: Result<Run, TrackingError>) {
        let _ = self.reply.send(outcome.map_err(NotChanged::Ruled));
    }
}

/// Decides the changes of `shares` that are not decided: from memory, or on the runs as they are read. Answers those
/// that are refused or have nothing to write.
pub(super) async fn decide_all(
    store: &Store,
    lane: &mut Lane,
    shares: &mut Vec<Share>,
) -> Result<(), DatabaseError> {
    let mut unknown = Vec::new();
    for share in &mut *shares {
        let run = share.run;
        let Some(change) = share.change_mut().filter(|one| one.decided.is_none()) else {
            continue;
        };
        if let Some(known) = store.known_run(run) {
            change.decide_from_memory(&known);
        }
        if change.decided.is_none() {
            unknown.push(run);
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let found = store.read_runs(lane, &unknown).await?;
    let undecided = std::mem::take(shares);
    let decided = undecided.into_iter();
    *shares = decided
        .filter_map(|share| decide_as_found(share, &found))
        .collect();
    Ok(())
}

/// Decides the change of a share, if it is not decided; the share, if there is something to write.
fn decide_as_found(mut share: Share, found: &HashMap<RunKey, Run>) -> Option<Share> {
    let nothing_else = share.adds_nothing();
    let Reply::Change(mut change) = share.reply else {
        return Some(share);
    };
    if change.decided.is_none() {
        let outcome = match found.get(&share.run) {
            Some(run) => change.outcome(run),
            None => Err(TrackingError::RunNotFound(change.id.to_string())),
        };
        match outcome {
            Ok(decided) if decided.told == Told::Unchanged && nothing_else => {
                change.answer(Ok(decided.run));
                return None;
            }
            Ok(decided) => change.decided = Some(decided),
            Err(error) => {
                change.answer(Err(error));
                return None;
            }
        }
    }
    share.reply = Reply::Change(change);
    Some(share)
}
