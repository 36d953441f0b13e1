//! `herdbook models`: what goes, and what gets another name.

use clap::Subcommand;
use herdbook_proto::registry::v1::{
    DeleteModelRequest, DeleteVersionRequest, RenameModelRequest,
    model_service_client::ModelServiceClient, version_service_client::VersionServiceClient,
};

use super::{MODEL, show};
use crate::{cli::Output, commands::version_of, connection::Connection, exit::Failure, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Delete a version, or a model with all its versions.
    ///
    /// Its past stays in the audit log, and its number is never used again. What stands where rules guard is
    /// refused: move it out first.
    ///
    /// Example: herdbook models delete fraud-detector/3
    Delete {
        /// `model/number`, or the name of a model.
        what: String,
    },
    /// Give a model another name; its versions go with it.
    ///
    /// Example: herdbook models rename fraud-detector card-fraud
    Rename {
        /// Its name.
        name: String,
        /// What it is to be called.
        new_name: String,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    command: Command,
) -> Result<(), Failure> {
    let mut models = ModelServiceClient::new(connection.clone());
    match command {
        Command::Delete { what } => match version_of(&what) {
            Some((model, number)) => {
                let request = DeleteVersionRequest {
                    model: model.to_owned(),
                    number,
                };
                let mut versions = VersionServiceClient::new(connection);
                versions.delete_version(request).await?;
                Ok(())
            }
            None => {
                let request = DeleteModelRequest { name: what };
                models.delete_model(request).await?;
                Ok(())
            }
        },
        Command::Rename { name, new_name } => {
            let request = RenameModelRequest { name, new_name };
            let renamed = models.rename_model(request).await?.into_inner().model;
            output::print(output, MODEL, &renamed.unwrap_or_default(), show::model)
        }
    }
}
