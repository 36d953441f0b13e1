//! Experiments, runs, points and logged models.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use herdbook_proto::tracking::v1::{
    CreateExperimentRequest, CreateLoggedModelRequest, CreateRunRequest, DeleteExperimentRequest,
    DeleteLoggedModelRequest, DeleteRunRequest, Experiment, GetExperimentRequest,
    GetLoggedModelRequest, GetRunRequest, LinkRunModelsRequest, ListRunModelsRequest,
    LogBatchRequest, LogLoggedModelRequest, LogModelMetricsRequest, LoggedModel, LoggedModelMetric,
    Metric, ReadMetricsRequest, ReadMetricsResponse, Run, RunModels, StreamPosition,
    UpdateExperimentRequest, UpdateLoggedModelRequest, UpdateRunRequest,
    get_experiment_request::Experiment as Which,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Destination, call, mask};

/// The stream of a run by which points are imported.
const STREAM: &str = "mlflow-import";

impl Destination {
    pub(crate) async fn create_experiment(
        &self,
        request: CreateExperimentRequest,
    ) -> Result<Experiment, Status> {
        let created = call!(self.experiments, create_experiment, request).await;
        Ok(created?.experiment.unwrap_or_default())
    }

    /// The experiment with an id, deleted or not.
    pub(crate) async fn experiment(&self, id: i64) -> Result<Option<Experiment>, Status> {
        let request = GetExperimentRequest {
            experiment: Some(Which::Id(id)),
        };
        let found = call!(self.experiments, get_experiment, request).await;
        Ok(found_or_none(found)?.and_then(|found| found.experiment))
    }

    /// Sets tags of an experiment, and leaves the others.
    pub(crate) async fn tag_experiment(
        &self,
        id: i64,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Status> {
        let paths: Vec<String> = tags.keys().map(|key| format!("tags.{key}")).collect();
        let request = UpdateExperimentRequest {
            experiment: Some(Experiment {
                id,
                tags,
                ..Default::default()
            }),
            update_mask: mask(&paths.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        call!(self.experiments, update_experiment, request).await?;
        Ok(())
    }

    pub(crate) async fn delete_experiment(&self, id: i64) -> Result<(), Status> {
        let request = DeleteExperimentRequest { id };
        call!(self.experiments, delete_experiment, request).await?;
        Ok(())
    }

    pub(crate) async fn create_run(&self, request: CreateRunRequest) -> Result<Run, Status> {
        let created = call!(self.runs, create_run, request).await;
        Ok(created?.run.unwrap_or_default())
    }

    /// The run with an id, deleted or not.
    pub(crate) async fn run(&self, id: &str) -> Result<Option<Run>, Status> {
        let request = GetRunRequest {
            run_id: id.to_owned(),
        };
        let found = call!(self.runs, get_run, request).await;
        Ok(found_or_none(found)?.and_then(|found| found.run))
    }

    /// Sets the status and the end of a run.
    pub(crate) async fn end_run(&self, run: Run) -> Result<(), Status> {
        let request = UpdateRunRequest {
            run: Some(run),
            update_mask: mask(&["status", "ended_at"]),
        };
        call!(self.runs, update_run, request).await?;
        Ok(())
    }

    /// Logs params, tags and inputs.
    pub(crate) async fn log(&self, request: LogBatchRequest) -> Result<(), Status> {
        call!(self.runs, log_batch, request).await?;
        Ok(())
    }

    /// Logs points at a place in the run's imported points.
    pub(crate) async fn log_points(
        &self,
        run: &str,
        offset: u64,
        metrics: Vec<Metric>,
    ) -> Result<(), Status> {
        self.log(LogBatchRequest {
            run_id: run.to_owned(),
            metrics,
            position: Some(StreamPosition {
                stream: STREAM.to_owned(),
                offset,
            }),
            ..Default::default()
        })
        .await
    }

    /// How many points of a run were imported.
    pub(crate) async fn imported_points(&self, run: &str) -> Result<u64, Status> {
        // What nobody can have reached is refused with the number that is expected.
        match self.log_points(run, u64::MAX, Vec::new()).await {
            Ok(()) => Ok(u64::MAX),
            Err(status) => {
                let info = status.get_details_error_info();
                let expected = info.and_then(|info| info.metadata.get("expected")?.parse().ok());
                expected.ok_or(status)
            }
        }
    }

    /// The points of a run: of one metric, or of all if no key is given.
    pub(crate) async fn points(
        &self,
        run: &str,
        key: Option<&str>,
    ) -> Result<BoxStream<'static, Result<ReadMetricsResponse, Status>>, Status> {
        let request = ReadMetricsRequest {
            run_id: run.to_owned(),
            keys: key.map(str::to_owned).into_iter().collect(),
            ..Default::default()
        };
        let points = call!(self.metrics, read_metrics, request).await?;
        Ok(points.into_stream().boxed())
    }

    pub(crate) async fn delete_run(&self, id: &str) -> Result<(), Status> {
        let request = DeleteRunRequest {
            run_id: id.to_owned(),
        };
        call!(self.runs, delete_run, request).await?;
        Ok(())
    }

    pub(crate) async fn create_logged_model(
        &self,
        request: CreateLoggedModelRequest,
    ) -> Result<LoggedModel, Status> {
        let created = call!(self.logged_models, create_logged_model, request);
        Ok(created.await?.model.unwrap_or_default())
    }

    /// The logged model with an id, deleted or not.
    pub(crate) async fn logged_model(&self, id: &str) -> Result<Option<LoggedModel>, Status> {
        let request = GetLoggedModelRequest {
            model_id: id.to_owned(),
        };
        let found = call!(self.logged_models, get_logged_model, request).await;
        Ok(found_or_none(found)?.and_then(|found| found.model))
    }

    /// Adds params and tags to a logged model.
    pub(crate) async fn log_logged_model(
        &self,
        request: LogLoggedModelRequest,
    ) -> Result<(), Status> {
        call!(self.logged_models, log_logged_model, request).await?;
        Ok(())
    }

    /// Notes measurements that a run made.
    pub(crate) async fn measure(
        &self,
        run: &str,
        metrics: Vec<LoggedModelMetric>,
    ) -> Result<(), Status> {
        let request = LogModelMetricsRequest {
            run_id: run.to_owned(),
            metrics,
        };
        call!(self.logged_models, log_model_metrics, request).await?;
        Ok(())
    }

    /// Sets the status of a logged model.
    pub(crate) async fn finish_logged_model(&self, model: LoggedModel) -> Result<(), Status> {
        let request = UpdateLoggedModelRequest {
            model: Some(model),
            update_mask: mask(&["status", "status_message"]),
        };
        call!(self.logged_models, update_logged_model, request).await?;
        Ok(())
    }

    pub(crate) async fn link(&self, request: LinkRunModelsRequest) -> Result<(), Status> {
        call!(self.logged_models, link_run_models, request).await?;
        Ok(())
    }

    /// Which models a run used and made.
    pub(crate) async fn links(&self, run: &str) -> Result<RunModels, Status> {
        let request = ListRunModelsRequest {
            run_ids: vec![run.to_owned()],
        };
        let found = call!(self.logged_models, list_run_models, request).await?;
        Ok(found.runs.into_iter().next().unwrap_or_default())
    }

    pub(crate) async fn delete_logged_model(&self, id: &str) -> Result<(), Status> {
        let request = DeleteLoggedModelRequest {
            model_id: id.to_owned(),
        };
        call!(self.logged_models, delete_logged_model, request).await?;
        Ok(())
    }
}

/// An answer, or none where there is no such thing.
pub(super) fn found_or_none<T>(answer: Result<T, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}
