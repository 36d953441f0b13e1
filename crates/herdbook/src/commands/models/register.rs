//! `herdbook models`: models and versions come to be, and names for them.

use std::path::PathBuf;

use clap::Subcommand;
use herdbook_proto::registry::v1::{
    CreateModelRequest, CreateVersionRequest, DeleteAliasRequest, Schema, SetAliasRequest,
    model_service_client::ModelServiceClient, version_service_client::VersionServiceClient,
};

use super::{MODEL, VERSION, card, show};
use crate::{cli::Output, commands::pairs, connection::Connection, exit::Failure, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a model.
    ///
    /// Example: herdbook models create fraud-detector --description "Finds stolen cards"
    Create {
        /// Its name.
        name: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
        /// A tag; may be repeated.
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
        /// Who answers for it; may be repeated. You, if nobody is named.
        #[arg(long = "owner", value_name = "NAME")]
        owners: Vec<String>,
        /// Its card: a file of YAML with usage_notes, intended_use, limits and licence.
        #[arg(long, value_name = "FILE")]
        card: Option<PathBuf>,
    },
    /// Register a version from the artifacts of a run or a logged model, or of what is elsewhere.
    ///
    /// Example: herdbook models register fraud-detector runs:/0198c0de…/model --label v1.2.0
    Register {
        /// The model.
        model: String,
        /// `runs:/<run id>/<path>`, `models:/m-<id>` for a logged model, or `models:/<model>/<number>`; with
        /// --external any URI.
        source: String,
        /// Registers it also where Herdbook holds no files of the source.
        #[arg(long)]
        external: bool,
        /// A semantic version.
        #[arg(long, default_value = "")]
        label: String,
        /// What is special about it.
        #[arg(long, default_value = "")]
        description: String,
        /// A tag; may be repeated.
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
        /// A registered version it was built on; may be repeated.
        #[arg(long, value_name = "MODEL/NUMBER")]
        based_on: Vec<String>,
        /// What it was made with and can be loaded by, such as sklearn or onnx.
        #[arg(long, default_value = "")]
        flavor: String,
        /// What goes in and what comes out: a file of YAML with inputs and outputs.
        #[arg(long, value_name = "FILE")]
        schema: Option<PathBuf>,
        /// What is different of the model's card: a file of YAML.
        #[arg(long, value_name = "FILE")]
        card: Option<PathBuf>,
    },
    /// Point an alias at a version, or remove it.
    ///
    /// Example: herdbook models alias fraud-detector champion 3
    Alias {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
        /// The number of the version; without it the alias is removed.
        version: Option<i64>,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    command: Command,
) -> Result<(), Failure> {
    let mut models = ModelServiceClient::new(connection.clone());
    match command {
        Command::Create {
            name,
            description,
            tags,
            owners,
            card,
        } => {
            let request = CreateModelRequest {
                name,
                description,
                tags: pairs(tags)?,
                owners,
                card: card.as_ref().map(card::from_file).transpose()?,
                created_at: None,
            };
            let made = models.create_model(request).await?.into_inner().model;
            output::print(output, MODEL, &made.unwrap_or_default(), show::model)
        }
        Command::Register {
            model,
            source,
            label,
            description,
            tags,
            based_on,
            flavor,
            schema,
            card,
            external,
        } => {
            let request = CreateVersionRequest {
                model,
                source,
                label,
                description,
                tags: pairs(tags)?,
                based_on,
                flavor,
                schema: schema.as_ref().map(schema_from).transpose()?,
                card: card.as_ref().map(card::from_file).transpose()?,
                external,
                ..Default::default()
            };
            let mut versions = VersionServiceClient::new(connection);
            let made = versions.create_version(request).await?.into_inner().version;
            output::print(output, VERSION, &made.unwrap_or_default(), show::version)
        }
        Command::Alias {
            model,
            alias,
            version,
        } => {
            let changed = match version {
                Some(version) => {
                    let request = SetAliasRequest {
                        model,
                        alias,
                        version,
                    };
                    models.set_alias(request).await?.into_inner().model
                }
                None => {
                    let request = DeleteAliasRequest { model, alias };
                    models.delete_alias(request).await?.into_inner().model
                }
            };
            output::print(output, MODEL, &changed.unwrap_or_default(), show::model)
        }
    }
}

/// The schema in a file of YAML.
fn schema_from(file: &PathBuf) -> Result<Schema, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    output::read_yaml("herdbook.registry.v1.Schema", &text)
}
