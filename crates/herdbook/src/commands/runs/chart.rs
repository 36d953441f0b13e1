//! `herdbook runs chart`.

use std::{collections::BTreeSet, io::IsTerminal as _};

use clap::ValueEnum;
use herdbook_proto::tracking::v1::{
    CurveAxis, GetCurvesRequest, metric_service_client::MetricServiceClient,
    run_service_client::RunServiceClient,
};

use super::get;
use crate::{
    chart::{Curve, Style, draw},
    cli::Output,
    connection::Connection,
    exit::Failure,
    output,
};

/// What is on the x axis of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Axis {
    /// The step.
    Step,
    /// Seconds since the run's first point.
    Time,
}

pub(super) async fn chart(
    connection: Connection,
    output: Output,
    runs_and_keys: Vec<String>,
    x: Axis,
    log: bool,
    height: usize,
) -> Result<(), Failure> {
    let is_run = |text: &String| text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    let (run_ids, mut keys): (Vec<_>, Vec<_>) = runs_and_keys.into_iter().partition(is_run);
    if run_ids.is_empty() {
        return Err(Failure::usage(
            "name at least one run by its id of 32 digits",
        ));
    }
    let mut runs = Vec::new();
    for id in &run_ids {
        runs.push(get(&mut RunServiceClient::new(connection.clone()), id.clone()).await?);
    }
    if keys.is_empty() {
        let all: BTreeSet<_> = runs
            .iter()
            .flat_map(|r| &r.metrics)
            .map(|m| m.key.clone())
            .collect();
        keys = all.into_iter().take(6).collect();
    }
    if keys.is_empty() {
        return Err(Failure::failed("the runs have no metrics yet"));
    }
    let width = width().saturating_sub(14).clamp(20, 120);
    let axis = if x == Axis::Step {
        CurveAxis::Step
    } else {
        CurveAxis::RelativeTime
    };
    let request = GetCurvesRequest {
        run_ids,
        keys,
        buckets: u32::try_from(width * 2).unwrap_or(320),
        axis: axis.into(),
        ..Default::default()
    };
    let found = MetricServiceClient::new(connection)
        .get_curves(request)
        .await?
        .into_inner();
    let unit = if x == Axis::Step { 1.0 } else { 1e-6 };
    output::print(
        output,
        "herdbook.tracking.v1.GetCurvesResponse",
        &found,
        |found| {
            let curves = found.curves.iter().map(|curve| {
                let run = runs.iter().find(|run| run.id == curve.run_id);
                let run_name = run.map(|run| run.name.as_str()).unwrap_or_default();
                // A bucket goes from its first point to its last.
                let ends = curve.first_x.iter().zip(&curve.last_x);
                let extremes = curve.min.iter().zip(&curve.max);
                let points = ends.zip(extremes).flat_map(|((first, last), (min, max))| {
                    let last = (last != first).then_some(last);
                    [first]
                        .into_iter()
                        .chain(last)
                        .map(move |x| (*x as f64 * unit, *min, *max))
                });
                Curve {
                    name: format!("{} of {run_name}", curve.key),
                    points: points.collect(),
                }
            });
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            draw(
                &curves.collect::<Vec<_>>(),
                Style {
                    width,
                    height,
                    log,
                    colour,
                },
            )
        },
    )
}

/// Characters in a line of the terminal.
fn width() -> usize {
    let width = comfy_table::Table::new().width();
    width.map_or(80, usize::from)
}
