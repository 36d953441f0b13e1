//! Points of metrics, as they are sent and as the services take them.

use std::fmt::Display;

use herdbook_proto::tracking::v1::{LoggedModelMetric, MeasuredDataset, Metric};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::mlflow::{
    error::{Answer, Error},
    wire::{self, validate},
};

/// A point of a metric.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Point {
    key: Option<String>,
    #[serde(deserialize_with = "wire::double")]
    value: Option<f64>,
    #[serde(deserialize_with = "wire::int")]
    timestamp: Option<i64>,
    #[serde(deserialize_with = "wire::int")]
    step: Option<i64>,
    model_id: Option<String>,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

/// Points of a run, and of them those that measure a model.
#[derive(Default)]
pub(super) struct Points {
    metrics: Vec<Metric>,
    of_models: Vec<LoggedModelMetric>,
}

/// Reads points, each at a path in the request.
pub(super) fn read<P: Display>(points: Vec<Point>, path: impl Fn(usize) -> P) -> Answer<Points> {
    let mut metrics = Vec::with_capacity(points.len());
    let mut of_models = Vec::new();
    for (index, point) in points.into_iter().enumerate() {
        let path = path(index);
        let key = wire::required(format_args!("{path}key"), point.key)?;
        let value = wire::required(format_args!("{path}value"), point.value)?;
        let timestamp = wire::required(format_args!("{path}timestamp"), point.timestamp)?;
        validate::name(format_args!("{path}name"), "Metric name", &key)?;
        if timestamp < 0 {
            return Err(Error::invalid(format!(
                "Invalid value {timestamp} for parameter '{path}timestamp' supplied: metric '{key}' (value={value}). \
                 Timestamp must be a nonnegative long (64-bit integer) "
            )));
        }
        let time_us = Some(timestamp.saturating_mul(1_000));
        let step = point.step.unwrap_or_default();
        if let Some(model_id) = point.model_id.filter(|id| !id.is_empty()) {
            of_models.push(LoggedModelMetric {
                model_id,
                key: key.clone(),
                value,
                step,
                time_us,
                dataset: point.dataset_name.map(|name| MeasuredDataset {
                    name,
                    digest: point.dataset_digest.unwrap_or_default(),
                }),
                ..Default::default()
            });
        }
        metrics.push(Metric {
            key,
            value,
            step,
            time_us,
        });
    }
    // Of points of one step and time the service has the last as the latest, MLflow the greatest.
    metrics.sort_by(|a, b| {
        let place = |metric: &Metric| (metric.step, metric.time_us, !metric.value.is_nan());
        let places = place(a).cmp(&place(b));
        places.then_with(|| a.value.total_cmp(&b.value))
    });
    Ok(Points { metrics, of_models })
}

impl Points {
    pub(super) fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    /// Of them, those that measure a model, and all as the service takes them.
    pub(super) fn split(self) -> (Vec<LoggedModelMetric>, Vec<Metric>) {
        (self.of_models, self.metrics)
    }

    /// Adds what tells these points from others.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        for metric in &self.metrics {
            hash.update(metric.key.len().to_le_bytes());
            hash.update(metric.key.as_bytes());
            hash.update(metric.value.to_bits().to_le_bytes());
            hash.update(metric.step.to_le_bytes());
            hash.update(metric.time_us.unwrap_or_default().to_le_bytes());
        }
    }
}
