//! `herdbook models`.

mod look;
mod requests;
mod show;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use futures::StreamExt as _;
use herdbook_proto::{
    registry::v1::{
        CreateModelRequest, CreateVersionRequest, Decision, DeleteAliasRequest, GetPolicyRequest,
        ListAuditRecordsRequest, ListStaysRequest, Outcome, Policy, RollbackStageRequest,
        SetAliasRequest, SetPolicyRequest, TransitionVersionRequest, WatchRequest,
        model_service_client::ModelServiceClient,
        transition_service_client::TransitionServiceClient,
        version_service_client::VersionServiceClient, watch_response::Event,
    },
    time::to_timestamp,
};

pub(super) use show::{policy, subject};

use super::{artifacts, audit, pairs, version_of};
use crate::{
    cli::{ClientOptions, Output},
    connection::{Connection, connect},
    exit::Failure,
    output,
};

const MODEL: &str = "herdbook.registry.v1.Model";
const VERSION: &str = "herdbook.registry.v1.Version";
const DECISION: &str = "herdbook.registry.v1.Decision";
const POLICY: &str = "herdbook.registry.v1.Policy";
const STAYS: &str = "herdbook.registry.v1.ListStaysResponse";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List models and what stands in each stage.
    ///
    /// Example: herdbook models list
    List,
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
    },
    /// Show a model with its versions, or one version whole.
    ///
    /// Example: herdbook models show fraud-detector@Production
    Show {
        /// A model, or a version such as model/3, model@Production or model@v1.2.0.
        reference: String,
    },
    /// Register a version from the artifacts of a run.
    ///
    /// Example: herdbook models register fraud-detector runs:/0198c0de…/model --label v1.2.0
    Register {
        /// The model.
        model: String,
        /// `runs:/<run id>/<path>`.
        source: String,
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
    },
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
    /// Requests, approvals and checks.
    #[command(flatten)]
    Approvals(requests::Command),
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
    /// Show or replace the stages, moves and rules of a model.
    ///
    /// Example: herdbook models rules fraud-detector --output json > policy.json; herdbook models
    /// rules fraud-detector --set policy.json
    Rules {
        /// The model.
        model: String,
        /// A file with a policy as `--output json` prints it.
        #[arg(long, value_name = "FILE")]
        set: Option<PathBuf>,
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
    /// Download a file of a version, or all of them.
    ///
    /// Example: herdbook models download fraud-detector@Production --to ./model
    Download {
        /// The version.
        reference: String,
        /// The file; all, if none is named.
        path: Option<String>,
        /// The folder to put them in.
        #[arg(long, default_value = ".", value_name = "DIR")]
        to: PathBuf,
    },
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let output = options.output;
    let connection = connect(&options).await?;
    let mut models = ModelServiceClient::new(connection.clone());
    let mut versions = VersionServiceClient::new(connection.clone());
    let mut transitions = TransitionServiceClient::new(connection.clone());
    match command {
        Command::List => look::list(&mut models, output).await,
        Command::Create {
            name,
            description,
            tags,
        } => {
            let request = CreateModelRequest {
                name,
                description,
                tags: pairs(tags)?,
            };
            let made = models.create_model(request).await?.into_inner().model;
            output::print(output, MODEL, &made.unwrap_or_default(), show::model)
        }
        Command::Show { reference } => look::one(connection, output, reference).await,
        Command::Register {
            model,
            source,
            label,
            description,
            tags,
            based_on,
        } => {
            let request = CreateVersionRequest {
                model,
                source,
                label,
                description,
                tags: pairs(tags)?,
                based_on,
                request_id: String::new(),
            };
            let made = versions.create_version(request).await?.into_inner().version;
            output::print(output, VERSION, &made.unwrap_or_default(), show::version)
        }
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
        Command::Approvals(command) => requests::run(connection, output, command).await,
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
        Command::Rules { model, set } => rules(&mut models, output, model, set).await,
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
        Command::Download {
            reference,
            path,
            to,
        } => artifacts::download_version(connection, reference, path, to).await,
    }
}

async fn rules(
    models: &mut ModelServiceClient<Connection>,
    output: Output,
    model: String,
    set: Option<PathBuf>,
) -> Result<(), Failure> {
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

/// The parts of `model/number`.
fn parts(version: &str) -> Result<(String, i64), Failure> {
    let parts = version_of(version).map(|(model, number)| (model.to_owned(), number));
    parts.ok_or_else(|| Failure::usage(format!("{version:?} is not model/number")))
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
fn decided(output: Output, decision: &Decision) -> Result<(), Failure> {
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
