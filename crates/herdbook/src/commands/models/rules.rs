//! `herdbook models rules`.

use std::path::PathBuf;

use clap::Args;
use herdbook_proto::registry::v1::{
    GetPolicyRequest, Policy, SetPolicyRequest, model_service_client::ModelServiceClient,
};

use super::show;
use crate::{cli::Output, connection::Connection, exit::Failure, output};

const POLICY: &str = "herdbook.registry.v1.Policy";

/// Show or replace the stages, moves and rules of a model.
///
/// Example: herdbook models rules fraud-detector --output json > policy.json; herdbook models
/// rules fraud-detector --set policy.json
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The model.
    model: String,
    /// A file with a policy as `--output json` prints it.
    #[arg(long, value_name = "FILE")]
    set: Option<PathBuf>,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let Options { model, set } = options;
    let mut models = ModelServiceClient::new(connection);
    let policy = match set {
        Some(file) => {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
            let policy: Policy = output::read_json(POLICY, &text)?;
            let request = SetPolicyRequest {
                model,
                policy: Some(policy),
            };
            models.set_policy(request).await?.into_inner().policy
        }
        None => {
            models
                .get_policy(GetPolicyRequest { model })
                .await?
                .into_inner()
                .policy
        }
    };
    output::print(output, POLICY, &policy.unwrap_or_default(), show::policy)
}
