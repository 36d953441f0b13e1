//! `herdbook models`, a file a subject.

mod card;
mod delete;
mod diff;
mod download;
mod files;
mod history;
mod look;
mod moves;
mod register;
mod requests;
mod rules;
mod search;
mod show;
mod sign;

use clap::Subcommand;
use herdbook_registry::workspace_of;

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
    /// Models and versions that go, or get another name.
    #[command(flatten)]
    Delete(delete::Command),
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
    /// The files of versions.
    #[command(flatten)]
    Files(files::Command),
    Keygen(sign::Keygen),
}

pub(crate) async fn run(mut options: ClientOptions, command: Command) -> Result<(), Failure> {
    let output = options.output;
    if let Command::Files(command) = &command {
        options.workspace = workspace_of(command.reference()).or(options.workspace);
    }
    let connection = async || connect(&options).await;
    match command {
        Command::Look(command) => look::run(connection().await?, output, command).await,
        Command::Search(options) => search::run(connection().await?, output, options).await,
        Command::Card(options) => card::run(connection().await?, output, options).await,
        Command::Diff(options) => diff::run(connection().await?, output, options).await,
        Command::Register(command) => register::run(connection().await?, output, command).await,
        Command::Delete(command) => delete::run(connection().await?, output, command).await,
        Command::Moves(command) => moves::run(connection().await?, output, command).await,
        Command::Approvals(command) => requests::run(connection().await?, output, command).await,
        Command::Rules(options) => rules::run(connection().await?, output, options).await,
        Command::History(command) => history::run(connection().await?, output, command).await,
        Command::Files(command) => files::run(connection().await?, output, command).await,
        Command::Keygen(options) => sign::keygen(&options),
    }
}

/// The parts of `model/number`.
fn parts(version: &str) -> Result<(String, i64), Failure> {
    let parts = version_of(version).map(|(model, number)| (model.to_owned(), number));
    parts.ok_or_else(|| Failure::usage(format!("{version:?} is not model/number")))
}
