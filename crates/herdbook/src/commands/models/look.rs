//! `herdbook models list` and `show`.

use clap::Subcommand;
use herdbook_proto::registry::v1::{
    GetModelRequest, GetVersionRequest, ListVersionsRequest, Model, SearchModelsRequest, Version,
    model_service_client::ModelServiceClient, version_service_client::VersionServiceClient,
};

use super::{MODEL, VERSION, show};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List models and what stands in each stage.
    ///
    /// Example: herdbook models list --filter "owner = 'risk-ml' and licence IS NULL"
    List {
        /// Which models.
        #[arg(long, short, default_value = "")]
        filter: String,
        /// In which order; may be repeated. By name, if none is given.
        #[arg(long, value_name = "FIELD [asc|desc]")]
        order_by: Vec<String>,
        /// How many at most.
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
    },
    /// Show a model with its versions, or one version whole.
    ///
    /// Example: herdbook models show fraud-detector@Production
    Show {
        /// A model, or a version such as model/3, model@Production or model@v1.2.0.
        reference: String,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    command: Command,
) -> Result<(), Failure> {
    match command {
        Command::List {
            filter,
            mut order_by,
            limit,
        } => {
            if order_by.is_empty() {
                order_by.push("name".to_owned());
            }
            let request = SearchModelsRequest {
                filter,
                order_by,
                page_size: limit,
                ..Default::default()
            };
            list(connection, output, request).await
        }
        Command::Show { reference } => one(connection, output, reference).await,
    }
}

async fn list(
    connection: Connection,
    output: Output,
    request: SearchModelsRequest,
) -> Result<(), Failure> {
    let mut models = ModelServiceClient::new(connection);
    let found = models.search_models(request).await?.into_inner();
    output::print(
        output,
        "herdbook.registry.v1.SearchModelsResponse",
        &found,
        |found| {
            let row = |model: &Model| {
                let changed = output::ago(model.updated_at.as_ref());
                vec![
                    model.name.clone(),
                    model.latest_version.to_string(),
                    show::stages(model),
                    changed,
                ]
            };
            output::table(
                &["name", "versions", "stages", "changed"],
                found.models.iter().map(row),
            )
        },
    )
}

async fn one(connection: Connection, output: Output, reference: String) -> Result<(), Failure> {
    let mut versions = VersionServiceClient::new(connection.clone());
    if reference.contains(['/', '@']) {
        let found = versions
            .get_version(GetVersionRequest { reference })
            .await?
            .into_inner();
        return output::print(
            output,
            VERSION,
            &found.version.unwrap_or_default(),
            show::version,
        );
    }
    let request = GetModelRequest {
        name: reference.clone(),
        ..Default::default()
    };
    let model = ModelServiceClient::new(connection)
        .get_model(request)
        .await?
        .into_inner()
        .model;
    let request = ListVersionsRequest {
        model: reference,
        page_size: 50,
        ..Default::default()
    };
    let found = versions.list_versions(request).await?.into_inner().versions;
    output::print(output, MODEL, &model.unwrap_or_default(), |model| {
        let row = |version: &Version| {
            vec![
                version.number.to_string(),
                version.label.clone(),
                version.stage.clone(),
                output::ago(version.stage_since.as_ref()),
                version.created_by.clone(),
                version
                    .description
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ]
        };
        let header = ["version", "label", "stage", "since", "by", "description"];
        format!(
            "{}\n\n{}",
            show::model(model),
            output::table(&header, found.iter().map(row))
        )
    })
}
