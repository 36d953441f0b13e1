//! `herdbook models`, a file a subject.

mod card;
mod diff;
mod download;
mod history;
mod look;
mod moves;
mod register;
mod requests;
mod rules;
mod search;
mod show;

use clap::Subcommand;

pub(super) use show::{policy, subject};

use super::version_of;
use crate::{cli::ClientOptions, connection::connect, exit::Failure};

const MODEL: &str = "herdbook.registry.v1.Model";
const VERSION: &str = "herdbook.registry.v1.Version";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Models and versions as they are.
    #[command(flatten)]
    Look(look::Command),
    Search(search::Options),
    Card(card::Options),
    Diff(diff::Options),
    /// New models, versions and aliases.
    #[command(flatten)]
    Register(register::Command),
    /// Moves between stages.
    #[command(flatten)]
    Moves(moves::Command),
    /// Requests, approvals and checks.
    #[command(flatten)]
    Approvals(requests::Command),
    Rules(rules::Options),
    /// What was, and what happens.
    #[command(flatten)]
    History(history::Command),
    Download(download::Options),
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let output = options.output;
    let connection = connect(&options).await?;
    match command {
        Command::Look(command) => look::run(connection, output, command).await,
        Command::Search(options) => search::run(connection, output, options).await,
        Command::Card(options) => card::run(connection, output, options).await,
        Command::Diff(options) => diff::run(connection, output, options).await,
        Command::Register(command) => register::run(connection, output, command).await,
        Command::Moves(command) => moves::run(connection, output, command).await,
        Command::Approvals(command) => requests::run(connection, output, command).await,
        Command::Rules(options) => rules::run(connection, output, options).await,
        Command::History(command) => history::run(connection, output, command).await,
        Command::Download(options) => download::run(connection, options).await,
    }
}

/// The parts of `model/number`.
fn parts(version: &str) -> Result<(String, i64), Failure> {
    let parts = version_of(version).map(|(model, number)| (model.to_owned(), number));
    parts.ok_or_else(|| Failure::usage(format!("{version:?} is not model/number")))
}
