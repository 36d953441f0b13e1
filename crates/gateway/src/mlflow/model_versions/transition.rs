//! Moves between stages, by the rules of the model's policy: what they refuse reaches MLflow's client in words.

use axum::response::Response;
use herdbook_proto::registry::v1::{
    Decision, Outcome, TransitionVersionRequest, transition_service_client::TransitionServiceClient,
};
use serde::Deserialize;

use super::{about, get_version, whole};
use crate::mlflow::{
    call::Call,
    error::{Answer, Error, ErrorCode},
    registered_models::{check_stage, model_name, version},
    wire,
};

/// Where others go that make way, in MLflow's words and in the default policy.
const ARCHIVED: &str = "Archived";
/// Stages that others may be archived from, in MLflow.
const ACTIVE: [&str; 2] = ["Staging", "Production"];
/// How often a move is decided anew that others were faster than: MLflow's clients do not do it themselves.
const ATTEMPTS: usize = 32;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    name: Option<String>,
    version: Option<String>,
    stage: Option<String>,
    #[serde(deserialize_with = "wire::flag")]
    archive_existing_versions: Option<bool>,
}

pub(super) async fn transition(call: Call) -> Answer<Response> {
    let fields: Fields = call.read()?;
    let name = model_name("name", fields.name)?;
    let number = version(fields.version)?;
    let stage = wire::required_text("stage", fields.stage)?;
    let archive = fields.archive_existing_versions.unwrap_or_default();
    if archive
        && !ACTIVE
            .iter()
            .any(|active| active.eq_ignore_ascii_case(&stage))
    {
        return Err(Error::invalid(format!(
            "Model version transition cannot archive existing model versions because '{stage}' is not an Active \
             stage. Valid stages are {ACTIVE:?}"
        )));
    }
    let version = get_version(&call, &name, number).await?;
    if version.stage.eq_ignore_ascii_case(&stage) {
        // Asked for again, as clients do that lost the answer.
        return whole(version);
    }
    let request = TransitionVersionRequest {
        model: name.clone(),
        version: number,
        to: stage.clone(),
        displace_to: if archive {
            ARCHIVED.to_owned()
        } else {
            String::new()
        },
        ..Default::default()
    };
    let decision = match decide(&call, request).await {
        Ok(decision) => decision,
        Err(error) if error.is_for("STAGE_NOT_FOUND") => {
            check_stage(&call, &name, &stage).await?;
            return Err(error);
        }
        Err(error) => return Err(about(&name, number, error)),
    };
    if decision.outcome() == Outcome::Pending {
        return Err(pending(&decision));
    }
    whole(get_version(&call, &name, number).await?)
}

/// Decides a move, again as long as others are faster.
async fn decide(call: &Call, request: TransitionVersionRequest) -> Answer<Decision> {
    let mut client = TransitionServiceClient::new(call.registry());
    let mut attempt = 1;
    loop {
        match client.transition_version(request.clone()).await {
            Ok(decided) => return Ok(decided.into_inner().decision.unwrap_or_default()),
            Err(status) if status.code() == tonic::Code::Aborted && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(status) => return Err(status.into()),
        }
    }
}

/// Says that the move waits for others, who they are, and what they do.
fn pending(decision: &Decision) -> Error {
    let missing = decision.verdicts.iter().filter(|verdict| !verdict.passed);
    let missing: Vec<String> = missing
        .map(|verdict| {
            format!(
                "rule {:?} asks for {}, but {}",
                verdict.rule, verdict.requirement, verdict.evidence
            )
        })
        .collect();
    Error::new(
        ErrorCode::PermissionDenied,
        format!(
            "{}/{} has not moved to {} yet: {}. Request {id} is open for it; once an approver has run `herdbook \
             models approve {id}` it moves by itself.",
            decision.model,
            decision.version,
            decision.to,
            missing.join("; "),
            id = decision.request,
        ),
    )
}
