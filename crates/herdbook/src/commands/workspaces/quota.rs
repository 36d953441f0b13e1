//! `herdbook workspaces usage` and `quota`.

use clap::{ArgGroup, Args};
use herdbook_proto::tracking::v1::{
    GetUsageRequest, GetUsageResponse, Quota, UpdateQuotaRequest,
    quota_service_client::QuotaServiceClient,
};
use prost_types::FieldMask;

use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    output,
};

/// Say how many runs, points and bytes the workspace may have.
///
/// Example: herdbook workspaces quota --points 10000000000 --bytes none
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("quotas").required(true).multiple(true))]
pub(crate) struct QuotaCommand {
    /// Runs, deleted ones too until they are purged; `none` takes the workspace's own quota away.
    #[arg(long, group = "quotas", value_name = "N|none", value_parser = limit)]
    runs: Option<Limit>,
    /// Points of metrics.
    #[arg(long, group = "quotas", value_name = "N|none", value_parser = limit)]
    points: Option<Limit>,
    /// Bytes of points, values and artifacts.
    #[arg(long, group = "quotas", value_name = "N|none", value_parser = limit)]
    bytes: Option<Limit>,
}

/// A quota, or none.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<i64>);

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    match text.replace('_', "").parse() {
        Ok(limit) if limit >= 0 => Ok(Limit(Some(limit))),
        _ => Err("give a number from 0 on, or `none`".to_owned()),
    }
}

pub(crate) async fn usage(options: &ClientOptions) -> Result<(), Failure> {
    show(options, connect(options).await?).await
}

pub(crate) async fn set(options: &ClientOptions, command: QuotaCommand) -> Result<(), Failure> {
    let QuotaCommand {
        runs,
        points,
        bytes,
    } = command;
    let named = [("runs", runs), ("points", points), ("bytes", bytes)];
    let paths = named
        .iter()
        .filter(|(_, limit)| limit.is_some())
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let quota = Quota {
        runs: runs.and_then(|limit| limit.0),
        points: points.and_then(|limit| limit.0),
        bytes: bytes.and_then(|limit| limit.0),
    };
    let request = UpdateQuotaRequest {
        quota: Some(quota),
        update_mask: Some(FieldMask { paths }),
    };
    let connection = connect(options).await?;
    QuotaServiceClient::new(connection.clone())
        .update_quota(request)
        .await?;
    show(options, connection).await
}

async fn show(options: &ClientOptions, connection: Connection) -> Result<(), Failure> {
    let found = QuotaServiceClient::new(connection)
        .get_usage(GetUsageRequest {})
        .await?
        .into_inner();
    output::print(
        options.output,
        "herdbook.tracking.v1.GetUsageResponse",
        &found,
        table,
    )
}

fn table(found: &GetUsageResponse) -> String {
    let usage = found.usage.unwrap_or_default();
    let (quota, own) = (
        found.quota.unwrap_or_default(),
        found.own.unwrap_or_default(),
    );
    let row = |name: &str, used: i64, limit: Option<i64>, own: Option<i64>| {
        let shown = |count: i64| match name {
            "bytes" => output::size(count),
            _ => count.to_string(),
        };
        let share = limit.map(|limit| match limit {
            0 => "full".to_owned(),
            limit => format!("{:.0} %", used as f64 / limit as f64 * 100.0),
        });
        let set_by = match (limit, own) {
            (None, _) => "",
            (Some(_), Some(_)) => "workspace",
            (Some(_), None) => "server",
        };
        vec![
            name.to_owned(),
            shown(used),
            limit.map_or_else(|| "no quota".to_owned(), shown),
            share.unwrap_or_default(),
            set_by.to_owned(),
        ]
    };
    output::table(
        &["", "used", "quota", "share", "set by"],
        [
            row("runs", usage.runs, quota.runs, own.runs),
            row("points", usage.points, quota.points, own.points),
            row("bytes", usage.bytes, quota.bytes, own.bytes),
        ],
    )
}
