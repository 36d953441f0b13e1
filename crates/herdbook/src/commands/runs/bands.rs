//! `herdbook runs bands`.

use std::{cmp::Ordering, collections::HashMap};

use clap::Args;
use herdbook_proto::tracking::v1::{
    Band, BandGroup, GetBandsRequest, MetricDefinition, Run, SearchRunsRequest,
    metric_service_client::MetricServiceClient, run_service_client::RunServiceClient,
};

use super::{
    chart::{Axis, Look, axis, legend},
    list::value,
};
use crate::{
    chart::Curve,
    cli::Output,
    commands::{experiments, metrics},
    connection::Connection,
    exit::Failure,
    output,
};

/// Runs in one chart.
const RUNS: u32 = 1_000;

#[derive(Debug, Args)]
pub(crate) struct BandsOptions {
    /// Keys of metrics.
    #[arg(required = true)]
    keys: Vec<String>,
    /// Only runs of an experiment: its name or number.
    #[arg(long, short)]
    experiment: Option<String>,
    /// Which runs.
    #[arg(long, short, default_value = "")]
    filter: String,
    /// What the runs of a group have in common, such as params.lr; all runs are one group if not given.
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = common)]
    by: Vec<String>,
    /// How many groups at most, those of the most runs.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    /// What is on the x axis: step, time (since a run's first point) or wall (the time of the clock).
    #[arg(long, value_name = "AXIS", default_value = "step", value_parser = along)]
    x: Axis,
    #[command(flatten)]
    look: Look,
}

/// Metrics are numbers that hardly two runs share.
fn common(text: &str) -> Result<String, String> {
    match text.split_once('.') {
        Some(("params" | "tags" | "attributes" | "inputs", _)) => Ok(text.to_owned()),
        _ => Err(
            "expected a param, tag, attribute or input, such as params.lr or inputs.name"
                .to_owned(),
        ),
    }
}

fn along(text: &str) -> Result<Axis, String> {
    match axis(text) {
        Ok(axis @ (Axis::Step | Axis::Time | Axis::Wall)) => Ok(axis),
        _ => Err("expected step, time or wall".to_owned()),
    }
}

pub(super) async fn bands(
    connection: Connection,
    output: Output,
    options: BandsOptions,
) -> Result<(), Failure> {
    let runs = find(connection.clone(), &options).await?;
    let first = match runs.first() {
        Some(run) => run.id.clone(),
        None => return Err(Failure::failed("no run fits; see `herdbook runs list`")),
    };
    // Runs that are looked at together are meant to mean the same.
    let definitions = metrics::of_run(connection.clone(), first).await?;
    let (groups, more) = groups(&runs, &options.by, options.limit.into());
    let sizes: HashMap<String, usize> = groups
        .iter()
        .map(|group| (group.name.clone(), group.run_ids.len()))
        .collect();
    let request = GetBandsRequest {
        groups,
        keys: options.keys,
        buckets: options.look.buckets(),
        axis: options.x.of_contract().into(),
        ..Default::default()
    };
    let mut client = MetricServiceClient::new(connection);
    let found = client.get_bands(request).await?.into_inner();
    let name = "herdbook.tracking.v1.GetBandsResponse";
    output::print_drawn(output, name, &found, |found| {
        let curves = found.bands.iter().map(|band| {
            let definition = definitions.get(&band.key);
            let runs = sizes.get(&band.group).copied().unwrap_or_default();
            curve(band, runs, definition, options.x.divisor(definition))
        });
        let drawn = options
            .look
            .draw(&curves.collect::<Vec<_>>(), &options.x.drawn());
        match more {
            0 => drawn,
            more => format!("{drawn}\n… there are {more} more groups; raise --limit"),
        }
    })
}

/// The runs to look at, each with what groups them.
async fn find(connection: Connection, options: &BandsOptions) -> Result<Vec<Run>, Failure> {
    let columns = match options.by.as_slice() {
        [] => vec!["attributes.name".to_owned()],
        by => by.to_vec(),
    };
    let experiment = options.experiment.as_deref();
    let request = SearchRunsRequest {
        experiment_ids: experiments::ids(connection.clone(), experiment).await?,
        filter: options.filter.clone(),
        page_size: RUNS,
        columns,
        ..Default::default()
    };
    let mut client = RunServiceClient::new(connection);
    let found = client.search_runs(request).await?.into_inner();
    if found.next_page_token.is_empty() {
        Ok(found.runs)
    } else {
        Err(Failure::failed(format!(
            "more than {RUNS} runs fit; name fewer with --experiment or --filter"
        )))
    }
}

