//! `herdbook runs`.

mod chart;
mod groups;
mod log;
mod rows;
mod watch;

use std::collections::BTreeSet;

use clap::Subcommand;
use herdbook_proto::{
    common::v1::View,
    tracking::v1::{
        DeleteRunRequest, GetRunRequest, PurgeRunRequest, RequestStopRequest, RestoreRunRequest,
        Run, SearchRunsRequest, SearchRunsResponse, run_service_client::RunServiceClient,
    },
};

use super::experiments;
use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    output,
};

const RUN: &str = "herdbook.tracking.v1.Run";

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
    List {
        /// Only those of an experiment: its name or number.
        #[arg(long, short)]
        experiment: Option<String>,
        /// Which runs.
        #[arg(long, short, default_value = "")]
        filter: String,
        /// In which order; may be repeated.
        #[arg(long, value_name = "FIELD [asc|desc]")]
        order_by: Vec<String>,
        /// What to show of each, such as params.lr,metrics.loss,tags.team.
        #[arg(long, value_delimiter = ',')]
        columns: Vec<String>,
        /// How many at most.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Show deleted ones too.
        #[arg(long)]
        all: bool,
    },
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
    Chart {
        /// Ids of runs, and keys of metrics (all of the runs, if none is given).
        #[arg(required = true, value_name = "RUN|KEY")]
        runs_and_keys: Vec<String>,
        /// What is on the x axis.
        #[arg(long, value_enum, default_value_t = chart::Axis::Step)]
        x: chart::Axis,
        /// Draw y by its logarithm.
        #[arg(long)]
        log: bool,
        /// Lines of the chart.
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(3..=200))]
        height: u16,
    },
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
        Call::List {
            experiment,
            filter,
            order_by,
            columns,
            limit,
            all,
        } => {
            let experiment_ids = match experiment {
                Some(text) => vec![experiments::find(connection, &text).await?.id],
                None => Vec::new(),
            };
            let request = SearchRunsRequest {
                experiment_ids,
                filter,
                order_by,
                page_size: limit,
                view: if all { View::All } else { View::Active }.into(),
                columns: asked(&columns),
                ..Default::default()
            };
            let found = client.search_runs(request).await?.into_inner();
            let name = "herdbook.tracking.v1.SearchRunsResponse";
            output::print(options.output, name, &found, |found| list(found, &columns))
        }
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
            let name = "herdbook.tracking.v1.SearchRunsResponse";
            output::print(options.output, name, &found, |found| {
                compare(&found.runs, all)
            })
        }
        Call::Chart {
            runs_and_keys,
            x,
            log,
            height,
        } => {
            chart::chart(
                connection,
                options.output,
                runs_and_keys,
                x,
                log,
                height.into(),
            )
            .await
        }
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

/// The columns of a table as a search names them; none if runs are shown whole. A column without an
/// entity is a metric.
fn asked(columns: &[String]) -> Vec<String> {
    if columns.is_empty() {
        return Vec::new();
    }
    let named = columns.iter().map(|column| match column.contains('.') {
        true => column.clone(),
        false => format!("metrics.{column}"),
    });
    let shown = ["name", "status", "started_at"].map(|name| format!("attributes.{name}"));
    shown.into_iter().chain(named).collect()
}

/// A table of runs. Without columns, of those metrics that they have in common and few.
fn list(found: &SearchRunsResponse, columns: &[String]) -> String {
    if found.runs.is_empty() {
        return "no runs".to_owned();
    }
    let common: Vec<String> = match columns {
        [] => {
            let keys = found
                .runs
                .first()
                .map(|run| &run.metrics)
                .into_iter()
                .flatten();
            keys.filter(|metric| !metric.key.starts_with("system/"))
                .take(4)
                .map(|metric| format!("metrics.{}", metric.key))
                .collect()
        }
        columns => columns.to_vec(),
    };
    let mut table = vec![];
    for run in &found.runs {
        let facts = [
            run.id.clone(),
            run.name.clone(),
            status(run),
            output::ago(run.started_at.as_ref()),
        ];
        let values = common.iter().map(|column| value(run, column));
        table.push(facts.into_iter().chain(values).collect::<Vec<_>>());
    }
    let header = ["ID", "NAME", "STATUS", "STARTED"].map(str::to_owned);
    let header = header.into_iter().chain(common);
    let more = match found.next_page_token.is_empty() {
        true => "",
        false => "\n… there are more; raise --limit",
    };
    format!("{}{more}", output::columns(header, table))
}

fn status(run: &Run) -> String {
    output::name(run.status().as_str_name(), "RUN_STATUS_")
}

