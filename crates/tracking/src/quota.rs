//! What a workspace may have: writes are let in by figures of this process that are read anew each second.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use herdbook_core::WorkspaceId;
use tokio::time::Instant;

use crate::{TrackingError, store::Store};

/// How old the figures may be by which a write is let in.
const FRESH: Duration = Duration::from_secs(1);
/// How old they may be by which one is refused: room that somebody made is seen at once, and callers that
/// are refused over and over do not keep the database busy.
const FRESH_TO_REFUSE: Duration = Duration::from_millis(50);

/// What a workspace has, or what is added to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) runs: i64,
    pub(crate) points: i64,
    pub(crate) bytes: i64,
}

/// What a workspace may have; anything, where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Runs.
    pub runs: Option<i64>,
    /// Points of metrics.
    pub points: Option<i64>,
    /// Bytes of points, values and artifacts.
    pub bytes: Option<i64>,
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Runs.
    Runs,
    /// Points of metrics.
    Points,
    /// Bytes of points, values and artifacts.
    Bytes,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runs => "runs",
            Self::Points => "points",
            Self::Bytes => "bytes",
        })
    }
}

impl Usage {
    fn plus(self, more: Self) -> Self {
        Self {
            runs: self.runs.saturating_add(more.runs),
            points: self.points.saturating_add(more.points),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }
}

impl Limits {
    /// These, and `others` where nothing is said.
    pub(crate) fn or(self, others: Self) -> Self {
        Self {
            runs: self.runs.or(others.runs),
            points: self.points.or(others.points),
            bytes: self.bytes.or(others.bytes),
        }
    }

    /// Whether a workspace that has `used` may have `more`. What is not added to does not matter.
    fn check(self, used: Usage, more: Usage) -> Result<(), TrackingError> {
        for (resource, limit, used, more) in [
            (Resource::Runs, self.runs, used.runs, more.runs),
            (Resource::Points, self.points, used.points, more.points),
            (Resource::Bytes, self.bytes, used.bytes, more.bytes),
        ] {
            if let Some(limit) = limit
                && more > 0
                && used.saturating_add(more) > limit
            {
                return Err(TrackingError::QuotaExceeded {
                    resource,
                    used,
                    more,
                    limit,
                });
            }
        }
        Ok(())
    }
}

/// The quotas of all workspaces, as a process knows them.
#[derive(Debug, Clone)]
pub(crate) struct Quotas {
    store: Store,
    defaults: Limits,
    rooms: Arc<Mutex<HashMap<WorkspaceId, Arc<Room>>>>,
}

/// What is known of a workspace.
#[derive(Debug, Default)]
struct Room {
    figures: Mutex<Option<Figures>>,
    /// Held by the one who reads them anew.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Figures {
    read_at: Instant,
    limits: Limits,
    /// With what was let in since.
    used: Usage,
}

impl Room {
    fn figures(&self) -> std::sync::MutexGuard<'_, Option<Figures>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `more` in or refuses it; `None` if the figures are too old to say.
    fn judge(&self, more: Usage) -> Option<Result<(), TrackingError>> {
        let mut figures = self.figures();
        let figures = figures.as_mut()?;
        let age = figures.read_at.elapsed();
        match figures.limits.check(figures.used, more) {
            Ok(()) if age < FRESH => {
                figures.used = figures.used.plus(more);
                Some(Ok(()))
            }
            Err(error) if age < FRESH_TO_REFUSE => Some(Err(error)),
            _ => None,
        }
    }
}

impl Quotas {
    /// Quotas with `defaults` for workspaces that have none of their own.
    pub(crate) fn new(store: &Store, defaults: Limits) -> Self {
        Self {
            store: store.clone(),
            defaults,
            rooms: Arc::default(),
        }
    }

    /// Lets a write in that adds `more`, or says why not.
    pub(crate) async fn admit(
        &self,
        workspace: WorkspaceId,
        more: Usage,
    ) -> Result<(), TrackingError> {
        let room = self.room(workspace);
        if let Some(verdict) = room.judge(more) {
            return verdict;
        }
        let _reading = room.reading.lock().await;
        if let Some(verdict) = room.judge(more) {
            return verdict;
        }
        let read_at = Instant::now();
        match self.store.usage(workspace).await {
            Ok((own, used)) => {
                let limits = self.in_force(own);
                let verdict = limits.check(used, more);
                let used = match verdict {
                    Ok(()) => used.plus(more),
                    Err(_) => used,
                };
                *room.figures() = Some(Figures {
                    read_at,
                    limits,
                    used,
                });
                verdict
            }
            // The write itself waits for the database, or fails with it.
            Err(error) => {
                tracing::warn!(%error, "the quotas of a workspace could not be read");
                Ok(())
            }
        }
    }

    /// Lets `size` bytes in, or says why not.
    pub(crate) async fn admit_bytes(
        &self,
        workspace: WorkspaceId,
        size: u64,
    ) -> Result<(), TrackingError> {
        let more = Usage {
            bytes: i64::try_from(size).unwrap_or(i64::MAX),
            ..Usage::default()
        };
        self.admit(workspace, more).await
    }

    /// What holds in a workspace: its own limits, with those of the server where it has none.
    pub(crate) fn in_force(&self, own: Limits) -> Limits {
        own.or(self.defaults)
    }

    /// Has what is known of a workspace read anew.
    pub(crate) fn forget(&self, workspace: WorkspaceId) {
        *self.room(workspace).figures() = None;
    }

    fn room(&self, workspace: WorkspaceId) -> Arc<Room> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(workspace).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        runs: Some(2),
        points: Some(100),
        bytes: None,
    };

    #[test]
    fn a_limit_is_reached_and_not_passed() {
        let used = Usage {
            runs: 2,
            points: 90,
            bytes: i64::MAX,
        };
        let points = |points| Usage {
            points,
            bytes: 1,
            ..Usage::default()
        };
        assert!(LIMITS.check(used, points(10)).is_ok());
        let refused = LIMITS.check(used, points(11)).unwrap_err();
        assert!(matches!(
            refused,
            TrackingError::QuotaExceeded {
                resource: Resource::Points,
                used: 90,
                more: 11,
                limit: 100
            }
        ));
    }

    #[test]
    fn what_is_not_added_to_does_not_matter() {
        let over = Usage {
            runs: 3,
            points: 0,
            bytes: 0,
        };
        let point = Usage {
            points: 1,
            ..Usage::default()
        };
        assert!(LIMITS.check(over, point).is_ok());
    }
}
