//! What a source holds, as all kinds of sources give it. Times are milliseconds since 1970 UTC.

use std::collections::BTreeMap;

use herdbook_core::RunId;
use herdbook_proto::tracking::v1::{LoggedModelStatus, RunStatus};

/// The tag of a version that keeps the run it came from where that is none a run of Herdbook can be. MLflow's clients
/// are shown it as the run.
pub(crate) const RUN_ID: &str = "mlflow.herdbook.runId";

/// Keys with their values.
pub(crate) type Pairs = BTreeMap<String, String>;

/// A group of runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Experiment {
    /// A number, written as text; a source may hold others.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) deleted: bool,
    pub(crate) created: Option<i64>,
    pub(crate) tags: Pairs,
}

/// A point of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) step: i64,
    pub(crate) time: i64,
    pub(crate) value: f64,
}

/// By which two values of points are the same. Any NaN is as good as another, and a zero as one with a sign:
/// generated Rust code leaves out a field that equals zero, and with it the sign.
pub(crate) fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        (value + 0.0).to_bits()
    }
}

/// Some points of one metric, in the order in which they were logged as far as the source knows it. All points of
/// a metric come one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Points {
    pub(crate) key: String,
    pub(crate) points: Vec<Point>,
}

/// Data that a run read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) source_type: String,
    pub(crate) source: String,
    pub(crate) schema: String,
    pub(crate) profile: String,
    /// Its tags, of which [`CONTEXT`] says what for it was read.
    pub(crate) tags: Pairs,
}

/// An execution of training code, without its points.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) experiment: String,
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) status: RunStatus,
    pub(crate) started: Option<i64>,
    pub(crate) ended: Option<i64>,
    pub(crate) deleted: bool,
    /// Where its artifacts are; empty if the source does not say.
    pub(crate) artifacts: String,
    pub(crate) params: Pairs,
    pub(crate) tags: Pairs,
    /// The latest point of each metric, if the source knows them without reading all points.
    pub(crate) latest: Option<BTreeMap<String, Point>>,
    pub(crate) inputs: Vec<Input>,
    /// Logged models that it used.
    pub(crate) used: Vec<String>,
    /// Logged models that it made, each with its step.
    pub(crate) made: Vec<(String, i64)>,
}

/// How a logged model did on data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measurement {
    pub(crate) run: String,
    pub(crate) key: String,
    pub(crate) point: Point,
    /// Name and digest of the data.
    pub(crate) dataset: Option<(String, String)>,
}

/// A model as a run made it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoggedModel {
    pub(crate) id: String,
    pub(crate) experiment: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) run: String,
    pub(crate) status: LoggedModelStatus,
    pub(crate) status_message: String,
    pub(crate) created: Option<i64>,
    pub(crate) deleted: bool,
    pub(crate) artifacts: String,
    pub(crate) params: Pairs,
    pub(crate) tags: Pairs,
    pub(crate) measurements: Vec<Measurement>,
}

/// A registered model with its versions by number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) created: Option<i64>,
    pub(crate) tags: Pairs,
    pub(crate) aliases: BTreeMap<String, i64>,
    pub(crate) versions: BTreeMap<i64, Version>,
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub(crate) description: String,
    pub(crate) created: Option<i64>,
    pub(crate) user: String,
    pub(crate) stage: String,
    /// As it was registered, such as `runs:/<run id>/model`.
    pub(crate) source: String,
    /// Where its files are, where that is another place than the source.
    pub(crate) storage: String,
    pub(crate) run: String,
    pub(crate) tags: Pairs,
}

impl Version {
    /// Its run, if a run of Herdbook can be it; empty otherwise.
    pub(crate) fn run_id(&self) -> &str {
        match self.run.parse::<RunId>() {
            Ok(_) => &self.run,
            Err(_) => "",
        }
    }
}

/// Things of a kind that Herdbook has no place for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) kind: &'static str,
    pub(crate) count: u64,
}

/// The tag of an input that says what for it was read.
pub(crate) const CONTEXT: &str = "mlflow.data.context";
/// The tag that has the notes about a run.
pub(crate) const NOTE: &str = "mlflow.note.content";
/// The tag that names a run's parent.
pub(crate) const PARENT: &str = "mlflow.parentRunId";

/// The status that MLflow calls `text`, in words or by its number.
pub(crate) fn run_status(text: &str) -> RunStatus {
    match text {
        "SCHEDULED" | "2" => RunStatus::Scheduled,
        "FINISHED" | "3" => RunStatus::Finished,
        "FAILED" | "4" => RunStatus::Failed,
        "KILLED" | "5" => RunStatus::Killed,
        _ => RunStatus::Running,
    }
}

/// The status of a logged model that MLflow calls `text`, in words or by its number.
pub(crate) fn model_status(text: &str) -> LoggedModelStatus {
    match text.trim_start_matches("LOGGED_MODEL_") {
        "READY" | "2" => LoggedModelStatus::Ready,
        "FAILED" | "UPLOAD_FAILED" | "3" => LoggedModelStatus::Failed,
        _ => LoggedModelStatus::Pending,
    }
}
