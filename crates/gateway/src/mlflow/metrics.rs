//! Histories of metrics. A history is a set: a point that was logged twice is told once.

use std::cmp::Ordering;

use axum::response::Response;
use herdbook_proto::tracking::v1::ReadMetricsRequest;
use serde::{Deserialize, Serialize};

use super::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    runs::{Named, words::of_run},
    wire::{self, Number},
};

/// Runs of one question.
const RUNS: usize = 100;
/// Points of many runs together.
const BULK: usize = 25_000;
/// Points of a run in a chart.
const CHART: u32 = 2_500;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("metrics/get-history", history),
        Endpoint::get("metrics/get-history-bulk", bulk),
        Endpoint::get("metrics/get-history-bulk-interval", interval),
    ]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct One {
    metric_key: Option<String>,
    #[serde(deserialize_with = "wire::int")]
    max_results: Option<i64>,
    page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Many {
    #[serde(deserialize_with = "wire::texts")]
    run_id: Vec<String>,
    #[serde(deserialize_with = "wire::texts")]
    run_ids: Vec<String>,
    metric_key: Option<String>,
    #[serde(deserialize_with = "wire::int")]
    start_step: Option<i64>,
    #[serde(deserialize_with = "wire::int")]
    end_step: Option<i64>,
    #[serde(deserialize_with = "wire::int")]
    max_results: Option<i64>,
}

/// A point, its time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    timestamp: i64,
    step: i64,
    value: f64,
}

#[derive(Serialize)]
struct Shown<'a> {
    key: &'a str,
    value: Number,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a str>,
}

#[derive(Serialize)]
struct History<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Shown<'a>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next_page_token: String,
}

#[derive(Serialize)]
struct Bulk<'a> {
    metrics: Vec<Shown<'a>>,
}

impl Point {
    fn shown<'a>(&self, key: &'a str, run_id: Option<&'a str>) -> Shown<'a> {
        Shown {
            key,
            value: Number(self.value),
            timestamp: self.timestamp,
            step: self.step,
            run_id,
        }
    }
}

async fn history(call: Call) -> Answer<Response> {
    let id = call.read::<Named>()?.id()?;
    let fields: One = call.read()?;
    let key = wire::required_text("metric_key", fields.metric_key)?;
    let from = Place::read(fields.page_token.as_deref().unwrap_or_default())?;
    let count = match fields.max_results {
        None => usize::MAX,
        Some(count) => usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
            Error::invalid(format!(
                "Invalid value {count} for parameter 'max_results' supplied. It must be a positive integer."
            ))
        })?,
    };
    let mut points = read(&call, asked(&id, &key, (from.least_step, None), 0)).await?;
    points.sort_by(by_time);
    once(&mut points);
    let end = from.skipped.saturating_add(count).min(points.len());
    let page = points.get(from.skipped..end).unwrap_or_default();
    wire::json(&History {
        metrics: page.iter().map(|point| point.shown(&key, None)).collect(),
        next_page_token: Place::behind(&points, end).map_or_else(String::new, Place::write),
    })
}

/// Where a page begins: behind so many points of those from a step on. The steps before are not read again.
#[derive(Debug, Default, PartialEq)]
struct Place {
    least_step: Option<i64>,
    skipped: usize,
}

impl Place {
    /// The place behind the first `end` points; `None` if there are no more.
    fn behind(points: &[Point], end: usize) -> Option<Self> {
        let (told, rest) = points.split_at(end);
        let least = rest.iter().map(|point| point.step).min()?;
        Some(Self {
            least_step: Some(least),
            skipped: told.iter().filter(|point| point.step >= least).count(),
        })
    }

    fn write(self) -> String {
        format!("{}.{}", self.least_step.unwrap_or(i64::MIN), self.skipped)
    }

    fn read(token: &str) -> Answer<Self> {
        if token.is_empty() {
            return Ok(Self::default());
        }
        let parts = token.split_once('.');
        let place = parts.and_then(|(least, skipped)| {
            Some(Self {
                least_step: Some(least.parse().ok()?),
                skipped: skipped.parse().ok()?,
            })
        });
        place.ok_or_else(|| {
            Error::invalid(
                "Invalid page token: it is none of this server; leave it out for the first page",
            )
        })
    }
}

async fn bulk(call: Call) -> Answer<Response> {
    let fields: Many = call.read()?;
    let mut ids = fields.run_id;
    match ids.len() {
        0 => {
            return Err(Error::invalid(
                "GetMetricHistoryBulk request must specify at least one run_id.",
            ));
        }
        count if count > RUNS => {
            return Err(Error::invalid(format!(
                "GetMetricHistoryBulk request cannot specify more than {RUNS} run_ids. Received {count} run_ids."
            )));
        }
        _ => {}
    }
    let key = fields
        .metric_key
        .ok_or_else(|| Error::invalid("GetMetricHistoryBulk request must specify a metric_key."))?;
    let count = fields
        .max_results
        .and_then(|count| usize::try_from(count).ok());
    let count = count.unwrap_or(BULK).min(BULK);
    ids.sort_unstable();
    let mut histories = Vec::with_capacity(ids.len());
    let mut left = count;
    for id in &ids {
        let mut points = read(&call, asked(id, &key, (None, None), 0)).await?;
        points.sort_by(by_time);
        once(&mut points);
        points.truncate(left);
        left -= points.len();
        histories.push((id, points));
    }
    let shown = histories
        .iter()
        .flat_map(|(id, points)| points.iter().map(|point| point.shown(&key, Some(id))));
    wire::json(&Bulk {
        metrics: shown.collect(),
    })
}

