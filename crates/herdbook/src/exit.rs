//! How a command ends: a message for people on standard error, and a code for scripts.

use std::{fmt::Display, io::Write as _, process::ExitCode};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What `--help` says of the codes.
pub(crate) const CODES: &str = "Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  there is no such thing
  4  refused: by a rule, or because the state does not allow it
  5  not allowed: no token, or too low a role
  6  the server cannot be reached
  7  pending: it waits for approvals
  8  damaged: bytes are not what their digest or signature says";

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// Lines, the first of which says what happened.
    lines: Vec<String>,
}

impl Failure {
    /// Failed for a reason of its own.
    pub(crate) fn failed(message: impl Display) -> Self {
        Self {
            code: 1,
            lines: vec![message.to_string()],
        }
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self {
            code: 2,
            lines: vec![message.to_string()],
        }
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Display) -> Self {
        Self {
            code: 3,
            lines: vec![message.to_string()],
        }
    }

    /// Refused, though nothing failed.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self {
            code: 4,
            lines: vec![message.to_string()],
        }
    }

    /// Neither done nor refused: it waits for others.
    pub(crate) fn pending(message: impl Display) -> Self {
        Self {
            code: 7,
            lines: vec![message.to_string()],
        }
    }

    /// Bytes are not what they should be.
    pub(crate) fn damaged(message: impl Display) -> Self {
        Self {
            code: 8,
            lines: vec![message.to_string()],
        }
    }

    /// Prints the message and gives the code.
    pub(crate) fn report(self) -> ExitCode {
        let mut error = std::io::stderr().lock();
        for (index, line) in self.lines.iter().enumerate() {
            let start = match (index, self.code) {
                (0, 7) => "pending: ",
                (0, _) => "error: ",
                _ => "  - ",
            };
            // Nothing is left to be told to somebody whose terminal is gone.
            let _ = writeln!(error, "{start}{line}");
        }
        ExitCode::from(self.code)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let code = match status.code() {
            Code::NotFound => 3,
            Code::FailedPrecondition | Code::Aborted => 4,
            Code::Unauthenticated | Code::PermissionDenied => 5,
            Code::Unavailable => 6,
            Code::DataLoss => 8,
            _ => 1,
        };
        let details = status.get_error_details();
        let failed = details
            .precondition_failure()
            .map(|failure| &failure.violations);
        let rules = failed
            .into_iter()
            .flatten()
            .map(|violation| violation.description.clone());
        let mut lines: Vec<String> = rules.collect();
        let message = match (lines.is_empty(), status.message().split_once(": ")) {
            // The rules are told below, a line each.
            (false, Some((what, _))) => what.to_owned(),
            _ => status.message().to_owned(),
        };
        lines.insert(0, message);
        Self { code, lines }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // Whoever reads the output, such as `head`, has enough of it.
            std::io::ErrorKind::BrokenPipe => Self {
                code: 0,
                lines: Vec::new(),
            },
            _ => Self::failed(error),
        }
    }
}
