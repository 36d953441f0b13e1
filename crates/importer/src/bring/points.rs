//! Metric points, each exactly once.
//!
//! The points that an import wrote to a run are a stream of which the server knows the length, so that a call that is
//! repeated adds nothing. What an import before this one wrote is read back and taken off, whatever the source has
//! gained since.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt as _;
use herdbook_proto::tracking::v1 as proto;

use super::Import;
use crate::{
    ImportError,
    destination::concerns_the_record,
    ledger::Kind,
    record::{Point, Run, bits},
};

/// Points of a call: one with keys of 250 characters stays well below the largest message.
const BATCH: usize = 20_000;
/// Distinct keys of a call.
const KEYS: usize = 5_000;

/// A point as it is compared: step, time in microseconds, bits of the value.
type Exact = (i64, i64, u64);

/// How often each point of a metric is here.
type Here = HashMap<Exact, u32>;

impl Import<'_> {
    /// Brings the points of a run that are not here; how many there were.
    pub(super) async fn bring_points(
        &self,
        run: &Run,
        here: &proto::Run,
    ) -> Result<u64, ImportError> {
        let known: HashSet<&str> = here
            .metrics
            .iter()
            .map(|metric| metric.key.as_str())
            .collect();
        let mut offset = match known.is_empty() {
            true => 0,
            false => self.to.imported_points(&run.id).await?,
        };
        let before = offset;
        let (mut batch, mut keys) = (Vec::new(), 0);
        let mut metric: Option<(String, Here)> = None;
        let mut points = self.source.points(run);
        while let Some(found) = points.try_next().await? {
            if metric.as_ref().is_none_or(|(key, _)| *key != found.key) {
                keys += 1;
                let here = match known.contains(found.key.as_str()) {
                    true => self.points_here(&run.id, &found.key).await?,
                    false => Here::new(),
                };
                metric = Some((found.key.clone(), here));
            }
            for point in found.points {
                if let Some((_, here)) = &mut metric
                    && take(here, exact(&point))
                {
                    continue;
                }
                batch.push(proto::Metric {
                    key: found.key.clone(),
                    value: point.value,
                    step: point.step,
                    time_us: Some(point.time.saturating_mul(1_000)),
                });
                if batch.len() >= BATCH || keys >= KEYS {
                    keys = 0;
                    if !self.send(run, &mut offset, &mut batch).await? {
                        return Ok(offset - before);
                    }
                }
            }
        }
        self.send(run, &mut offset, &mut batch).await?;
        Ok(offset - before)
    }

    /// Sends a batch; whether it was taken.
    async fn send(
        &self,
        run: &Run,
        offset: &mut u64,
        batch: &mut Vec<proto::Metric>,
    ) -> Result<bool, ImportError> {
        if batch.is_empty() {
            return Ok(true);
        }
        let batch = std::mem::take(batch);
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        match self.to.log_points(&run.id, *offset, batch).await {
            Err(status) if concerns_the_record(&status) => {
                self.ledger.refused("points of runs", &run.id, &status);
                return Ok(false);
            }
            logged => logged?,
        }
        *offset += count;
        self.ledger.brought(Kind::Point, count);
        Ok(true)
    }

    async fn points_here(&self, run: &str, key: &str) -> Result<Here, ImportError> {
        let mut here = Here::new();
        let mut points = self.to.points(run, Some(key)).await?;
        while let Some(found) = points.try_next().await? {
            let columns = found.steps.iter().zip(&found.times_us).zip(&found.values);
            for ((&step, &time), value) in columns {
                *here.entry((step, time, bits(*value))).or_default() += 1;
            }
        }
        Ok(here)
    }
}

fn exact(point: &Point) -> Exact {
    (
        point.step,
        point.time.saturating_mul(1_000),
        bits(point.value),
    )
}

/// Whether the point is here once more, which it is not afterwards.
fn take(here: &mut Here, point: Exact) -> bool {
    match here.get_mut(&point) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_here_as_often_as_it_was_written() {
        let point = |value| Point {
            step: 1,
            time: 2,
            value,
        };
        let mut here = Here::from([(exact(&point(0.5)), 2), (exact(&point(f64::NAN)), 1)]);
        let taken = [0.5, f64::NAN, 0.5, 0.5, f64::NAN, -0.0]
            .map(|value| take(&mut here, exact(&point(value))));
        assert_eq!(taken, [true, true, true, false, false, false]);
    }
}
