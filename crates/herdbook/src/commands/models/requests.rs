//! `herdbook models`: moves that wait for approvals, and the checks of pipelines.

use clap::{Args, Subcommand};
use herdbook_proto::registry::v1::{
    ApproveRequestRequest, Check, GetRequestRequest, GetRequestResponse, ListChecksRequest,
    ListRequestsRequest, RejectRequestRequest, ReportCheckRequest, TransitionRequest,
    WithdrawRequestRequest, check_service_client::CheckServiceClient,
    request_service_client::RequestServiceClient,
};

use super::{moves::decided, parts, show};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

const REQUEST: &str = "herdbook.registry.v1.TransitionRequest";

/// Which request, and why.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// Number of the request.
    request: i64,
    /// Why.
    #[arg(long, default_value = "")]
    comment: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the moves that wait for approvals, newest first.
    ///
    /// Example: herdbook models requests fraud-detector
    Requests {
        /// A model; all of the workspace, if none is named.
        #[arg(default_value = "")]
        model: String,
        /// Closed ones too.
        #[arg(long)]
        all: bool,
    },
    /// Show a request, and how its move would be decided now.
    ///
    /// Example: herdbook models show-request 12
    ShowRequest {
        /// Number of the request.
        request: i64,
    },
    /// Approve a request; its move is done if nothing else is missing.
    ///
    /// Example: herdbook models approve 12 --comment "the pilot looks good"
    Approve(About),
    /// Close a request without its move, as an approver.
    ///
    /// Example: herdbook models reject 12 --comment "too slow"
    Reject(About),
    /// Take a request back.
    ///
    /// Example: herdbook models withdraw 12
    Withdraw(About),
    /// Report what a pipeline found when it checked a version, or list the reports.
    #[command(subcommand)]
    Check(CheckCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckCommand {
    /// Report that a check passed, or that it failed.
    ///
    /// Example: herdbook models check report fraud-detector/3 latency --passed --details "p99 38 ms"
    Report {
        /// The version: model/number.
        version: String,
        /// Name of the check.
        check: String,
        /// It passed.
        #[arg(long, conflicts_with = "failed", required_unless_present = "failed")]
        passed: bool,
        /// It failed.
        #[arg(long)]
        failed: bool,
        /// What was found.
        #[arg(long, default_value = "")]
        details: String,
        /// Where to read more.
        #[arg(long, default_value = "")]
        url: String,
        /// Digest of the files that were checked; refused if the version has another.
        #[arg(long, default_value = "")]
        digest: String,
    },
    /// List the last report of each check of a version.
    ///
    /// Example: herdbook models check list fraud-detector/3
    List {
        /// The version: model/number.
        version: String,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    command: Command,
) -> Result<(), Failure> {
    let mut requests = RequestServiceClient::new(connection.clone());
    match command {
        Command::Requests { model, all } => {
            let request = ListRequestsRequest {
                model,
                include_closed: all,
                page_size: 100,
                ..Default::default()
            };
            let found = requests.list_requests(request).await?.into_inner();
            let name = "herdbook.registry.v1.ListRequestsResponse";
            output::print(output, name, &found, |found| list(&found.requests))
        }
        Command::ShowRequest { request } => {
            let request = GetRequestRequest { id: request };
            let found = requests.get_request(request).await?.into_inner();
            output::print(
                output,
                "herdbook.registry.v1.GetRequestResponse",
                &found,
                shown,
            )
        }
        Command::Approve(About { request, comment }) => {
            let request = ApproveRequestRequest {
                id: request,
                comment,
                digest: String::new(),
            };
            let answer = requests.approve_request(request).await?.into_inner();
            decided(output, &answer.decision.unwrap_or_default())
        }
        Command::Reject(About { request, comment }) => {
            let request = RejectRequestRequest {
                id: request,
                comment,
            };
            let answer = requests.reject_request(request).await?.into_inner();
            output::print(output, REQUEST, &answer.request.unwrap_or_default(), facts)
        }
        Command::Withdraw(About { request, comment }) => {
            let request = WithdrawRequestRequest {
                id: request,
                comment,
            };
            let answer = requests.withdraw_request(request).await?.into_inner();
            output::print(output, REQUEST, &answer.request.unwrap_or_default(), facts)
        }
        Command::Check(command) => check(connection, output, command).await,
    }
}

async fn check(
    connection: Connection,
    output: Output,
    command: CheckCommand,
) -> Result<(), Failure> {
    let mut checks = CheckServiceClient::new(connection);
    match command {
        CheckCommand::Report {
            version,
            check,
            passed,
            details,
            url,
            digest,
            ..
        } => {
            let (model, number) = parts(&version)?;
            let request = ReportCheckRequest {
                model,
                version: number,
                digest,
                name: check,
                passed,
                details,
                url,
            };
            let kept = checks.report_check(request).await?.into_inner().check;
            let name = "herdbook.registry.v1.Check";
            output::print(output, name, &kept.unwrap_or_default(), |check| {
                table(std::slice::from_ref(check))
            })
        }
        CheckCommand::List { version } => {
            let (model, version) = parts(&version)?;
            let request = ListChecksRequest {
                model,
                version,
                ..Default::default()
            };
            let found = checks.list_checks(request).await?.into_inner();
            let name = "herdbook.registry.v1.ListChecksResponse";
            output::print(output, name, &found, |found| table(&found.checks))
        }
    }
}

fn table(checks: &[Check]) -> String {
    let row = |check: &Check| {
        vec![
            check.name.clone(),
            if check.passed { "passed" } else { "failed" }.to_owned(),
            check.details.clone(),
            check.url.clone(),
            check.reported_by.clone(),
            output::ago(check.reported_at.as_ref()),
        ]
    };
    let header = ["check", "outcome", "details", "url", "by", "when"];
    output::table(&header, checks.iter().map(row))
}

fn list(requests: &[TransitionRequest]) -> String {
    let row = |request: &TransitionRequest| {
        vec![
            request.id.to_string(),
            format!("{}/{}", request.model, request.version),
            match request.rollback {
                true => format!("{} -> {} (rollback)", request.from, request.to),
                false => format!("{} -> {}", request.from, request.to),
            },
            state(request),
            request.requested_by.clone(),
            output::ago(request.requested_at.as_ref()),
            names(request),
        ]
    };
    let header = [
        "request",
        "version",
        "move",
        "state",
        "by",
        "when",
        "approved by",
    ];
    output::table(&header, requests.iter().map(row))
}

fn state(request: &TransitionRequest) -> String {
    output::name(request.state().as_str_name(), "REQUEST_STATE_")
}

fn names(request: &TransitionRequest) -> String {
    let names = request.approvals.iter();
    let names: Vec<_> = names.map(|approval| approval.principal.clone()).collect();
    names.join(", ")
}

fn facts(request: &TransitionRequest) -> String {
    let TransitionRequest {
        model,
        version,
        from,
        to,
        rollback,
        ..
    } = request;
    let way = if *rollback { "rollback" } else { "move" };
    output::facts(&[
        ("request", request.id.to_string()),
        (way, format!("{model}/{version} from {from} to {to}")),
        ("state", state(request)),
        ("by", request.requested_by.clone()),
        ("comment", request.comment.clone()),
        ("approved by", names(request)),
        ("closed by", request.closed_by.clone()),
        ("expires", output::time(request.expires_at.as_ref())),
        ("digest", request.digest.clone()),
    ])
}

fn shown(found: &GetRequestResponse) -> String {
    let request = found.request.as_ref().map(facts).unwrap_or_default();
    match &found.decision {
        Some(decision) => format!("{request}\n\n{}", show::decision(decision)),
        None => request,
    }
}
