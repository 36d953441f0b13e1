//! GetCurves and GetBands.

use std::collections::HashMap;

use herdbook_core::WorkspaceId;
use herdbook_proto::{InvalidRequest, tracking::v1 as proto};

use super::metrics::MetricApi;
use crate::{
    TrackingError, convert,
    metrics::{
        against::against,
        bands::{BandBucket, band},
        drawing::{Sketch, XAxis, sketch},
        envelope::{Bucket, Envelope},
    },
    run::RunKey,
};

/// Buckets of a curve when the request does not say, and at most.
const DEFAULT_BUCKETS: u32 = 320;
const MAX_BUCKETS: u32 = 10_000;
/// Runs, groups and keys of one call.
const RUNS: usize = 1_000;
const GROUPS: usize = 100;
const KEYS: usize = 100;

impl MetricApi {
    pub(super) async fn curves(
        &self,
        workspace: WorkspaceId,
        request: proto::GetCurvesRequest,
    ) -> Result<Vec<proto::Curve>, TrackingError> {
        check_count("run_ids", request.run_ids.len(), RUNS)?;
        check_count("keys", request.keys.len(), KEYS)?;
        let buckets = buckets(request.buckets)?;
        let runs = self.run_keys(workspace, &request.run_ids).await?;
        let Some(axis) = x_axis(request.axis()) else {
            return self.curves_along_metric(&runs, &request, buckets).await;
        };
        let range = (
            request.min_x.unwrap_or(i64::MIN),
            request.max_x.unwrap_or(i64::MAX),
        );
        let (mut drawing, sketches) =
            sketch(&self.store, &runs, &request.keys, axis, range).await?;
        let framed = sketches.into_iter().filter_map(|sketch| {
            let (low, high) = sketch.range()?;
            Some((sketch, Envelope::new(low, high, buckets)))
        });
        let drawn = drawing.draw(framed.collect()).await?;
        let names = names(&runs, &request.run_ids);
        let curves = drawn.into_iter().map(|(sketch, envelope)| {
            let found: Vec<Bucket> = envelope.into_iter().flatten().collect();
            let run = names.get(&sketch.run).cloned().unwrap_or_default();
            let shown = |x: i64| x.saturating_sub(sketch.origin);
            proto::Curve {
                first_x: found.iter().map(|bucket| shown(bucket.first_x)).collect(),
                last_x: found.iter().map(|bucket| shown(bucket.last_x)).collect(),
                ..curve(run, sketch.key, &found)
            }
        });
        Ok(curves.filter(|curve| !curve.count.is_empty()).collect())
    }

    async fn curves_along_metric(
        &self,
        runs: &[RunKey],
        request: &proto::GetCurvesRequest,
        buckets: usize,
    ) -> Result<Vec<proto::Curve>, TrackingError> {
        if request.x_key.is_empty() {
            return Err(InvalidRequest::field(
                "x_key",
                "is empty; name the metric that the x axis is to have",
            )
            .into());
        }
        let mut keys = vec![request.x_key.clone()];
        keys.extend(request.keys.iter().cloned());
        let all = (i64::MIN, i64::MAX);
        let (mut drawing, sketches) = sketch(&self.store, runs, &keys, XAxis::Step, all).await?;
        let range = (
            request.min_x_value.unwrap_or(f64::NEG_INFINITY),
            request.max_x_value.unwrap_or(f64::INFINITY),
        );
        let names = names(runs, &request.run_ids);
        let points = drawing.points(sketches).await?;
        let xs: HashMap<RunKey, usize> = points
            .iter()
            .enumerate()
            .filter(|(_, (sketch, _))| sketch.key == request.x_key)
            .map(|(place, (sketch, _))| (sketch.run, place))
            .collect();
        let mut curves = Vec::new();
        for (sketch, series) in &points {
            let Some(x) = xs.get(&sketch.run).map(|place| &points[*place].1) else {
                continue;
            };
            if !request.keys.contains(&sketch.key) {
                continue;
            }
            let found = against(x, series, range, buckets);
            if !found.is_empty() {
                let run = names.get(&sketch.run).cloned().unwrap_or_default();
                curves.push(proto::Curve {
                    first_x_value: found.iter().map(|bucket| bucket.first_x).collect(),
                    last_x_value: found.iter().map(|bucket| bucket.last_x).collect(),
                    ..curve(run, sketch.key.clone(), &found)
                });
            }
        }
        Ok(curves)
    }

