//! How runs and logged models belong together: for the endpoints of runs.

use axum::response::Response;
use herdbook_proto::tracking::v1::{
    LinkRunModelsRequest, ListRunModelsRequest, LogModelMetricsRequest, LoggedModelMetric,
    ModelOutput, RunModels,
};
use serde::Deserialize;

use crate::mlflow::{call::Call, error::Answer, wire};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outputs {
    run_id: Option<String>,
    models: Option<Vec<Output>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Output {
    model_id: String,
    #[serde(deserialize_with = "wire::int")]
    step: Option<i64>,
}

/// `runs/outputs`.
pub(super) async fn outputs(call: Call) -> Answer<Response> {
    let fields: Outputs = call.read()?;
    let run_id = wire::required_text("run_id", fields.run_id)?;
    let models = wire::required("models", fields.models)?;
    let outputs = models.into_iter().map(|output| ModelOutput {
        model_id: output.model_id,
        step: output.step.unwrap_or_default(),
    });
    link(&call, run_id, Vec::new(), outputs.collect()).await?;
    wire::empty()
}

/// Notes which models a run used and made.
pub(in crate::mlflow) async fn link(
    call: &Call,
    run_id: String,
    input_model_ids: Vec<String>,
    outputs: Vec<ModelOutput>,
) -> Answer<()> {
    let request = LinkRunModelsRequest {
        run_id,
        input_model_ids,
        outputs,
    };
    call.logged_models().link_run_models(request).await?;
    Ok(())
}

/// Notes how models did, as a run measured it.
pub(in crate::mlflow) async fn measure(
    call: &Call,
    run_id: String,
    metrics: Vec<LoggedModelMetric>,
) -> Answer<()> {
    let request = LogModelMetricsRequest { run_id, metrics };
    call.logged_models().log_model_metrics(request).await?;
    Ok(())
}

/// Which models a run used and made.
pub(in crate::mlflow) async fn of_run(call: &Call, run_id: String) -> Answer<RunModels> {
    let request = ListRunModelsRequest {
        run_ids: vec![run_id],
    };
    let listed = call.logged_models().list_run_models(request).await?;
    Ok(listed.into_inner().runs.pop().unwrap_or_default())
}
