//! `herdbook runs`.

mod bands;
mod chart;
mod fork;
mod groups;
mod list;
mod log;
mod rows;
mod show;
mod watch;

use clap::Subcommand;
use herdbook_proto::tracking::v1::{
    DeleteRunRequest, GetRunRequest, PurgeRunRequest, RequestStopRequest, RestoreRunRequest, Run,
    SearchRunsResponse, run_service_client::RunServiceClient,
};
use show::{compare, show};

use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    output,
};

const RUN: &str = "herdbook.tracking.v1.Run";
const RUNS: &str = "herdbook.tracking.v1.SearchRunsResponse";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log metric points from standard input or a file, a line at a time, and lose none of them.
    ///
    /// CSV with a header: step, time if there is one (seconds since 1970 UTC, or 2026-01-31T12:00:00Z), and
    /// metrics; an empty cell is no point. Or JSON, an object a line, such as {"step": 1, "loss": 0.3}.
    ///
    /// Example: python train.py | herdbook runs log --create fraud-detector --spool ~/.cache/herdbook
    Log(log::LogOptions),
    #[command(flatten)]
    Call(Call),
}

/// Commands that are a call or two of the server.
#[derive(Debug, Subcommand)]
pub(crate) enum Call {
    /// Find runs.
    ///
    /// Example: herdbook runs list --filter "metrics.val_accuracy > 0.9 and params.optimizer = 'sgd'"
    /// --order-by "metrics.val_accuracy desc" --columns params.lr,metrics.val_accuracy
    List(list::ListOptions),
    /// Sum up groups of runs, such as those of a sweep.
    ///
    /// Example: herdbook runs groups --by params.optimizer --compute mean:metrics.val_accuracy
    /// --best "metrics.val_accuracy desc"
    Groups(groups::GroupsOptions),
    /// Show a run whole.
    ///
    /// Example: herdbook runs show 0198c0de…
    Show {
        /// Its id.
        run: String,
    },
    /// Show where runs differ.
    ///
    /// Example: herdbook runs compare 0198c0de… 0198c0df…
    Compare {
        /// Their ids.
        #[arg(required = true, num_args = 2..)]
        runs: Vec<String>,
        /// Show what is the same too.
        #[arg(long)]
        all: bool,
    },
    /// Draw learning curves.
    ///
    /// Example: herdbook runs chart 0198c0de… loss val_loss --log
    Chart(chart::ChartOptions),
    /// Draw what groups of runs have in common: the mean over the runs of a group, and one standard
    /// deviation around it.
    ///
    /// Example: herdbook runs bands loss --experiment fraud-detector --by params.lr
    Bands(bands::BandsOptions),
    /// Create a run that goes on from another: its curves up to a step count as those of the new run.
    ///
    /// Example: herdbook runs fork 0198c0de… --step 2000 --param lr=0.001
    Fork(fork::ForkOptions),
    /// Print metric points as they are committed, until interrupted.
    ///
    /// Example: herdbook runs watch 0198c0de… loss --after 0
    Watch {
        /// Its id.
        run: String,
        /// Keys of metrics; all if none is given.
        keys: Vec<String>,
        /// Print what there is after this position first; 0 for everything.
        #[arg(long)]
        after: Option<i64>,
    },
    /// Ask whoever trains a run to stop: the trainer hears it with the next answer.
    ///
    /// Example: herdbook runs stop 0198c0de…
    Stop {
        /// Its id.
        run: String,
        /// Take the wish back.
        #[arg(long)]
        withdraw: bool,
    },
    /// Delete a run; `restore` brings it back.
    ///
    /// Example: herdbook runs delete 0198c0de…
    Delete {
        /// Its id.
        run: String,
    },
    /// Bring a deleted run back.
    ///
    /// Example: herdbook runs restore 0198c0de…
    Restore {
        /// Its id.
        run: String,
    },
    /// Remove a deleted run for good, with its points, values and artifacts.
    ///
    /// Example: herdbook runs purge 0198c0de…
    Purge {
        /// Its id.
        run: String,
    },
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    match command {
        Command::Log(command) => Box::pin(log::run(options, command)).await,
        Command::Call(call) => make(options, call).await,
    }
}

async fn make(options: ClientOptions, call: Call) -> Result<(), Failure> {
    let connection = connect(&options).await?;
    let mut client = RunServiceClient::new(connection.clone());
    match call {
        Call::List(asked) => list::list(connection, options.output, asked).await,
        Call::Groups(asked) => groups::show(connection, options.output, asked).await,
        Call::Show { run } => {
            let found = get(&mut client, run).await?;
            output::print(options.output, RUN, &found, show)
        }
        Call::Compare { runs, all } => {
            let mut found = Vec::with_capacity(runs.len());
            for run in runs {
                found.push(get(&mut client, run).await?);
            }
            let found = SearchRunsResponse {
                runs: found,
                ..Default::default()
            };
            output::print(options.output, RUNS, &found, |found| {
                compare(&found.runs, all)
            })
        }
        Call::Chart(asked) => chart::chart(connection, options.output, asked).await,
        Call::Bands(asked) => bands::bands(connection, options.output, asked).await,
        Call::Fork(asked) => fork::fork(connection, options.output, asked).await,
        Call::Watch { run, keys, after } => {
            watch::watch(connection, options.output, run, keys, after).await
        }
        Call::Stop { run, withdraw } => {
            let run_id = run;
            client
                .request_stop(RequestStopRequest { run_id, withdraw })
                .await?;
            Ok(())
        }
        Call::Purge { run } => {
            client.purge_run(PurgeRunRequest { run_id: run }).await?;
            Ok(())
        }
        Call::Delete { run } => {
            client.delete_run(DeleteRunRequest { run_id: run }).await?;
            Ok(())
        }
        Call::Restore { run } => {
            let restored = client
                .restore_run(RestoreRunRequest { run_id: run })
                .await?;
            output::print(
                options.output,
                RUN,
                &restored.into_inner().run.unwrap_or_default(),
                show,
            )
        }
    }
}

async fn get(client: &mut RunServiceClient<Connection>, id: String) -> Result<Run, Failure> {
    let found = client.get_run(GetRunRequest { run_id: id }).await?;
    Ok(found.into_inner().run.unwrap_or_default())
}
