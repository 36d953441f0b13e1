//! `herdbook runs chart`, and how it and `bands` draw.

use std::{
    collections::{BTreeSet, HashMap},
    io::IsTerminal as _,
};

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use herdbook_proto::tracking::v1::{
    self as proto, CurveAxis, GetCurvesRequest, MetricDefinition, Run,
    metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
};

use super::get;
use crate::{
    chart::{Curve, Labels, Style, XAxis, draw},
    cli::Output,
    commands::metrics,
    connection::Connection,
    exit::Failure,
    output,
};

/// Metrics that are drawn if none are named.
const METRICS: usize = 6;
/// Calls at a time.
const CALLS: usize = 8;

#[derive(Debug, Args)]
pub(crate) struct ChartOptions {
    /// Ids of runs, and keys of metrics (the first few of the runs, if none is given).
    #[arg(required = true, value_name = "RUN|KEY")]
    runs_and_keys: Vec<String>,
    /// What is on the x axis: step, time (since a run's first point), wall (the time of the clock) or
    /// metric:KEY. If not given, what `metrics define` says, else the step.
    #[arg(long, value_name = "AXIS", value_parser = axis)]
    x: Option<Axis>,
    #[command(flatten)]
    look: Look,
}

/// How a chart looks.
#[derive(Debug, Args)]
pub(super) struct Look {
    /// Draw y by its logarithm.
    #[arg(long)]
    log: bool,
    /// Lines of the chart.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(3..=200))]
    height: u16,
}

/// What is on the x axis of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Axis {
    Step,
    /// Since the run's first point.
    Time,
    /// Of the clock.
    Wall,
    /// The values of another metric.
    Metric(String),
}

pub(super) fn axis(text: &str) -> Result<Axis, String> {
    match text.split_once(':') {
        None if text == "step" => Ok(Axis::Step),
        None if text == "time" => Ok(Axis::Time),
        None if text == "wall" => Ok(Axis::Wall),
        Some(("metric", key)) if !key.is_empty() => Ok(Axis::Metric(key.to_owned())),
        _ => Err("expected step, time, wall or metric:KEY, such as metric:epoch".to_owned()),
    }
}

impl Axis {
    pub(super) fn of_contract(&self) -> CurveAxis {
        match self {
            Self::Step => CurveAxis::Step,
            Self::Time => CurveAxis::RelativeTime,
            Self::Wall => CurveAxis::WallTime,
            Self::Metric(_) => CurveAxis::Metric,
        }
    }

    /// The axis as it is drawn.
    pub(super) fn drawn(&self) -> XAxis {
        let (title, labels) = match self {
            Self::Step => ("step", Labels::Numbers),
            Self::Time => ("since the first point", Labels::Seconds),
            Self::Wall => ("UTC", Labels::Times),
            Self::Metric(key) => (key.as_str(), Labels::Numbers),
        };
        let title = title.to_owned();
        XAxis { title, labels }
    }

    /// By what an x of the contract that is a whole number is divided.
    pub(super) fn divisor(&self, definition: Option<&MetricDefinition>) -> f64 {
        match self {
            Self::Step => 10_f64.powf(definition.map_or(0, |d| d.step_digits).into()),
            Self::Time | Self::Wall => 1e6,
            Self::Metric(_) => 1.0,
        }
    }
}

/// A metric as a legend has it, with its unit.
pub(super) fn legend(key: &str, definition: Option<&MetricDefinition>) -> String {
    match definition.map(|definition| definition.unit.as_str()) {
        None | Some("") => key.to_owned(),
        Some(unit) => format!("{key} [{unit}]"),
    }
}

impl Look {
    /// Buckets that can be told apart, and a chart's characters in a line.
    pub(super) fn buckets(&self) -> u32 {
        // Two dots a character.
        u32::try_from(width() * 2).unwrap_or(u32::MAX)
    }

    pub(super) fn draw(&self, curves: &[Curve], x: &XAxis) -> String {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let style = Style {
            width: width(),
            height: self.height.into(),
            log: self.log,
            colour,
        };
        draw(curves, x, style)
    }
}

/// Characters of the area of the curves, as the terminal has room.
fn width() -> usize {
    let width = comfy_table::Table::new().width();
    width
        .map_or(80, usize::from)
        .saturating_sub(14)
        .clamp(20, 120)
}

