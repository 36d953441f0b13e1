//! `herdbook watch`: changes of the registry as they come, across any loss of the server.

use std::{io::Write as _, time::Duration};

use clap::Args;
use futures::StreamExt as _;
use herdbook_proto::registry::v1::{
    AuditRecord, WatchRequest, transition_service_client::TransitionServiceClient,
    watch_response::Event,
};
use tonic::{Code, Status};

use super::{audit, selector::SelectorOptions};
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
    #[command(flatten)]
    selector: SelectorOptions,
}

pub(crate) async fn run(client: ClientOptions, options: Options) -> Result<(), Failure> {
    let mut request = WatchRequest {
        after_revision: options.after,
        selector: Some(options.selector.read()?),
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
