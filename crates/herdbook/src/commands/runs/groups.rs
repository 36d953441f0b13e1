//! `herdbook runs groups`.

use clap::Args;
use herdbook_proto::tracking::v1::{
    Aggregate, AggregateFunction, AggregateRunsRequest, AggregateRunsResponse, group_value::Value,
    run_service_client::RunServiceClient,
};

use crate::{cli::Output, commands::experiments, connection::Connection, exit::Failure, output};

#[derive(Debug, Args)]
pub(crate) struct GroupsOptions {
    /// Only runs of an experiment: its name or number.
    #[arg(long, short)]
    experiment: Option<String>,
    /// Which runs.
    #[arg(long, short, default_value = "")]
    filter: String,
    /// What the runs of a group have in common, such as params.optimizer.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    by: Vec<String>,
    /// What to compute of each group: count, min, max, mean, stddev, sum or median of a field.
    #[arg(long, value_name = "FUNCTION:FIELD", value_delimiter = ',', value_parser = aggregate)]
    compute: Vec<Aggregate>,
    /// By which order a run is the best of its group.
    #[arg(long, value_name = "FIELD [asc|desc]", default_value = "")]
    best: String,
    /// How many groups at most.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

fn aggregate(text: &str) -> Result<Aggregate, String> {
    const WHAT: &str = "expected count, min, max, mean, stddev, sum or median, a colon and a field, \
        such as mean:metrics.loss";
    let (function, field) = text.split_once(':').ok_or(WHAT)?;
    let name = format!("AGGREGATE_FUNCTION_{}", function.to_ascii_uppercase());
    let function = AggregateFunction::from_str_name(&name)
        .filter(|function| *function != AggregateFunction::Unspecified)
        .ok_or(WHAT)?;
    Ok(Aggregate {
        field: field.to_owned(),
        function: function.into(),
    })
}

pub(crate) async fn show(
    connection: Connection,
    output: Output,
    options: GroupsOptions,
) -> Result<(), Failure> {
    let experiment_ids =
        experiments::ids(connection.clone(), options.experiment.as_deref()).await?;
    let request = AggregateRunsRequest {
        experiment_ids,
        filter: options.filter.clone(),
        group_by: options.by.clone(),
        aggregates: options.compute.clone(),
        best: options.best.clone(),
        columns: vec!["attributes.name".to_owned()],
        page_size: options.limit,
        ..Default::default()
    };
    let mut client = RunServiceClient::new(connection);
    let found = client.aggregate_runs(request).await?.into_inner();
    let name = "herdbook.tracking.v1.AggregateRunsResponse";
    output::print(output, name, &found, |found| table(found, &options))
}

fn table(found: &AggregateRunsResponse, options: &GroupsOptions) -> String {
    let computed = options.compute.iter().map(|aggregate| {
        let function = aggregate.function().as_str_name();
        let function = output::name(function, "AGGREGATE_FUNCTION_");
        format!("{function} of {}", aggregate.field)
    });
    let mut header: Vec<String> = options.by.clone();
    header.push("RUNS".to_owned());
    header.extend(computed);
    let with_best = !options.best.is_empty();
    if with_best {
        header.extend(["BEST RUN", "ITS ID"].map(str::to_owned));
    }
    let rows = found.groups.iter().map(|group| {
        let values = group.values.iter().map(|value| match &value.value {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Number(number)) => output::number(*number),
            None => "-".to_owned(),
        });
        let mut row: Vec<String> = values.collect();
        row.push(group.run_count.to_string());
        let aggregates = group.aggregates.iter();
        row.extend(aggregates.map(|a| a.value.map(output::number).unwrap_or_default()));
        if with_best {
            let best = group.best_run.clone().unwrap_or_default();
            row.extend([best.name, best.id]);
        }
        row
    });
    let more = match found.next_page_token.is_empty() {
        true => "",
        false => "\n… there are more; raise --limit",
    };
    format!("{}{more}", output::columns(header, rows))
}
