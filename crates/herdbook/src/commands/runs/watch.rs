//! `runs watch`: points as they are committed, a line each.

use std::io::Write as _;

use futures::StreamExt as _;
use herdbook_proto::tracking::v1::{
    ReadMetricsResponse, WatchMetricsRequest, WatchedRun,
    metric_service_client::MetricServiceClient,
};
use serde_json::{Value, json};

use crate::{cli::Output, connection::Connection, exit::Failure};

/// Prints points of a run until it is interrupted: those after a position, or only new ones.
pub(super) async fn watch(
    connection: Connection,
    output: Output,
    run_id: String,
    keys: Vec<String>,
    after: Option<i64>,
) -> Result<(), Failure> {
    let request = WatchMetricsRequest {
        runs: vec![WatchedRun { run_id, after }],
        keys,
    };
    let mut messages = MetricServiceClient::new(connection)
        .watch_metrics(request)
        .await?
        .into_inner();
    while let Some(message) = messages.next().await {
        if let Some(points) = message?.points {
            print(output, &points)?;
        }
    }
    Ok(())
}

fn print(output: Output, points: &ReadMetricsResponse) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let rows = points
        .steps
        .iter()
        .zip(&points.times_us)
        .zip(&points.values);
    for ((step, time_us), value) in rows {
        match output {
            Output::Table => writeln!(out, "{step:>12}  {}  {value}", points.key)?,
            Output::Json => {
                // JSON has no NaN and no infinities: as texts, as the protobuf mapping has them.
                let value = match serde_json::Number::from_f64(*value) {
                    Some(number) => Value::Number(number),
                    None if value.is_nan() => json!("NaN"),
                    None => json!(if *value > 0.0 {
                        "Infinity"
                    } else {
                        "-Infinity"
                    }),
                };
                let key = &points.key;
                let line = json!({"key": key, "step": step, "time_us": time_us, "value": value});
                writeln!(out, "{line}")?;
            }
        }
    }
    out.flush()?;
    Ok(())
}
