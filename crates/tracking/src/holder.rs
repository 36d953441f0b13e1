//! What has files.

use std::fmt;

use herdbook_core::{LoggedModelId, RunId};

/// A run, or a logged model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A run.
    Run(RunId),
    /// A logged model.
    Model(LoggedModelId),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => write!(f, "run {id}"),
            Self::Model(id) => write!(f, "logged model {id}"),
        }
    }
}
