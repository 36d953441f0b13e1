//! What the client does by itself, told to whoever listens and to `tracing`.

use std::{fmt, path::PathBuf};

use herdbook_core::RunId;

/// Something that the user of a client may want to know. `Display` says it in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The stream to the server ended; the client tries again by itself.
    ConnectionLost {
        /// Why.
        reason: String,
        /// Points that wait in memory alone.
        in_memory: u64,
        /// Points that wait in the spool.
        in_spool: u64,
    },
    /// The workspace may not have more for now, or the server's disk is full; the client tries again by
    /// itself.
    NoRoom {
        /// What is full, and what to do.
        reason: String,
        /// Points that wait in memory alone.
        in_memory: u64,
        /// Points that wait in the spool.
        in_spool: u64,
    },
    /// The server answers again.
    Connected {
        /// Points that waited and are now sent.
        waiting: u64,
    },
    /// Memory is short: points wait in the spool.
    Spilling {
        /// The folder.
        folder: PathBuf,
        /// Points moved there by now.
        points: u64,
    },
    /// Neither memory nor spool has room: points are lost.
    PointsDropped {
        /// Points lost since the client was made.
        points: u64,
    },
    /// An earlier process left points; they are sent now.
    SpoolFound {
        /// The file.
        path: PathBuf,
        /// The run they belong to.
        run: RunId,
        /// How many, some of which the server may have already.
        points: u64,
    },
    /// All that an earlier process left is at the server; the file is gone.
    SpoolReplayed {
        /// The file.
        path: PathBuf,
        /// How many there were in it.
        points: u64,
    },
    /// A spool cannot be read as a whole.
    SpoolDamaged {
        /// The file.
        path: PathBuf,
        /// What is lost.
        lost: String,
    },
    /// A spool cannot be written; points stay in memory.
    SpoolFailed {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// The server will not take any more of a run.
    Refused {
        /// The run.
        run: RunId,
        /// What happened and what to do.
        message: String,
        /// Points that it does not have.
        points: u64,
        /// The spool in which they are kept, for a later process to send.
        kept: Option<PathBuf>,
    },
    /// The server lacks batches that it had acknowledged: it was put back to an older state.
    ServerLost {
        /// The run.
        run: RunId,
        /// Batches that it lacks.
        batches: u64,
    },
    /// Somebody asked the run to stop.
    StopRequested {
        /// The run.
        run: RunId,
    },
    /// Params, tags or a status were not taken, and nobody waits for the answer.
    CallFailed {
        /// What was to be done.
        what: &'static str,
        /// What happened.
        error: String,
    },
    /// The client ended before the server had all.
    Left {
        /// Points that are lost.
        lost: u64,
        /// Points that wait in the spool, for a later process to send.
        in_spool: u64,
    },
}

impl Event {
    /// Hands the event to `tracing`, as grave as it is.
    pub(crate) fn trace(&self) {
        match self {
            Self::Connected { .. }
            | Self::SpoolFound { .. }
            | Self::SpoolReplayed { .. }
            | Self::StopRequested { .. } => tracing::info!("{self}"),
            Self::ConnectionLost { .. } | Self::NoRoom { .. } | Self::Spilling { .. } => {
                tracing::warn!("{self}");
            }
            Self::Left { lost: 0, .. } => tracing::warn!("{self}"),
            Self::PointsDropped { .. }
            | Self::SpoolDamaged { .. }
            | Self::SpoolFailed { .. }
            | Self::Refused { .. }
            | Self::ServerLost { .. }
            | Self::CallFailed { .. }
            | Self::Left { .. } => tracing::error!("{self}"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionLost {
                reason,
                in_memory,
                in_spool,
            } => write!(
                f,
                "connection lost ({reason}); {in_memory} points wait in memory, {in_spool} in the spool"
            ),
            Self::NoRoom {
                reason,
                in_memory,
                in_spool,
            } => write!(
                f,
                "no room ({reason}); {in_memory} points wait in memory, {in_spool} in the spool, until there is"
            ),
            Self::Connected { waiting: 0 } => write!(f, "connected"),
            Self::Connected { waiting } => {
                write!(f, "connected; sending {waiting} points that waited")
            }
            Self::Spilling { folder, points } => write!(
                f,
                "memory is short; {points} points wait in the spool {}",
                folder.display()
            ),
            Self::PointsDropped { points } => write!(
                f,
                "no room in memory or spool; {points} points are lost by now: give the client a spool, or \
                 more room"
            ),
            Self::SpoolFound { path, run, points } => write!(
                f,
                "found {points} points of run {run} that an earlier process left in {}; sending them",
                path.display()
            ),
            Self::SpoolReplayed { path, points } => write!(
                f,
                "the server has all {points} points of {}; the file is removed",
                path.display()
            ),
            Self::SpoolDamaged { path, lost } => {
                write!(f, "the spool {} is damaged: {lost}", path.display())
            }
            Self::SpoolFailed { path, problem } => write!(
                f,
                "the spool {} cannot be written ({problem}); points stay in memory",
                path.display()
            ),
            Self::Refused {
                run,
                message,
                points,
                kept,
            } => {
                write!(f, "the server refuses the points of run {run}: {message}; ")?;
                match kept {
                    Some(path) => write!(f, "{points} points are kept in {}", path.display()),
                    None => write!(f, "{points} points are lost"),
                }
            }
            Self::ServerLost { run, batches } => write!(
                f,
                "the server lacks {batches} batches of run {run} that it had acknowledged; it was put back to \
                 an older state"
            ),
            Self::StopRequested { run } => write!(f, "somebody asked run {run} to stop"),
            Self::CallFailed { what, error } => write!(f, "{what}: {error}"),
            Self::Left { lost, in_spool: 0 } => {
                write!(f, "ended before the server had all; {lost} points are lost")
            }
            Self::Left { lost, in_spool } => write!(
                f,
                "ended before the server had all; {in_spool} points wait in the spool for the next process, \
                 {lost} are lost"
            ),
        }
    }
}
