//! Records as the server writes them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    record::{Input, LoggedModel, Measurement, Point, Run, model_status, run_status},
    source::json::{double, integer, list, pairs, text},
};

pub(super) fn point(found: &Value) -> Point {
    Point {
        step: integer(found, "step").unwrap_or_default(),
        time: integer(found, "timestamp").unwrap_or_default(),
        value: double(found, "value"),
    }
}

pub(super) fn run(found: &Value) -> Run {
    let (info, data) = (&found["info"], &found["data"]);
    let tags = pairs(data, "tags");
    let id = Some(text(info, "run_id")).filter(|id| !id.is_empty());
    let name = Some(text(info, "run_name")).filter(|name| !name.is_empty());
    let latest: BTreeMap<String, Point> = list(data, "metrics")
        .iter()
        .map(|metric| (text(metric, "key"), point(metric)))
        .collect();
    let input = |input: &Value| {
        let dataset = &input["dataset"];
        Input {
            name: text(dataset, "name"),
            digest: text(dataset, "digest"),
            source_type: text(dataset, "source_type"),
            source: text(dataset, "source"),
            schema: text(dataset, "schema"),
            profile: text(dataset, "profile"),
            tags: pairs(input, "tags"),
        }
    };
    let made = |made: &Value| {
        (
            text(made, "model_id"),
            integer(made, "step").unwrap_or_default(),
        )
    };
    Run {
        id: id.unwrap_or_else(|| text(info, "run_uuid")),
        experiment: text(info, "experiment_id"),
        name: name
            .or_else(|| tags.get("mlflow.runName").cloned())
            .unwrap_or_default(),
        user: text(info, "user_id"),
        status: run_status(&text(info, "status")),
        started: integer(info, "start_time"),
        ended: integer(info, "end_time").filter(|ended| *ended != 0),
        deleted: text(info, "lifecycle_stage") == "deleted",
        artifacts: text(info, "artifact_uri"),
        params: pairs(data, "params"),
        tags,
        latest: Some(latest),
        inputs: list(&found["inputs"], "dataset_inputs")
            .iter()
            .map(input)
            .collect(),
        used: list(&found["inputs"], "model_inputs")
            .iter()
            .map(|used| text(used, "model_id"))
            .collect(),
        made: list(&found["outputs"], "model_outputs")
            .iter()
            .map(made)
            .collect(),
    }
}

pub(super) fn logged_model(found: &Value) -> LoggedModel {
    let (info, data) = (&found["info"], &found["data"]);
    let measurement = |metric: &Value| {
        let dataset = (text(metric, "dataset_name"), text(metric, "dataset_digest"));
        Measurement {
            run: text(metric, "run_id"),
            key: text(metric, "key"),
            point: point(metric),
            dataset: Some(dataset).filter(|(name, _)| !name.is_empty()),
        }
    };
    LoggedModel {
        id: text(info, "model_id"),
        experiment: text(info, "experiment_id"),
        name: text(info, "name"),
        kind: text(info, "model_type"),
        run: text(info, "source_run_id"),
        status: model_status(&text(info, "status")),
        status_message: text(info, "status_message"),
        created: integer(info, "creation_timestamp_ms"),
        deleted: false,
        artifacts: text(info, "artifact_uri"),
        params: pairs(data, "params"),
        tags: pairs(info, "tags"),
        measurements: list(data, "metrics").iter().map(measurement).collect(),
    }
}
