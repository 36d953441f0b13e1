//! `herdbook runs fork`.

use clap::Args;
use herdbook_proto::tracking::v1::{CreateRunRequest, Fork, run_service_client::RunServiceClient};

use super::{RUN, get, show::show};
use crate::{
    cli::Output,
    commands::{experiments, pairs},
    connection::Connection,
    exit::Failure,
    output,
};

#[derive(Debug, Args)]
pub(crate) struct ForkOptions {
    /// Id of the run to go on from.
    run: String,
    /// The last step that is taken over.
    #[arg(long, allow_negative_numbers = true)]
    step: i64,
    /// Where to put the new run: an experiment, named or numbered; that of the other if not given.
    #[arg(long, short)]
    experiment: Option<String>,
    /// Name of the new run; made up if not given.
    #[arg(long, default_value = "")]
    name: String,
    /// A param that is other than that of the run it goes on from; may be repeated.
    #[arg(long = "param", value_name = "KEY=VALUE")]
    params: Vec<String>,
    /// A tag; may be repeated.
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
}

/// Creates a run that goes on from another, with the params of that.
pub(super) async fn fork(
    connection: Connection,
    output: Output,
    options: ForkOptions,
) -> Result<(), Failure> {
    let changed = pairs(options.params)?;
    let tags = pairs(options.tags)?;
    let mut client = RunServiceClient::new(connection.clone());
    let origin = get(&mut client, options.run).await?;
    let experiment_id = match &options.experiment {
        Some(text) => experiments::find(connection, text).await?.id,
        None => origin.experiment_id,
    };
    let mut params = origin.params;
    params.extend(changed);
    let request = CreateRunRequest {
        experiment_id,
        name: options.name,
        params,
        tags,
        forked_from: Some(Fork {
            run_id: origin.id,
            step: options.step,
        }),
        ..Default::default()
    };
    let made = client.create_run(request).await?.into_inner();
    output::print(output, RUN, &made.run.unwrap_or_default(), show)
}
