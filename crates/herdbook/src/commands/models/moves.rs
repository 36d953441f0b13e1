//! `herdbook models`: versions move between stages.

use clap::Subcommand;
use herdbook_proto::registry::v1::{
    Decision, Outcome, RollbackStageRequest, TransitionVersionRequest,
    transition_service_client::TransitionServiceClient,
};

use super::{parts, show};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

const DECISION: &str = "herdbook.registry.v1.Decision";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Move a version to a stage, if the rules allow it.
    ///
    /// Example: herdbook models promote fraud-detector/3 Production --comment "passed the pilot"
    Promote {
        /// The version: model/number.
        version: String,
        /// The stage.
        stage: String,
        /// Why.
        #[arg(long, default_value = "")]
        comment: String,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
        /// For an emergency: why the rules are overridden. Only for admins.
        #[arg(long, value_name = "REASON", default_value = "")]
        r#override: String,
    },
    /// Ask for a move that others have to approve, or that a rule forbids yet; it stays open.
    ///
    /// Example: herdbook models request fraud-detector/3 Production --expires-in 2d
    Request {
        /// The version: model/number.
        version: String,
        /// The stage.
        stage: String,
        /// Why.
        #[arg(long, default_value = "")]
        comment: String,
        /// How long it stays open.
        #[arg(long, value_name = "TIME", default_value = "7d")]
        expires_in: humantime::Duration,
    },
    /// Return a stage to a version it held before, if the rules allow it.
    ///
    /// Example: herdbook models rollback fraud-detector Production --comment "false alarms"
    Rollback {
        /// The model.
        model: String,
        /// The stage.
        stage: String,
        /// Number of the version to return to; the one before, if none is given.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        to: i64,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
        /// Why.
        #[arg(long, default_value = "")]
        comment: String,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    command: Command,
) -> Result<(), Failure> {
    let mut transitions = TransitionServiceClient::new(connection);
    match command {
        Command::Promote {
            version,
            stage,
            comment,
            dry_run,
            r#override,
        } => {
            let (model, version) = parts(&version)?;
            let request = TransitionVersionRequest {
                model,
                version,
                to: stage,
                comment,
                dry_run,
                override_reason: r#override,
                ..Default::default()
            };
            transition(&mut transitions, output, request).await
        }
        Command::Request {
            version,
            stage,
            comment,
            expires_in,
        } => {
            let (model, version) = parts(&version)?;
            let seconds = i64::try_from(expires_in.as_secs()).unwrap_or(i64::MAX);
            let request = TransitionVersionRequest {
                model,
                version,
                to: stage,
                comment,
                request: true,
                request_expires_in: Some(prost_types::Duration { seconds, nanos: 0 }),
                ..Default::default()
            };
            transition(&mut transitions, output, request).await
        }
        Command::Rollback {
            model,
            stage,
            to,
            dry_run,
            comment,
        } => {
            let request = RollbackStageRequest {
                model,
                stage,
                comment,
                version: to,
                dry_run,
                ..Default::default()
            };
            let decision = transitions
                .rollback_stage(request)
                .await?
                .into_inner()
                .decision;
            decided(output, &decision.unwrap_or_default())
        }
    }
}

/// Asks for a move, and says what came of it.
async fn transition(
    transitions: &mut TransitionServiceClient<Connection>,
    output: Output,
    request: TransitionVersionRequest,
) -> Result<(), Failure> {
    let answer = transitions.transition_version(request).await?;
    decided(output, &answer.into_inner().decision.unwrap_or_default())
}

/// Prints a decision; one of a dry run that would be refused ends like a refusal, and one that waits
/// with a code of its own.
pub(super) fn decided(output: Output, decision: &Decision) -> Result<(), Failure> {
    output::print(output, DECISION, decision, show::decision)?;
    match decision.outcome() {
        Outcome::WouldRefuse => Err(Failure::refused("it would be refused")),
        Outcome::WouldPend => Err(Failure::pending("it would wait as a request")),
        Outcome::Pending => Err(Failure::pending(format!(
            "it waits as the request {id}; `herdbook models show-request {id}` shows for what",
            id = decision.request
        ))),
        _ => Ok(()),
    }
}