/// The `limit` groups of the most runs, in the order of what they have in common, and how many more there
/// are.
fn groups(runs: &[Run], by: &[String], limit: usize) -> (Vec<BandGroup>, usize) {
    let mut members: HashMap<Vec<String>, Vec<String>> = HashMap::new();
    for run in runs {
        let values = by.iter().map(|field| value(run, field)).collect();
        members.entry(values).or_default().push(run.id.clone());
    }
    let mut found: Vec<_> = members.into_iter().collect();
    found.sort_by(|(a, of_a), (b, of_b)| of_b.len().cmp(&of_a.len()).then_with(|| compare(a, b)));
    let more = found.len().saturating_sub(limit);
    found.truncate(limit);
    found.sort_by(|(a, _), (b, _)| compare(a, b));
    let groups = found.into_iter().map(|(values, run_ids)| {
        let named = by.iter().zip(&values).map(|(field, value)| {
            let value = if value.is_empty() { "-" } else { value };
            format!("{field} = {value}")
        });
        let name = named.collect::<Vec<_>>().join(", ");
        let name = if name.is_empty() {
            "all runs".to_owned()
        } else {
            name
        };
        BandGroup { name, run_ids }
    });
    (groups.collect(), more)
}

/// Values by number where both are numbers, else as texts.
fn compare(left: &[String], right: &[String]) -> Ordering {
    let each = left.iter().zip(right).map(|(left, right)| {
        match (left.parse::<f64>(), right.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b).then_with(|| left.cmp(right)),
            (a, b) => b.is_ok().cmp(&a.is_ok()).then_with(|| left.cmp(right)),
        }
    });
    each.fold(Ordering::Equal, Ordering::then)
}

/// A band as a curve of means with its deviation around it; the legend says where it ends.
fn curve(band: &Band, runs: usize, definition: Option<&MetricDefinition>, divisor: f64) -> Curve {
    let mut points = Vec::new();
    let mut around = Vec::new();
    let ends = band.first_x.iter().zip(&band.last_x);
    let values = band.mean.iter().zip(&band.deviation);
    for ((first, last), (mean, deviation)) in ends.zip(values) {
        let last = (last != first).then_some(last);
        for x in [first].into_iter().chain(last) {
            let x = *x as f64 / divisor;
            points.push((x, *mean, *mean));
            around.push((x, mean - deviation, mean + deviation));
        }
    }
    let end = match (band.mean.last(), band.deviation.last()) {
        (Some(mean), Some(deviation)) => {
            format!("{} ± {}", output::number(*mean), output::number(*deviation))
        }
        _ => String::new(),
    };
    let runs = match runs {
        1 => "1 run".to_owned(),
        runs => format!("{runs} runs"),
    };
    Curve {
        name: format!(
            "{} of {}: {end} at the end, {runs}",
            legend(&band.key, definition),
            band.group
        ),
        points,
        band: around,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, lr: Option<&str>) -> Run {
        let params = lr.map(|lr| ("lr".to_owned(), lr.to_owned()));
        Run {
            id: id.to_owned(),
            params: params.into_iter().collect(),
            ..Default::default()
        }
    }

    #[test]
    fn the_largest_groups_are_taken_and_stand_by_number() {
        let runs = [
            run("a", Some("10")),
            run("b", Some("9")),
            run("c", Some("9")),
            run("d", None),
            run("e", None),
            run("f", Some("10")),
            run("g", Some("warm")),
        ];
        let (found, more) = groups(&runs, &["params.lr".to_owned()], 3);
        let names: Vec<_> = found.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["params.lr = 9", "params.lr = 10", "params.lr = -"]);
        assert_eq!(found[0].run_ids, ["b", "c"]);
        assert_eq!(more, 1);
        let (found, more) = groups(&runs, &[], 3);
        assert_eq!((found.len(), found[0].run_ids.len(), more), (1, 7, 0));
        assert_eq!(found[0].name, "all runs");
    }
}