/// What a column such as `params.lr` holds.
fn value(run: &Run, column: &str) -> String {
    let (entity, key) = column.split_once('.').unwrap_or(("metrics", column));
    let found = match entity {
        "params" => run.params.get(key).cloned(),
        "tags" => run.tags.get(key).cloned(),
        "attributes" => match key {
            "name" => Some(run.name.clone()),
            "status" => Some(status(run)),
            "user" => Some(run.user.clone()),
            "started_at" => Some(output::time(run.started_at.as_ref())),
            "ended_at" => Some(output::time(run.ended_at.as_ref())),
            "experiment_id" => Some(run.experiment_id.to_string()),
            "parent_run_id" => Some(run.parent_run_id.clone()),
            _ => Some(run.id.clone()),
        },
        "inputs" => {
            let datasets = run.inputs.iter().filter_map(|input| input.dataset.as_ref());
            let texts = datasets.map(|dataset| match key {
                "digest" => dataset.digest.as_str(),
                _ => dataset.name.as_str(),
            });
            Some(texts.collect::<Vec<_>>().join(", "))
        }
        _ => run
            .metrics
            .iter()
            .find(|m| m.key == key)
            .map(|m| output::number(m.latest))
            .or_else(|| extreme(run, key)),
    };
    found.unwrap_or_default()
}

/// What a metric's `loss.min` or `loss.max` is.
fn extreme(run: &Run, column: &str) -> Option<String> {
    let (key, aspect) = column.rsplit_once('.')?;
    let metric = run.metrics.iter().find(|metric| metric.key == key)?;
    let value = match aspect {
        "min" => metric.min,
        "max" => metric.max,
        _ => None,
    };
    value.map(output::number)
}

fn show(run: &Run) -> String {
    let source = run.source.clone().unwrap_or_default();
    let environment = run.environment.clone().unwrap_or_default();
    let metrics = run.metrics.iter().map(|metric| {
        let range = match (metric.min, metric.max) {
            (Some(min), Some(max)) => {
                format!("min {}, max {}, ", output::number(min), output::number(max))
            }
            _ => String::new(),
        };
        let latest = output::number(metric.latest);
        format!(
            "{} = {latest} at step {} ({range}{} points)",
            metric.key, metric.latest_step, metric.count
        )
    });
    let inputs = run.inputs.iter().map(|input| {
        let dataset = input.dataset.clone().unwrap_or_default();
        format!(
            "{} {} ({})",
            dataset.name,
            output::short(&dataset.digest),
            input.context
        )
    });
    let dirty = if source.dirty {
        ", with uncommitted changes"
    } else {
        ""
    };
    let code = match source.commit.is_empty() {
        true => String::new(),
        false => format!(
            "{} {} on {}{dirty}",
            source.repository, source.commit, source.branch
        ),
    };
    let packages = environment.requirements.len();
    let python = match environment.python_version.is_empty() {
        true => String::new(),
        false => {
            format!(
                "Python {} on {}, {packages} packages",
                environment.python_version, environment.platform
            )
        }
    };
    output::facts(&[
        ("id", run.id.clone()),
        ("name", run.name.clone()),
        ("experiment", run.experiment_id.to_string()),
        ("status", status(run)),
        ("user", run.user.clone()),
        ("started", output::time(run.started_at.as_ref())),
        ("ended", output::time(run.ended_at.as_ref())),
        ("parent", run.parent_run_id.clone()),
        ("based on", run.based_on.join(", ")),
        ("description", run.description.clone()),
        ("params", output::pairs(&run.params)),
        ("metrics", metrics.collect::<Vec<_>>().join("\n")),
        ("tags", output::pairs(&run.tags)),
        ("inputs", inputs.collect::<Vec<_>>().join("\n")),
        ("code", code),
        ("script", source.entry_point),
        ("environment", python),
    ])
}

/// A row for each fact in which runs differ, a column a run.
fn compare(runs: &[Run], all: bool) -> String {
    let params = runs
        .iter()
        .flat_map(|run| run.params.keys())
        .map(|key| format!("params.{key}"));
    let metrics = runs
        .iter()
        .flat_map(|run| &run.metrics)
        .map(|m| format!("metrics.{}", m.key));
    let tags = runs
        .iter()
        .flat_map(|run| run.tags.keys())
        .map(|key| format!("tags.{key}"));
    let columns: BTreeSet<String> = params.chain(metrics).chain(tags).collect();
    let mut rows = Vec::new();
    for column in columns {
        let values: Vec<String> = runs.iter().map(|run| value(run, &column)).collect();
        if all || values.iter().any(|value| Some(value) != values.first()) {
            rows.push(std::iter::once(column).chain(values).collect());
        }
    }
    if rows.is_empty() {
        return "the runs do not differ".to_owned();
    }
    let names = runs.iter().map(|run| run.name.clone());
    output::columns(std::iter::once(String::new()).chain(names), rows)
}
