//! `herdbook audit`.

use clap::Subcommand;
use herdbook_proto::registry::v1::{
    AuditRecord, ListAuditRecordsRequest, ListAuditRecordsResponse, Outcome, VerifyAuditRequest,
    transition_service_client::TransitionServiceClient,
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
    /// Example: herdbook audit verify
    Verify,
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let mut client = TransitionServiceClient::new(connect(&options).await?);
    match command {
        Command::List { limit } => {
            let request = ListAuditRecordsRequest {
                page_size: limit,
                ..Default::default()
            };
            print(
                options.output,
                &client.list_audit_records(request).await?.into_inner(),
            )
        }
        Command::Verify => {
            let found = client
                .verify_audit(VerifyAuditRequest {})
                .await?
                .into_inner();
            let name = "herdbook.registry.v1.VerifyAuditResponse";
            output::print(options.output, name, &found, |found| {
                match found.broken_at {
                    None => format!(
                        "{} records, all as they were written; last hash {}",
                        found.records, found.hash
                    ),
                    Some(revision) => format!(
                        "{} records; the chain is broken at revision {revision}",
                        found.records
                    ),
                }
            })?;
            match found.broken_at {
                None => Ok(()),
                Some(_) => Err(Failure::refused("the audit log was tampered with")),
            }
        }
    }
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
