//! `herdbook audit`.

mod verify;

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use clap::Subcommand;
use futures::StreamExt as _;
use herdbook_proto::{
    registry::v1::{
        AuditRecord, Checkpoint, CreateCheckpointRequest, ExportAuditRequest,
        ListAuditRecordsRequest, ListAuditRecordsResponse, ListCheckpointsRequest, Outcome,
        audit_service_client::AuditServiceClient,
        transition_service_client::TransitionServiceClient,
    },
    time::to_timestamp,
};

use super::models::subject;
use crate::{
    cli::{ClientOptions, Output},
    connection::connect,
    exit::Failure,
    output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List changes in the registry, newest first.
    ///
    /// Example: herdbook audit list --output json
    List {
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Recompute the hash chain: any record that was changed, removed or reordered is found.
    ///
    /// Example: herdbook audit verify --checkpoint friday.json
    Verify {
        /// A checkpoint that was kept elsewhere: the log must still hold what it says.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// An export to verify instead of the server's log; no server is called.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// The key that must have signed the checkpoint, as `audit checkpoints` shows it.
        #[arg(long, value_name = "HEX", requires = "checkpoint", value_parser = verify::public_key)]
        public_key: Option<String>,
    },
    /// Write records as JSON lines, which `audit verify --file` verifies without a server.
    ///
    /// Example: herdbook audit export --since 2026-11-01T00:00:00Z -o november.jsonl
    Export {
        /// Records from this time on (RFC 3339).
        #[arg(long, value_name = "TIME")]
        since: Option<DateTime<Utc>>,
        /// Records before this time (RFC 3339).
        #[arg(long, value_name = "TIME")]
        until: Option<DateTime<Utc>>,
        /// File to write; standard output if not given.
        #[arg(short = 'o', long = "out", value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Sign how far the log has come, and print it. Keep it where the database's admins cannot reach it.
    ///
    /// Example: herdbook audit checkpoint > friday.json
    Checkpoint,
    /// List checkpoints, newest first.
    ///
    /// Example: herdbook audit checkpoints --limit 10
    Checkpoints {
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { limit } => {
            let request = ListAuditRecordsRequest {
                page_size: limit,
                ..Default::default()
            };
            let mut client = TransitionServiceClient::new(connect(&options).await?);
            let found = client.list_audit_records(request).await?.into_inner();
            print(options.output, &found)
        }
        Command::Verify {
            checkpoint,
            file,
            public_key,
        } => {
            let checkpoint = match &checkpoint {
                Some(path) => Some(verify::read_checkpoint(path, public_key.as_deref())?),
                None => None,
            };
            match file {
                Some(file) => verify::file(options.output, &file, checkpoint.as_ref()),
                None => verify::server(&options, checkpoint).await,
            }
        }
        Command::Export { since, until, out } => {
            let request = ExportAuditRequest {
                since: since.map(to_timestamp),
                until: until.map(to_timestamp),
            };
            export(&options, request, out.as_deref()).await
        }
        Command::Checkpoint => {
            let mut client = AuditServiceClient::new(connect(&options).await?);
            let request = CreateCheckpointRequest {};
            let made = client.create_checkpoint(request).await?.into_inner();
            let made = made.checkpoint.unwrap_or_default();
            // JSON whatever the output: what is printed is what is kept.
            output::print(Output::Json, verify::CHECKPOINT, &made, |_| String::new())
        }
        Command::Checkpoints { limit } => {
            let mut client = AuditServiceClient::new(connect(&options).await?);
            let request = ListCheckpointsRequest {
                page_size: limit,
                ..Default::default()
            };
            let found = client.list_checkpoints(request).await?.into_inner();
            let name = "herdbook.registry.v1.ListCheckpointsResponse";
            output::print(options.output, name, &found, |found| {
                let row = |made: &Checkpoint| {
                    let time = output::time(made.at.as_ref());
                    let hash = output::short(&made.hash);
                    vec![
                        made.revision.to_string(),
                        time,
                        hash,
                        made.public_key.clone(),
                    ]
                };
                let header = ["revision", "time", "hash", "public key"];
                output::table(&header, found.checkpoints.iter().map(row))
            })
        }
    }
}

/// Writes records as they come, a line each.
async fn export(
    options: &ClientOptions,
    request: ExportAuditRequest,
    out: Option<&Path>,
) -> Result<(), Failure> {
    let mut client = AuditServiceClient::new(connect(options).await?);
    let mut lines = client.export_audit(request).await?.into_inner();
    let mut out: Box<dyn Write> = match out {
        Some(path) => Box::new(BufWriter::new(File::create(path)?)),
        None => Box::new(BufWriter::new(std::io::stdout())),
    };
    while let Some(line) = lines.next().await {
        writeln!(out, "{}", output::json_line(verify::LINE, &line?)?)?;
    }
    Ok(out.flush()?)
}

/// Prints records as lines.
pub(super) fn print(output: Output, found: &ListAuditRecordsResponse) -> Result<(), Failure> {
    output::print(
        output,
        "herdbook.registry.v1.ListAuditRecordsResponse",
        found,
        |found| {
            let lines: Vec<_> = found.records.iter().map(line).collect();
            if lines.is_empty() {
                "nothing yet".to_owned()
            } else {
                lines.join("\n")
            }
        },
    )
}

/// A record in a line.
pub(super) fn line(record: &AuditRecord) -> String {
    let action = output::name(record.action().as_str_name(), "AUDIT_ACTION_").replace('_', " ");
    let what = match &record.decision {
        Some(decision) => {
            let moves = match decision.outcome() {
                Outcome::Refused => "refused",
                Outcome::Pending => "pending",
                Outcome::Overridden => "MOVED AGAINST THE RULES",
                _ => "moved",
            };
            let comment = match decision.comment.as_str() {
                "" => String::new(),
                comment => format!(" ({comment})"),
            };
            format!(
                "{action}: {moves} {} -> {}{comment}",
                decision.from, decision.to
            )
        }
        None => action,
    };
    let time = output::time(record.at.as_ref());
    format!(
        "{:>5}  {time}  {:10}  {}  {what}",
        record.revision,
        record.principal,
        subject(record)
    )
}
