//! `herdbook import`.

mod shown;

use std::{fs, io::IsTerminal as _, io::Write as _, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use herdbook_importer::{
    Comparison, ImportError, Ledger, Options, Report, SourceOptions, check_mlflow, import_mlflow,
    plan_mlflow,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    cli::{ClientOptions, Output},
    connection::connect,
    exit::Failure,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring what an MLflow holds: experiments, runs with all points, files, logged models and the registry.
    ///
    /// Ids and times stay, so that old links and `runs:/` URIs go on working. Nothing that is here already is
    /// overwritten. Cut short and run again, it goes on; run once more, it changes nothing. Needs an admin's token.
    ///
    /// Example: herdbook import mlflow --from sqlite:///mlflow.db --artifacts ./mlartifacts
    Mlflow(Mlflow),
}

#[derive(Debug, Args)]
pub(crate) struct Mlflow {
    /// The MLflow: http://host:5000, sqlite:///mlflow.db, postgresql://user:password@host/mlflow, or a folder such
    /// as ./mlruns. Its name and password, or token, may also stand in MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN.
    #[arg(long, value_name = "STORE")]
    from: String,
    /// Compare both sides and write nothing; ends with 1 if they differ.
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Count what there is to bring and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Only this experiment, and nothing of the registry; may be repeated.
    #[arg(long, value_name = "NAME")]
    experiment: Vec<String>,
    /// Leave files where they are.
    #[arg(long)]
    no_artifacts: bool,
    /// Where `mlflow-artifacts:` is, if the MLflow is a database or a folder: a folder, a bucket or a server's URL.
    #[arg(long, value_name = "PLACE", conflicts_with = "no_artifacts")]
    artifacts: Option<String>,
    /// The workspace of MLflow to read [default: default].
    #[arg(long, value_name = "NAME")]
    from_workspace: Option<String>,
    /// Runs and models that are brought at the same time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Write the report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) async fn run(client: ClientOptions, command: Command) -> Result<(), Failure> {
    let Command::Mlflow(asked) = command;
    let options = Options {
        source: SourceOptions {
            workspace: asked.from_workspace,
            artifacts: asked.artifacts,
            jobs: usize::from(asked.jobs),
        },
        experiments: asked.experiment,
        artifacts: !asked.no_artifacts,
    };
    let to = connect(&client).await?;
    let ledger = Ledger::default();
    if asked.check {
        let compared = Box::pin(check_mlflow(&asked.from, to, &options, &ledger));
        let compared = with_progress(&ledger, "compared", compared).await?;
        tell(client.output, asked.report, &compared, shown::comparison)?;
        return differences(&compared);
    }
    let report = match asked.dry_run {
        true => {
            let planned = Box::pin(plan_mlflow(&asked.from, to, &options, &ledger));
            with_progress(&ledger, "found", planned).await?
        }
        false => {
            let imported = Box::pin(import_mlflow(&asked.from, to, &options, &ledger));
            with_progress(&ledger, "brought", imported).await?
        }
    };
    tell(client.output, asked.report, &report, shown::report)?;
    incomplete(&report)
}

fn differences(compared: &Comparison) -> Result<(), Failure> {
    match compared.differences.len() {
        0 => Ok(()),
        count => Err(Failure::failed(format!("{count} differences"))),
    }
}

fn incomplete(report: &Report) -> Result<(), Failure> {
    match report.incomplete() {
        false => Ok(()),
        true => Err(Failure::failed(
            "some things were left out that should have come; the report says which and why",
        )),
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Address(_) => Self::usage(error),
            ImportError::Source { .. } => Self::failed(error),
            ImportError::Destination(status) => Self::from(*status),
        }
    }
}

/// Prints a report, and writes it to a file if that is wanted.
fn tell<T: Serialize>(
    output: Output,
    file: Option<PathBuf>,
    report: &T,
    for_people: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(report).map_err(Failure::failed)?;
    if let Some(file) = file {
        let unwritable = |error| Failure::failed(format!("{}: {error}", file.display()));
        fs::write(&file, format!("{json}\n")).map_err(unwritable)?;
    }
    let text = match output {
        Output::Table => crate::output::plain(&for_people(report)),
        Output::Json => json,
    };
    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(())
}

/// Shows on a terminal how far it is, while it goes on.
async fn with_progress<T>(
    ledger: &Ledger,
    done: &str,
    work: impl Future<Output = Result<T, ImportError>>,
) -> Result<T, Failure> {
    const EVERY: Duration = Duration::from_millis(200);
    let bar = match std::io::stderr().is_terminal() {
        true => ProgressBar::new_spinner(),
        false => ProgressBar::hidden(),
    };
    let style = ProgressStyle::with_template("{spinner} {elapsed}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval(EVERY);
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = ticks.tick() => {
                bar.set_message(shown::progress(ledger, done, bar.elapsed()));
                bar.tick();
            }
        }
    };
    bar.finish_and_clear();
    Ok(result?)
}
