//! Which changes of the registry a command is about.

use clap::Args;
use herdbook_proto::registry::v1::{AuditAction, EventSelector, Outcome};

use super::pairs;
use crate::exit::Failure;

/// Options that narrow changes; all changes without any.
#[derive(Debug, Args)]
pub(crate) struct SelectorOptions {
    /// Of this model; may be repeated.
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// Moves from or to this stage; may be repeated.
    #[arg(long = "stage", value_name = "NAME")]
    stages: Vec<String>,
    /// Of versions or models with this tag; all of them, if repeated.
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// What was done, such as transition, rollback or create_version; may be repeated.
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,
    /// What came of a move, allowed or refused; may be repeated.
    #[arg(long = "outcome", value_name = "OUTCOME")]
    outcomes: Vec<String>,
}

impl SelectorOptions {
    /// As the contract has it.
    pub(crate) fn read(self) -> Result<EventSelector, Failure> {
        let numbers = |words: Vec<String>, prefix: &str, read: fn(&str) -> Option<i32>| {
            let number = |word: &String| {
                let name = format!("{prefix}{}", word.to_uppercase());
                read(&name)
                    .ok_or_else(|| Failure::usage(format!("there is no {word:?}; see --help")))
            };
            words.iter().map(number).collect::<Result<Vec<_>, _>>()
        };
        Ok(EventSelector {
            actions: numbers(self.actions, "AUDIT_ACTION_", |name| {
                AuditAction::from_str_name(name).map(Into::into)
            })?,
            outcomes: numbers(self.outcomes, "OUTCOME_", |name| {
                Outcome::from_str_name(name).map(Into::into)
            })?,
            models: self.models,
            stages: self.stages,
            tags: pairs(self.tags)?,
        })
    }
}
