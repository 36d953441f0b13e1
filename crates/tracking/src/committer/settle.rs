//! Commits a group, and finds out what to answer when it does not go through at once.

use std::time::Duration;

use herdbook_postgres::DatabaseError;
use tokio::time::Instant;

use super::{
    change::decide_all,
    entry::{Answer, Refusal},
    group::{Once, Share},
};
use crate::{
    TrackingError,
    store::{
        Store,
        append::{Appended, Group},
        lane::Lane,
        requests::Requests,
    },
};

/// How long it is tried again while the database is away, before the group is given up; its writers
/// were not told that it is committed, and send it again.
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Commits a group, all in one statement, and answers each of its shares. If that does not apply,
/// because of some share or because the connection broke and it may have been applied already, the
/// rows of the writers and calls tell which.
pub(super) async fn commit(store: &Store, lane: &mut Lane, mut shares: Vec<Share>) {
    let deadline = Instant::now() + PATIENCE;
    let mut wait = Duration::from_millis(20);
    while !shares.is_empty() {
        match attempt(store, lane, &mut shares).await {
            Ok(Some(appended)) => {
                for mut share in shares {
                    let run = share.run;
                    let at = appended.changed.get(&run).copied();
                    if let Some(written) =
                        share.change_mut().zip(at).and_then(|(c, at)| c.written(at))
                    {
                        store.remember_run(run, written.clone());
                    }
                    let answer = committed(&share, appended.stop.contains(&share.run));
                    share.reply.answer(answer);
                }
                return;
            }
            Ok(None) if Instant::now() < deadline => {}
            Ok(None) => {
                tracing::error!(shares = shares.len(), "metric points could not be settled");
                return give_up(shares, Refusal::Unavailable);
            }
            // Room does not come by itself: whoever sent them keeps them, and tries again later.
            Err(error @ DatabaseError::Full(_)) => {
                tracing::error!(%error, shares = shares.len(), "metric points were not committed");
                return give_up(shares, Refusal::Full);
            }
            Err(error) if error.is_passing() && Instant::now() < deadline => {
                tracing::warn!(%error, "metric points wait for the database");
                if error.may_have_applied() {
                    shares = give_up_uncounted(shares);
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            // What the database does not take of one is not to keep the others from it.
            Err(error) if shares.len() > 1 => {
                tracing::warn!(%error, shares = shares.len(), "a group is committed one by one");
                for share in shares {
                    Box::pin(commit(store, lane, vec![share])).await;
                }
                return;
            }
            Err(error) => {
                tracing::error!(%error, shares = shares.len(), "metric points were not committed");
                return give_up(shares, Refusal::Unavailable);
            }
        }
        for share in &mut shares {
            if let Some(change) = share.change_mut() {
                change.decide_anew();
                store.forget_run(share.run);
            }
        }
        match verdicts(store, &mut shares).await {
            Ok(verdicts) => {
                let settled = shares.into_iter().zip(verdicts);
                shares = settled
                    .filter_map(|(share, verdict)| match verdict {
                        None => Some(share),
                        Some(answer) => {
                            share.reply.answer(answer);
                            None
                        }
                    })
                    .collect();
            }
            Err(error) => tracing::warn!(%error, "the state of metric writers could not be read"),
        }
    }
}

/// Decides what changes and commits all of it; `None` if something was not as expected.
async fn attempt(
    store: &Store,
    lane: &mut Lane,
    shares: &mut Vec<Share>,
) -> Result<Option<Appended>, DatabaseError> {
    decide_all(store, lane, shares).await?;
    if shares.is_empty() {
        return Ok(Some(Appended::default()));
    }
    store.append_group(lane, &group(shares)).await
}

fn committed(share: &Share, stop_requested: bool) -> Answer {
    let sequence = match &share.once {
        Once::Advance(advance) => advance.to,
        Once::Request(_) | Once::None => 0,
    };
    Answer::Committed {
        sequence,
        stop_requested,
    }
}

fn refuse(share: &Share, refusal: Refusal) -> Answer {
    let sequence = match &share.once {
        Once::Advance(advance) => advance.from + 1,
        Once::Request(_) | Once::None => 0,
    };
    Answer::Refused { sequence, refusal }
}

/// Of calls without a request id nobody can tell whether they were applied: their callers decide.
fn give_up_uncounted(shares: Vec<Share>) -> Vec<Share> {
    let (counted, uncounted) = shares
        .into_iter()
        .partition(|share| !matches!(share.once, Once::None));
    give_up(uncounted, Refusal::Unavailable);
    counted
}

fn give_up(shares: Vec<Share>, refusal: Refusal) {
    for share in shares {
        let answer = refuse(&share, refusal);
        share.reply.answer(answer);
    }
}

/// What to answer those shares that are committed already or never will be; nothing for those that are
/// still to be committed.
async fn verdicts(
    store: &Store,
    shares: &mut [Share],
) -> Result<Vec<Option<Answer>>, TrackingError> {
    let (mut writers, mut requests) = (Vec::new(), Vec::new());
    for share in &*shares {
        match &share.once {
            Once::Advance(advance) => writers.push((share.run, advance.writer.as_str())),
            Once::Request(id) => requests.push((share.run, id.as_str())),
            Once::None => {}
        }
    }
    let runs: Vec<_> = shares.iter().map(|share| share.run).collect();
    let states = store.writer_states(&writers).await?;
    let done = store.requests_done(Requests::Log, &requests).await?;
    let writable = store.writable(&runs).await?;
    let verdict = |share: &mut Share| {
        if let Once::Request(id) = &share.once
            && done.contains(&(share.run, id.clone()))
        {
            if share.change().is_none() {
                return Some(committed(share, false));
            }
            share.is_done();
        }
        if share.change().is_some() {
            return None;
        }
        if !writable.contains(&share.run) {
            return Some(refuse(share, Refusal::RunDeleted));
        }
        let Once::Advance(advance) = &share.once else {
            return None;
        };
        let Some(state) = states.get(&(share.run, advance.writer.clone())) else {
            return Some(refuse(share, Refusal::RunDeleted));
        };
        let (sequence, expected) = (state.sequence, state.sequence + 1);
        let inside = (advance.from..advance.to).contains(&sequence);
        if state.epoch != advance.epoch {
            Some(refuse(share, Refusal::Fenced))
        } else if sequence >= advance.to {
            Some(Answer::Committed {
                sequence,
                stop_requested: false,
            })
        } else if sequence == advance.from || (inside && share.trim(sequence)) {
            None
        } else {
            Some(refuse(share, Refusal::Gap { expected }))
        }
    };
    Ok(shares.iter_mut().map(verdict).collect())
}

/// The shares as one statement takes them.
fn group(shares: &[Share]) -> Group<'_> {
    let mut group = Group::default();
    for share in shares {
        match &share.once {
            Once::Advance(advance) => group.advance(share.run, advance),
            Once::Request(id) => group.request(share.run, id),
            Once::None => {}
        }
        if let Some(change) = share.change() {
            group.change(share.workspace, share.run, change);
        }
        for batch in &share.batches {
            group.block(share.workspace, share.run, &batch.block);
            group.summaries(share.workspace, share.run, &batch.summaries);
        }
    }
    group
}
