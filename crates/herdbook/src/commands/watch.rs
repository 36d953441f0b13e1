//! `herdbook watch`: changes of the registry as they come, across any loss of the server.

use std::{io::Write as _, time::Duration};

use clap::Args;
use futures::StreamExt as _;
use herdbook_proto::registry::v1::{
    AuditAction, AuditRecord, EventSelector, Outcome, WatchRequest,
    transition_service_client::TransitionServiceClient, watch_response::Event,
};
use tonic::{Code, Status};

use super::{audit, pairs};
use crate::{
    cli::{ClientOptions, Output},
    connection::{Connection, connect},
    exit::Failure,
    output,
};

const RECORD: &str = "herdbook.registry.v1.AuditRecord";
/// How long it rests before it asks a server again that went away.
const REST: Duration = Duration::from_secs(1);

/// Print changes of the registry as they come, each once and in order, until interrupted.
///
/// With --output json a record a line. While the server is away it waits, and goes on where it was.
///
/// Example: herdbook watch --stage Production --outcome allowed --after 120 --output json
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Changes after this revision; from now on if not given.
    #[arg(long, value_name = "REVISION")]
    after: Option<i64>,
    /// Of this model; may be repeated.
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// Moves from or to this stage; may be repeated.
    #[arg(long = "stage", value_name = "NAME")]
    stages: Vec<String>,
    /// Of versions or models with this tag; all of them, if repeated.
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    /// What was done, such as transition, rollback or create_version; may be repeated.
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,
    /// What came of a move, allowed or refused; may be repeated.
    #[arg(long = "outcome", value_name = "OUTCOME")]
    outcomes: Vec<String>,
}

pub(crate) async fn run(client: ClientOptions, options: Options) -> Result<(), Failure> {
    let number = |word: &String, prefix: &str, read: fn(&str) -> Option<i32>| {
        let name = format!("{prefix}{}", word.to_uppercase());
        read(&name).ok_or_else(|| Failure::usage(format!("there is no {word:?}; see --help")))
    };
    let action = |word: &String| {
        number(word, "AUDIT_ACTION_", |name| {
            AuditAction::from_str_name(name).map(Into::into)
        })
    };
    let outcome = |word: &String| {
        number(word, "OUTCOME_", |name| {
            Outcome::from_str_name(name).map(Into::into)
        })
    };
    let selector = EventSelector {
        actions: options
            .actions
            .iter()
            .map(action)
            .collect::<Result<_, _>>()?,
        outcomes: options
            .outcomes
            .iter()
            .map(outcome)
            .collect::<Result<_, _>>()?,
        models: options.models,
        stages: options.stages,
        tags: pairs(options.tags)?,
    };
    let mut request = WatchRequest {
        after_revision: options.after,
        selector: Some(selector),
        ..Default::default()
    };
    let connection = connect(&client).await?;
    loop {
        match follow(&connection, &mut request, client.output).await {
            // Known only once the server was there: before, nothing says where to go on.
            Err(Lost::Server(_)) if request.after_revision.is_some() => {
                tokio::time::sleep(REST).await;
            }
            Err(Lost::Server(status)) => return Err(status.into()),
            Err(Lost::Output(failure)) => return Err(failure),
            Ok(()) => tokio::time::sleep(REST).await,
        }
    }
}

/// Why nothing more is printed.
enum Lost {
    /// The server is away.
    Server(Status),
    /// It refused, or whoever reads has enough.
    Output(Failure),
}

impl From<Status> for Lost {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Unavailable | Code::Unknown | Code::Cancelled => Self::Server(status),
            _ => Self::Output(status.into()),
        }
    }
}

/// Prints what comes, and notes how far it has come.
async fn follow(
    connection: &Connection,
    request: &mut WatchRequest,
    output: Output,
) -> Result<(), Lost> {
    let mut client = TransitionServiceClient::new(connection.clone());
    let mut events = client.watch(request.clone()).await?.into_inner();
    while let Some(event) = events.next().await {
        let revision = match event?.event {
            Some(Event::Record(record)) => {
                print(&record, output).map_err(Lost::Output)?;
                Some(record.revision)
            }
            Some(Event::Bookmark(revision)) => Some(revision),
            None => None,
        };
        request.after_revision = revision.or(request.after_revision);
    }
    Ok(())
}

fn print(record: &AuditRecord, output: Output) -> Result<(), Failure> {
    let line = match output {
        Output::Table => audit::line(record),
        Output::Json => output::json_line(RECORD, record)?,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
