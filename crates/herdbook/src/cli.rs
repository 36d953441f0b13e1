//! The command line.

use std::{io::Write as _, path::PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::{
    commands::{
        artifacts, audit, experiments, import, lineage, metrics, models, policies, runs, sync,
        tokens, values, watch, webhooks, workspaces,
    },
    exit::{CODES, Failure},
    serve::{MigrateOptions, ServeOptions, UpOptions},
};

/// Experiment tracking, model registry and model lineage.
#[derive(Debug, Parser)]
#[command(name = "herdbook", version, after_help = CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) client: ClientOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How commands reach the server and how they print.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientOptions {
    /// Address of the server.
    #[arg(
        long,
        global = true,
        env = "HERDBOOK_URL",
        default_value = "http://127.0.0.1:5757",
        value_name = "URL"
    )]
    pub(crate) server: String,
    /// Token to call with.
    #[arg(long, global = true, env = "HERDBOOK_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Workspace to work in.
    #[arg(long, global = true, env = "HERDBOOK_WORKSPACE")]
    pub(crate) workspace: Option<String>,
    /// Certificates (PEM) by one of which an https:// server must be signed [default: the system's].
    #[arg(long, global = true, env = "HERDBOOK_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Tables for people, or JSON for scripts.
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For scripts: the contract's messages, with their field names.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process, on an embedded Postgres.
    Up(UpOptions),
    /// Run one part, as a deployment does.
    Serve(ServeOptions),
    /// Bring the schemas of a database up to date.
    Migrate(MigrateOptions),
    /// Groups of runs.
    #[command(subcommand)]
    Experiments(experiments::Command),
    /// Executions of training code.
    #[command(subcommand)]
    Runs(runs::Command),
    /// How the metrics of runs are meant.
    #[command(subcommand)]
    Metrics(metrics::Command),
    /// Models, their versions, and promotions.
    #[command(subcommand)]
    Models(models::Command),
    /// Policies that models share: stages, moves and their rules.
    #[command(subcommand)]
    Policies(policies::Command),
    /// What came from what.
    #[command(subcommand)]
    Lineage(lineage::Command),
    /// Files of runs.
    #[command(subcommand)]
    Artifacts(artifacts::Command),
    /// Images, histograms, tables and other values on steps.
    #[command(subcommand)]
    Values(values::Command),
    /// Tokens to call with.
    #[command(subcommand)]
    Tokens(tokens::Command),
    /// Workspaces and who works in them.
    #[command(subcommand)]
    Workspaces(workspaces::Command),
    /// The log of every change in the registry.
    #[command(subcommand)]
    Audit(audit::Command),
    Watch(watch::Options),
    Sync(sync::SyncOptions),
    /// Addresses to which changes of the registry are posted.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Bring what other trackers hold.
    #[command(subcommand)]
    Import(import::Command),
    /// Print the version.
    Version,
    /// Print completions for a shell.
    ///
    /// Example: herdbook completions bash > /etc/bash_completion.d/herdbook
    Completions {
        /// The shell.
        shell: Shell,
    },
}

pub(crate) fn print_version() -> Result<(), Failure> {
    writeln!(std::io::stdout(), "herdbook {}", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}

pub(crate) fn print_completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "herdbook", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