pub(super) async fn chart(
    connection: Connection,
    output: Output,
    options: ChartOptions,
) -> Result<(), Failure> {
    let is_run = |text: &String| text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    let (run_ids, keys): (Vec<_>, Vec<_>) = options.runs_and_keys.into_iter().partition(is_run);
    if run_ids.is_empty() {
        return Err(Failure::usage(
            "name at least one run by its id of 32 digits",
        ));
    }
    let runs: HashMap<String, Known> = stream::iter(run_ids.clone())
        .map(|id| known(connection.clone(), id, keys.is_empty()))
        .buffered(CALLS)
        .map_ok(|known| (known.run.id.clone(), known))
        .try_collect()
        .await?;
    let given = !keys.is_empty();
    let mut keys: BTreeSet<String> = match given {
        true => keys.into_iter().collect(),
        false => runs.values().flat_map(|known| known.keys.clone()).collect(),
    };
    let x = match options.x {
        Some(x) => x,
        None => defined_axis(&runs, &keys),
    };
    if let (Axis::Metric(key), false) = (&x, given) {
        keys.remove(key);
    }
    if keys.is_empty() {
        return Err(Failure::failed("the runs have no metrics to draw yet"));
    }
    let count = if given { keys.len() } else { METRICS };
    let request = GetCurvesRequest {
        run_ids,
        keys: keys.into_iter().take(count).collect(),
        buckets: options.look.buckets(),
        axis: x.of_contract().into(),
        x_key: match &x {
            Axis::Metric(key) => key.clone(),
            _ => String::new(),
        },
        ..Default::default()
    };
    let mut client = MetricServiceClient::new(connection);
    let found = client.get_curves(request).await?.into_inner();
    let name = "herdbook.tracking.v1.GetCurvesResponse";
    output::print_drawn(output, name, &found, |found| {
        let curves = found.curves.iter().map(|curve| {
            let known = runs.get(&curve.run_id);
            let definition = known.and_then(|known| known.definitions.get(&curve.key));
            let run_name = known.map_or("", |known| known.run.name.as_str());
            Curve {
                name: format!("{} of {run_name}", legend(&curve.key, definition)),
                points: points(curve, x.divisor(definition)),
                band: Vec::new(),
            }
        });
        options.look.draw(&curves.collect::<Vec<_>>(), &x.drawn())
    })
}

/// What a chart has to know of a run.
struct Known {
    run: Run,
    /// Keys of its metrics, those of the runs it goes on from included, if they are asked for.
    keys: BTreeSet<String>,
    definitions: HashMap<String, MetricDefinition>,
}

async fn known(connection: Connection, id: String, with_keys: bool) -> Result<Known, Failure> {
    let definitions = metrics::of_run(connection.clone(), id.clone()).await?;
    let mut client = RunServiceClient::new(connection);
    let run = get(&mut client, id).await?;
    let mut keys = BTreeSet::new();
    if with_keys {
        keys.extend(run.metrics.iter().map(|metric| metric.key.clone()));
        let mut from = run.forked_from.clone();
        while let Some(fork) = from {
            let origin = get(&mut client, fork.run_id).await?;
            keys.extend(origin.metrics.into_iter().map(|metric| metric.key));
            from = origin.forked_from;
        }
        keys.retain(|key| !key.starts_with("system/"));
    }
    Ok(Known {
        run,
        keys,
        definitions,
    })
}

/// The x axis that all the metrics are defined to have, else the step.
fn defined_axis(runs: &HashMap<String, Known>, keys: &BTreeSet<String>) -> Axis {
    let defined = runs.values().flat_map(|known| {
        let of_key = |key| known.definitions.get(key).map_or("", |d| d.x_key.as_str());
        keys.iter().map(of_key)
    });
    let defined: BTreeSet<&str> = defined.collect();
    match (defined.len(), defined.first()) {
        (1, Some(key)) if !key.is_empty() => Axis::Metric((*key).to_owned()),
        _ => Axis::Step,
    }
}

/// Points of a curve; a bucket goes from its first to its last.
fn points(curve: &proto::Curve, divisor: f64) -> Vec<(f64, f64, f64)> {
    let whole = curve.first_x.iter().zip(&curve.last_x);
    let whole = whole.map(|(first, last)| (*first as f64 / divisor, *last as f64 / divisor));
    let values = curve.first_x_value.iter().zip(&curve.last_x_value);
    let ends = whole.chain(values.map(|(first, last)| (*first, *last)));
    let extremes = curve.min.iter().zip(&curve.max);
    let points = ends.zip(extremes).flat_map(|((first, last), (min, max))| {
        let last = (last != first).then_some(last);
        [first]
            .into_iter()
            .chain(last)
            .map(move |x| (x, *min, *max))
    });
    points.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_read_and_refused() {
        assert_eq!(axis("wall"), Ok(Axis::Wall));
        assert_eq!(axis("metric:a:b"), Ok(Axis::Metric("a:b".to_owned())));
        for wrong in ["", "epoch", "metric:", "Step"] {
            assert!(axis(wrong).is_err(), "{wrong}");
        }
    }
}