    pub(super) async fn bands(
        &self,
        workspace: WorkspaceId,
        request: proto::GetBandsRequest,
    ) -> Result<Vec<proto::Band>, TrackingError> {
        check_count("groups", request.groups.len(), GROUPS)?;
        check_count("keys", request.keys.len(), KEYS)?;
        let ids: Vec<String> = request
            .groups
            .iter()
            .flat_map(|group| group.run_ids.iter().cloned())
            .collect();
        check_count("groups.run_ids", ids.len(), RUNS)?;
        let buckets = buckets(request.buckets)?;
        let Some(axis) = x_axis(request.axis()) else {
            let what = "must be the step or a time; bands along a metric are not drawn";
            return Err(InvalidRequest::field("axis", what).into());
        };
        let runs = self.run_keys(workspace, &ids).await?;
        let range = (
            request.min_x.unwrap_or(i64::MIN),
            request.max_x.unwrap_or(i64::MAX),
        );
        let (mut drawing, mut sketches) =
            sketch(&self.store, &runs, &request.keys, axis, range).await?;
        sketches.iter_mut().for_each(Sketch::shift_to_origin);
        // One grid a metric for all groups, so that bands can be compared.
        let mut ranges: HashMap<String, (i64, i64)> = HashMap::new();
        for sketch in &sketches {
            if let Some((low, high)) = sketch.range() {
                let range = ranges.entry(sketch.key.clone()).or_insert((low, high));
                *range = (range.0.min(low), range.1.max(high));
            }
        }
        let framed = sketches.into_iter().filter_map(|sketch| {
            let (low, high) = *ranges.get(&sketch.key)?;
            Some((sketch, Envelope::new(low, high, buckets)))
        });
        let mut drawn: HashMap<(RunKey, String), Vec<Option<Bucket>>> = HashMap::new();
        for (sketch, envelope) in drawing.draw(framed.collect()).await? {
            drawn.insert((sketch.run, sketch.key), envelope.into_iter().collect());
        }
        let keys: HashMap<&String, RunKey> = ids.iter().zip(runs).collect();
        let mut bands = Vec::new();
        for group in &request.groups {
            for key in &request.keys {
                let curves = group
                    .run_ids
                    .iter()
                    .filter_map(|id| drawn.get(&(*keys.get(id)?, key.clone())));
                let found = band(&curves.map(Vec::as_slice).collect::<Vec<_>>());
                if !found.is_empty() {
                    bands.push(to_band(group.name.clone(), key.clone(), &found));
                }
            }
        }
        Ok(bands)
    }

    /// The keys of runs, in their order.
    pub(super) async fn run_keys(
        &self,
        workspace: WorkspaceId,
        ids: &[String],
    ) -> Result<Vec<RunKey>, TrackingError> {
        let parsed = ids.iter().map(|id| convert::run_id(id));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        self.store.run_keys(workspace, &parsed).await
    }
}

fn check_count(field: &str, count: usize, limit: usize) -> Result<(), InvalidRequest> {
    if count == 0 || count > limit {
        let what = format!("has {count} entries; name 1 to {limit}");
        return Err(InvalidRequest::field(field, what));
    }
    Ok(())
}

fn buckets(asked: u32) -> Result<usize, InvalidRequest> {
    match asked {
        0 => Ok(DEFAULT_BUCKETS as usize),
        1..=MAX_BUCKETS => Ok(asked as usize),
        _ => {
            let what = format!("is {asked}; at most {MAX_BUCKETS} are given");
            Err(InvalidRequest::field("buckets", what))
        }
    }
}

fn x_axis(axis: proto::CurveAxis) -> Option<XAxis> {
    match axis {
        proto::CurveAxis::Unspecified | proto::CurveAxis::Step => Some(XAxis::Step),
        proto::CurveAxis::RelativeTime => Some(XAxis::RelativeTime),
        proto::CurveAxis::WallTime => Some(XAxis::WallTime),
        proto::CurveAxis::Metric => None,
    }
}

fn names(runs: &[RunKey], ids: &[String]) -> HashMap<RunKey, String> {
    runs.iter().copied().zip(ids.iter().cloned()).collect()
}

/// A curve without its x.
fn curve<X>(run_id: String, key: String, buckets: &[Bucket<X>]) -> proto::Curve {
    let column = |of: fn(&Bucket<X>) -> f64| buckets.iter().map(of).collect();
    proto::Curve {
        run_id,
        key,
        first: column(|bucket| bucket.first),
        min: column(|bucket| bucket.min),
        max: column(|bucket| bucket.max),
        last: column(|bucket| bucket.last),
        sum: column(|bucket| bucket.sum),
        count: buckets.iter().map(|bucket| bucket.count).collect(),
        nonfinite: buckets.iter().map(|bucket| bucket.nonfinite).collect(),
        ..Default::default()
    }
}

fn to_band(group: String, key: String, buckets: &[BandBucket]) -> proto::Band {
    let column = |of: fn(&BandBucket) -> f64| buckets.iter().map(of).collect();
    proto::Band {
        group,
        key,
        first_x: buckets.iter().map(|bucket| bucket.first_x).collect(),
        last_x: buckets.iter().map(|bucket| bucket.last_x).collect(),
        mean: column(|bucket| bucket.mean),
        deviation: column(|bucket| bucket.deviation),
        min: column(|bucket| bucket.min),
        max: column(|bucket| bucket.max),
        runs: buckets.iter().map(|bucket| bucket.runs).collect(),
    }
}
