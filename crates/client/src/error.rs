//! What a user of the client can act on.

use std::path::PathBuf;

use herdbook_core::{InvalidId, NameError};
use tonic::{Code, Status};

/// Why a call of the client failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The address of the server, the token, the workspace or the writer's name cannot be used.
    #[error("{option} {problem}")]
    Option {
        /// Which of the options.
        option: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// The folder for spools cannot be used.
    #[error("the spool folder {path} cannot be used: {problem}; name a folder that can be written")]
    Spool {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// A file that is to be sent or trusted cannot be read.
    #[error("{path} cannot be read: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        problem: String,
    },
    /// The system gives no thread to send from.
    #[error("the client cannot start: {0}")]
    Start(String),
    /// Not the id of a run.
    #[error(transparent)]
    RunId(#[from] InvalidId),
    /// A metric's key breaks the rules.
    #[error("the key {key:?} {error}")]
    Key {
        /// The key.
        key: String,
        /// The rule.
        error: NameError,
    },
    /// A metric stands twice in one call.
    #[error("the key {key:?} stands twice in one call; log its values in a call each")]
    RepeatedKey {
        /// The key.
        key: String,
    },
    /// More metrics than one call takes.
    #[error("{count} metrics in one call; at most {limit} are taken: log them in parts")]
    TooManyKeys {
        /// How many there are.
        count: usize,
        /// How many are taken.
        limit: usize,
    },
    /// The server will not take any more of this run.
    #[error("the server refuses the points: {message}")]
    Refused {
        /// The code of the refusal.
        code: Code,
        /// What happened and what to do.
        message: String,
    },
    /// The server answered a call with an error.
    #[error("{message}")]
    Call {
        /// Its code.
        code: Code,
        /// What happened and what to do.
        message: String,
    },
    /// The server did not take all in time.
    #[error(
        "the server has not taken all yet: {in_memory} points wait in memory, {in_spool} in the spool; they \
         are still being sent"
    )]
    Late {
        /// Points that wait in memory alone.
        in_memory: u64,
        /// Points that wait in the spool.
        in_spool: u64,
    },
    /// The client was closed.
    #[error("the client is closed; connect again to log more")]
    Closed,
}

impl ClientError {
    /// The code by which a caller can tell what kind of failure it is.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Option { .. }
            | Self::Spool { .. }
            | Self::File { .. }
            | Self::RunId(_)
            | Self::Key { .. }
            | Self::RepeatedKey { .. }
            | Self::TooManyKeys { .. } => Code::InvalidArgument,
            Self::Start(_) => Code::Internal,
            Self::Refused { code, .. } | Self::Call { code, .. } => *code,
            Self::Late { .. } => Code::DeadlineExceeded,
            Self::Closed => Code::Cancelled,
        }
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        Self::Call {
            code: status.code(),
            message: status.message().to_owned(),
        }
    }
}
