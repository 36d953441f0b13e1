//! `herdbook metrics`.

use std::collections::HashMap;

use clap::{Subcommand, ValueEnum};
use herdbook_proto::tracking::v1::{
    DefineMetricsRequest, ListMetricDefinitionsRequest, MetricDefinition, MetricGoal,
    metric_service_client::MetricServiceClient,
};

use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say how metrics of a run are meant; charts go by it. It replaces what was said of them before.
    ///
    /// Example: herdbook metrics define 0198c0de… loss val_loss --goal minimize --unit nats --x epoch
    Define {
        /// Id of the run.
        run: String,
        /// Keys of the metrics.
        #[arg(required = true)]
        keys: Vec<String>,
        /// Digits after the decimal point that steps have: with 6, a step of 2500000 is 2.5.
        #[arg(long, value_name = "DIGITS", default_value_t = 0)]
        step_digits: u32,
        /// Key of the metric that charts have on the x axis; the step if not given.
        #[arg(long, value_name = "KEY", default_value = "")]
        x: String,
        /// Which values are better.
        #[arg(long, value_enum)]
        goal: Option<Goal>,
        /// Unit of the values, such as ms.
        #[arg(long, default_value = "")]
        unit: String,
    },
    /// List how the metrics of a run are meant.
    ///
    /// Example: herdbook metrics definitions 0198c0de…
    Definitions {
        /// Id of the run.
        run: String,
    },
}

/// Which values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Goal {
    /// Small ones, such as of a loss.
    Minimize,
    /// Large ones, such as of an accuracy.
    Maximize,
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let mut client = MetricServiceClient::new(connect(&options).await?);
    match command {
        Command::Define {
            run,
            keys,
            step_digits,
            x,
            goal,
            unit,
        } => {
            let goal = match goal {
                None => MetricGoal::Unspecified,
                Some(Goal::Minimize) => MetricGoal::Minimize,
                Some(Goal::Maximize) => MetricGoal::Maximize,
            };
            let definitions = keys.into_iter().map(|key| MetricDefinition {
                key,
                step_digits,
                x_key: x.clone(),
                goal: goal.into(),
                unit: unit.clone(),
            });
            let request = DefineMetricsRequest {
                run_id: run,
                definitions: definitions.collect(),
            };
            client.define_metrics(request).await?;
            Ok(())
        }
        Command::Definitions { run } => {
            let request = ListMetricDefinitionsRequest { run_id: run };
            let found = client.list_metric_definitions(request).await?.into_inner();
            let name = "herdbook.tracking.v1.ListMetricDefinitionsResponse";
            output::print(options.output, name, &found, |found| {
                table(&found.definitions)
            })
        }
    }
}

/// How the metrics of a run are meant, by key.
pub(super) async fn of_run(
    connection: Connection,
    run_id: String,
) -> Result<HashMap<String, MetricDefinition>, Failure> {
    let found = MetricServiceClient::new(connection)
        .list_metric_definitions(ListMetricDefinitionsRequest { run_id })
        .await?;
    let definitions = found.into_inner().definitions.into_iter();
    Ok(definitions.map(|d| (d.key.clone(), d)).collect())
}

fn table(definitions: &[MetricDefinition]) -> String {
    let row = |definition: &MetricDefinition| {
        let goal = match definition.goal() {
            MetricGoal::Unspecified => String::new(),
            goal => output::name(goal.as_str_name(), "METRIC_GOAL_"),
        };
        let x = match definition.x_key.as_str() {
            "" => "step",
            key => key,
        };
        let digits = definition.step_digits.to_string();
        vec![
            definition.key.clone(),
            goal,
            definition.unit.clone(),
            x.to_owned(),
            digits,
        ]
    };
    let header = ["key", "goal", "unit", "x axis", "step digits"];
    output::table(&header, definitions.iter().map(row))
}
