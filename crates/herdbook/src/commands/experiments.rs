//! `herdbook experiments`.

use clap::Subcommand;
use herdbook_proto::{
    common::v1::View,
    tracking::v1::{
        CreateExperimentRequest, DeleteExperimentRequest, Experiment, GetExperimentRequest,
        ListExperimentsRequest, PurgeExperimentRequest, RestoreExperimentRequest,
        experiment_service_client::ExperimentServiceClient, get_experiment_request,
    },
};

use super::pairs;
use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    output,
};

const EXPERIMENT: &str = "herdbook.tracking.v1.Experiment";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List experiments, last changed first.
    ///
    /// Example: herdbook experiments list --all
    List {
        /// Show deleted ones too.
        #[arg(long)]
        all: bool,
    },
    /// Create an experiment.
    ///
    /// Example: herdbook experiments create fraud-detector --tag team=risk-ml
    Create {
        /// Its name.
        name: String,
        /// What it is about.
        #[arg(long, default_value = "")]
        description: String,
        /// A tag; may be repeated.
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
    },
    /// Show an experiment.
    ///
    /// Example: herdbook experiments show fraud-detector
    Show {
        /// Its name or number.
        experiment: String,
    },
    /// Delete an experiment with its runs; `restore` brings them back.
    ///
    /// Example: herdbook experiments delete 3
    Delete {
        /// Its number.
        id: i64,
    },
    /// Remove a deleted experiment for good, with all of its runs.
    ///
    /// Example: herdbook experiments purge 3
    Purge {
        /// Its number.
        id: i64,
    },
    /// Bring a deleted experiment back.
    ///
    /// Example: herdbook experiments restore 3
    Restore {
        /// Its number.
        id: i64,
    },
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let connection = connect(&options).await?;
    let mut client = ExperimentServiceClient::new(connection.clone());
    match command {
        Command::List { all } => {
            let view = if all { View::All } else { View::Active };
            let request = ListExperimentsRequest {
                page_size: 1_000,
                view: view.into(),
                ..Default::default()
            };
            let found = client.list_experiments(request).await?.into_inner();
            output::print(
                options.output,
                "herdbook.tracking.v1.ListExperimentsResponse",
                &found,
                |found| {
                    let row = |e: &Experiment| {
                        let lifecycle = output::name(e.lifecycle().as_str_name(), "LIFECYCLE_");
                        let changed = output::ago(e.updated_at.as_ref());
                        vec![e.id.to_string(), e.name.clone(), changed, lifecycle]
                    };
                    let rows = found.experiments.iter().map(row);
                    output::table(&["id", "name", "changed", "state"], rows)
                },
            )
        }
        Command::Create {
            name,
            description,
            tags,
        } => {
            let request = CreateExperimentRequest {
                name,
                description,
                tags: pairs(tags)?,
                ..Default::default()
            };
            let made = client
                .create_experiment(request)
                .await?
                .into_inner()
                .experiment;
            output::print(options.output, EXPERIMENT, &made.unwrap_or_default(), show)
        }
        Command::Show { experiment } => {
            let found = find(connection, &experiment).await?;
            output::print(options.output, EXPERIMENT, &found, show)
        }
        Command::Delete { id } => {
            client
                .delete_experiment(DeleteExperimentRequest { id })
                .await?;
            Ok(())
        }
        Command::Purge { id } => {
            client
                .purge_experiment(PurgeExperimentRequest { id })
                .await?;
            Ok(())
        }
        Command::Restore { id } => {
            let restored = client
                .restore_experiment(RestoreExperimentRequest { id })
                .await?;
            let experiment = restored.into_inner().experiment.unwrap_or_default();
            output::print(options.output, EXPERIMENT, &experiment, show)
        }
    }
}

/// The experiment of a number or a name.
pub(super) async fn find(connection: Connection, text: &str) -> Result<Experiment, Failure> {
    let which = match text.parse() {
        Ok(id) => get_experiment_request::Experiment::Id(id),
        Err(_) => get_experiment_request::Experiment::Name(text.to_owned()),
    };
    let request = GetExperimentRequest {
        experiment: Some(which),
    };
    let found = ExperimentServiceClient::new(connection)
        .get_experiment(request)
        .await?;
    Ok(found.into_inner().experiment.unwrap_or_default())
}

/// The number of an experiment that a command may name, as searches take it: none is all of them.
pub(super) async fn ids(
    connection: Connection,
    experiment: Option<&str>,
) -> Result<Vec<i64>, Failure> {
    match experiment {
        Some(text) => Ok(vec![find(connection, text).await?.id]),
        None => Ok(Vec::new()),
    }
}

fn show(experiment: &Experiment) -> String {
    output::facts(&[
        ("id", experiment.id.to_string()),
        ("name", experiment.name.clone()),
        ("description", experiment.description.clone()),
        ("tags", output::pairs(&experiment.tags)),
        ("created", output::time(experiment.created_at.as_ref())),
        ("changed", output::time(experiment.updated_at.as_ref())),
    ])
}
