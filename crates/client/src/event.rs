//! What the client does by itself, told to whoever listens and to `tracing`.

use std::{fmt, path::PathBuf};

use herdbook_core::RunId;
use tracing::Level;

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
    /// The server does not answer calls; the client tries again by itself.
    ServerAway {
        /// Why.
        reason: String,
    },
    /// An earlier process left something to be done besides points.
    JournalFound {
        /// The file.
        path: PathBuf,
        /// The run that it is asked of.
        run: RunId,
        /// How many acts.
        acts: u64,
    },
    /// The server will not do what is asked of a run, and what was asked after that waits behind it.
    CallsRefused {
        /// The run.
        run: RunId,
        /// What happened and what to do.
        message: String,
        /// Acts that are not done.
        acts: u64,
        /// The journal in which they are kept, for a later process to ask again.
        kept: Option<PathBuf>,
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
    /// The client ended before all was done that was asked of runs besides points.
    ActsLeft {
        /// How many acts.
        acts: u64,
        /// Whether they are in journals, for a later process to ask again.
        kept: bool,
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
    /// How grave it is: an error if something is lost or refused, a warning if something waits or somebody may have
    /// to see to it.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::Connected { .. }
            | Self::SpoolFound { .. }
            | Self::JournalFound { .. }
            | Self::SpoolReplayed { .. }
            | Self::StopRequested { .. } => Level::INFO,
            Self::ConnectionLost { .. }
            | Self::ServerAway { .. }
            | Self::NoRoom { .. }
            | Self::Spilling { .. }
            | Self::ActsLeft { kept: true, .. }
            | Self::Left { lost: 0, .. } => Level::WARN,
            Self::PointsDropped { .. }
            | Self::SpoolDamaged { .. }
            | Self::SpoolFailed { .. }
            | Self::Refused { .. }
            | Self::ServerLost { .. }
            | Self::CallFailed { .. }
            | Self::CallsRefused { .. }
            | Self::ActsLeft { .. }
            | Self::Left { .. } => Level::ERROR,
        }
    }

    /// Hands the event to `tracing`.
    pub(crate) fn trace(&self) {
        match self.level() {
            Level::INFO => tracing::info!("{self}"),
            Level::WARN => tracing::warn!("{self}"),
            _ => tracing::error!("{self}"),
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
            Self::ServerAway { reason } => {
                write!(
                    f,
                    "the server does not answer ({reason}); what is logged waits"
                )
            }
            Self::JournalFound { path, run, acts } => write!(
                f,
                "found {acts} calls for run {run} that an earlier process left in {}; making them",
                path.display()
            ),
            Self::CallsRefused {
                run,
                message,
                acts,
                kept,
            } => {
                write!(
                    f,
                    "the server refuses what is asked of run {run}: {message}; "
                )?;
                match kept {
                    Some(path) => write!(f, "{acts} calls are kept in {}", path.display()),
                    None => write!(f, "{acts} calls are lost"),
                }
            }
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
            Self::ActsLeft { acts, kept: true } => write!(
                f,
                "ended before the server had done all; {acts} calls wait in journals for the next process"
            ),
            Self::ActsLeft { acts, kept: false } => {
                write!(
                    f,
                    "ended before the server had done all; {acts} calls are lost"
                )
            }
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
