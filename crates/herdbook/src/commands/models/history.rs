//! `herdbook models history` and `watch`.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use futures::StreamExt as _;
use herdbook_proto::{
    registry::v1::{
        ListAuditRecordsRequest, ListStaysRequest, WatchRequest,
        transition_service_client::TransitionServiceClient, watch_response::Event,
    },
    time::to_timestamp,
};

use super::show;
use crate::{cli::Output, commands::audit, connection::Connection, exit::Failure, output};

const STAYS: &str = "herdbook.registry.v1.ListStaysResponse";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what was done to a model, or what stood in a stage and when; newest first.
    ///
    /// Example: herdbook models history fraud-detector Production --at 2026-03-03T14:00:00Z
    History {
        /// The model.
        model: String,
        /// A stage.
        stage: Option<String>,
        /// Only what stood in the stage at this time.
        #[arg(long, value_name = "TIME", requires = "stage")]
        at: Option<DateTime<Utc>>,
    },
    /// Print changes as they happen.
    ///
    /// Example: herdbook models watch fraud-detector --after 12 --output json
    Watch {
        /// A model; all of the workspace, if none is named.
        model: Option<String>,
        /// From the change after this revision on; from now on, if none is given.
        #[arg(long, value_name = "REVISION")]
        after: Option<i64>,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    command: Command,
) -> Result<(), Failure> {
    let mut transitions = TransitionServiceClient::new(connection);
    match command {
        Command::History {
            model,
            stage: Some(stage),
            at,
        } => {
            let request = ListStaysRequest {
                model,
                stage,
                at: at.map(to_timestamp),
                page_size: 100,
                ..Default::default()
            };
            let found = transitions.list_stays(request).await?.into_inner();
            output::print(output, STAYS, &found, show::stays)
        }
        Command::History { model, .. } => {
            let request = ListAuditRecordsRequest {
                model,
                page_size: 100,
                ..Default::default()
            };
            let found = transitions.list_audit_records(request).await?.into_inner();
            audit::print(output, &found)
        }
        Command::Watch { model, after } => {
            let request = WatchRequest {
                after_revision: after,
                model: model.unwrap_or_default(),
                ..Default::default()
            };
            watch(&mut transitions, output, request).await
        }
    }
}

async fn watch(
    transitions: &mut TransitionServiceClient<Connection>,
    output: Output,
    request: WatchRequest,
) -> Result<(), Failure> {
    let mut events = transitions.watch(request).await?.into_inner();
    while let Some(event) = events.next().await {
        if let Some(Event::Record(record)) = event?.event {
            output::print(
                output,
                "herdbook.registry.v1.AuditRecord",
                &record,
                audit::line,
            )?;
        }
    }
    Ok(())
}
