//! What one call logs to a run: all of it in one commit, or nothing.

use herdbook_proto::tracking::v1::LogBatchRequest;
use sha2::{Digest as _, Sha256};

use super::{
    facts::{Facts, set_fields, tell},
    points::Points,
};
use crate::mlflow::{
    call::Call,
    conventions,
    error::{Answer, Error},
    logged_models,
    runs::{tags::Fields, words::of_run},
};

/// Logs points, params and tags, with what they say about where the run came from. A batch with points that comes again
/// is known by its digest, and changes nothing.
pub(super) async fn log(call: &Call, id: &str, points: Points, facts: Facts) -> Answer<()> {
    if points.is_empty() && facts.is_empty() {
        return Ok(());
    }
    let request_id = digest(&points, &facts);
    let (of_models, metrics) = points.split();
    let origins = conventions::read(&facts.params, &facts.tags);
    let tells =
        origins.source.is_some() || !origins.based_on.is_empty() || !origins.inputs.is_empty();
    let fields = Fields::of(&facts.tags);
    let request = LogBatchRequest {
        run_id: id.to_owned(),
        params: facts.params,
        tags: facts.tags,
        metrics,
        inputs: origins.inputs,
        request_id: request_id.unwrap_or_default(),
        position: None,
    };
    let logged = call.runs().log_batch(request).await;
    logged.map_err(|status| match Error::from(status) {
        changed if changed.is_for("PARAM_CHANGED") => changed,
        error => of_run(id, error),
    })?;
    set_fields(call, id, fields).await?;
    if tells {
        tell(call, id).await?;
    }
    match of_models.is_empty() {
        true => Ok(()),
        false => logged_models::measure(call, id.to_owned(), of_models).await,
    }
}

/// By which a batch is known when it comes again. Params and tags alone are the same when they are written twice.
fn digest(points: &Points, facts: &Facts) -> Option<String> {
    if points.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    points.hash(&mut hash);
    if !facts.is_empty() {
        facts.hash(&mut hash);
    }
    // Half of it tells batches of one run apart.
    Some(format!("points-{}", hex::encode(&hash.finalize()[..16])))
}
