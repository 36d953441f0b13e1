//! `herdbook runs list`.

use clap::Args;
use herdbook_proto::{
    common::v1::View,
    tracking::v1::{
        Run, SearchRunsRequest, SearchRunsResponse, run_service_client::RunServiceClient,
    },
};

use super::show::status;
use crate::{cli::Output, commands::experiments, connection::Connection, exit::Failure, output};

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
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
}

pub(super) async fn list(
    connection: Connection,
    output: Output,
    options: ListOptions,
) -> Result<(), Failure> {
    let experiment_ids =
        experiments::ids(connection.clone(), options.experiment.as_deref()).await?;
    let view = if options.all { View::All } else { View::Active };
    let request = SearchRunsRequest {
        experiment_ids,
        filter: options.filter,
        order_by: options.order_by,
        page_size: options.limit,
        view: view.into(),
        columns: asked(&options.columns),
        ..Default::default()
    };
    let mut client = RunServiceClient::new(connection);
    let found = client.search_runs(request).await?.into_inner();
    output::print(output, super::RUNS, &found, |found| {
        table(found, &options.columns)
    })
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
    named.chain(shown).collect()
}

/// A table of runs. Without columns, of those metrics that they have in common and few.
fn table(found: &SearchRunsResponse, columns: &[String]) -> String {
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

/// What a column such as `params.lr` holds.
pub(super) fn value(run: &Run, column: &str) -> String {
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
