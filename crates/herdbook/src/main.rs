//! Herdbook: experiment tracking, model registry and model lineage.

mod chart;
mod cli;
mod commands;
mod connection;
mod exit;
mod output;
mod serve;
mod tree;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};
use exit::Failure;

/// The allocator of glibc keeps what each of its arenas once held: with a thousand streams open nearly twice as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(run(cli));
            // A read of the terminal or of a file must not hold up the end.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::failed(format!(
            "the runtime cannot start: {error}"
        ))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let client = cli.client;
    match cli.command {
        Command::Up(options) => serve::up(options).await,
        Command::Serve(options) => serve::part(options).await,
        Command::Migrate(options) => serve::migrate(options).await,
        Command::Experiments(command) => commands::experiments::run(client, command).await,
        Command::Runs(command) => commands::runs::run(client, command).await,
        Command::Metrics(command) => commands::metrics::run(client, command).await,
        Command::Policies(command) => commands::policies::run(client, command).await,
        Command::Models(command) => commands::models::run(client, command).await,
        Command::Lineage(command) => commands::lineage::run(client, command).await,
        Command::Artifacts(command) => commands::artifacts::run(client, command).await,
        Command::Values(command) => commands::values::run(client, command).await,
        Command::Tokens(command) => commands::tokens::run(client, command).await,
        Command::Workspaces(command) => commands::workspaces::run(client, command).await,
        Command::Audit(command) => commands::audit::run(client, command).await,
        Command::Watch(options) => commands::watch::run(client, options).await,
        Command::Sync(options) => commands::sync::run(client, options).await,
        Command::Webhooks(command) => commands::webhooks::run(client, command).await,
        Command::Import(command) => commands::import::run(client, command).await,
        Command::Version => cli::print_version(),
        Command::Completions { shell } => cli::print_completions(shell),
    }
}