/// Points of runs that lie evenly along each history, the first and the last among them.
async fn interval(call: Call) -> Answer<Response> {
    let fields: Many = call.read()?;
    let ids = fields.run_ids;
    match ids.len() {
        0 => return Err(wire::missing("run_ids")),
        count if count > RUNS => {
            return Err(Error::invalid(format!(
                "GetMetricHistoryBulkInterval request must specify at most {RUNS} run_ids. Received {count} run_ids."
            )));
        }
        _ => {}
    }
    let key = wire::required_text("metric_key", fields.metric_key)?;
    let count = fields
        .max_results
        .map_or(Some(CHART), |count| u32::try_from(count).ok());
    let count = count
        .filter(|count| (1..=CHART).contains(count))
        .ok_or_else(|| Error::invalid(format!("max_results must be between 1 and {CHART}.")))?;
    let (first, last) = match (fields.start_step, fields.end_step) {
        (Some(start), Some(end)) if start > end => {
            return Err(Error::invalid(format!(
                "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
            )));
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(Error::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
        both => both,
    };
    let mut histories = Vec::with_capacity(ids.len());
    for id in &ids {
        let mut points = read(&call, asked(id, &key, (first, last), count)).await?;
        // Times that differ by less than a millisecond.
        once(&mut points);
        histories.push((id, points));
    }
    let shown = histories
        .iter()
        .flat_map(|(id, points)| points.iter().map(|point| point.shown(&key, Some(id))));
    wire::json(&History {
        metrics: shown.collect(),
        next_page_token: String::new(),
    })
}

/// Asks for the points of a metric between two steps: so many of them in the order of steps, or if 0 all as they were
/// committed.
fn asked(
    id: &str,
    key: &str,
    (min_step, max_step): (Option<i64>, Option<i64>),
    samples: u32,
) -> ReadMetricsRequest {
    ReadMetricsRequest {
        run_id: id.to_owned(),
        keys: vec![key.to_owned()],
        min_step,
        max_step,
        samples,
    }
}

async fn read(call: &Call, request: ReadMetricsRequest) -> Answer<Vec<Point>> {
    let id = request.run_id.clone();
    let parts = call.metrics().read_metrics(request).await;
    let mut parts = parts.map_err(|status| of_run(&id, status))?.into_inner();
    let mut points = Vec::new();
    while let Some(part) = parts
        .message()
        .await
        .map_err(|status| of_run(&id, status))?
    {
        let columns = part.steps.iter().zip(&part.times_us).zip(&part.values);
        points.extend(columns.map(|((step, time_us), value)| Point {
            timestamp: time_us.div_euclid(1_000),
            step: *step,
            value: *value,
        }));
    }
    Ok(points)
}

fn by_time(a: &Point, b: &Point) -> Ordering {
    let times = (a.timestamp, a.step).cmp(&(b.timestamp, b.step));
    times.then_with(|| by_value(a.value, b.value))
}

/// MLflow's databases have a NaN as 0 with a mark, and so does it stand among the others.
fn by_value(a: f64, b: f64) -> Ordering {
    let kept = |value: f64| if value.is_nan() { 0.0 } else { value };
    let values = kept(a).total_cmp(&kept(b));
    values.then_with(|| a.total_cmp(&b))
}

/// Tells points that are the same, which lie beside each other, once.
fn once(points: &mut Vec<Point>) {
    points.dedup_by(|a, b| {
        (a.timestamp, a.step) == (b.timestamp, b.step) && a.value.to_bits() == b.value.to_bits()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(count: i64) -> Vec<Point> {
        let point = |step| Point {
            timestamp: 0,
            step,
            value: 0.0,
        };
        (0..count).map(point).collect()
    }

    #[test]
    fn the_next_page_begins_behind_the_last_whatever_the_steps() {
        let mut all = points(6);
        // Logged last, at an early step.
        all[4].step = 1;
        let place = Place::behind(&all, 3).unwrap();
        assert_eq!(
            place,
            Place {
                least_step: Some(1),
                skipped: 2
            }
        );
        let left: Vec<Point> = all
            .iter()
            .copied()
            .filter(|point| point.step >= 1)
            .collect();
        assert_eq!(left[place.skipped..], all[3..]);
        assert_eq!(Place::read(&place.write()).unwrap().skipped, 2);
        assert_eq!(Place::behind(&all, 6), None);
        assert!(Place::read("x").is_err());
    }

    #[test]
    fn the_same_point_is_told_once_and_a_nan_is_the_same_as_itself() {
        let nan = Point {
            value: f64::NAN,
            ..points(1)[0]
        };
        let mut twice = vec![nan, nan, points(1)[0], points(1)[0]];
        once(&mut twice);
        assert_eq!(twice.len(), 2);
    }
}
