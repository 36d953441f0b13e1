//! The routes: one event, or a batch with a result for each.

use axum::{
    Json, Router,
    extract::{Request, State},
    routing::post,
};
use futures::{StreamExt as _, stream};
use herdbook_core::limits::MESSAGE_BYTES;
use herdbook_proto::{
    InvalidRequest,
    lineage::v1::{RecordRequest, lineage_service_client::LineageServiceClient},
};
use herdbook_rpc::{Caller, PeerChannel};
use http::StatusCode;
use prost::Message as _;
use serde_json::{Value, json, value::RawValue};
use tonic::Status;

use super::{
    event,
    mapping::{Cut, record},
    symlinks,
};
use crate::door::{Answer, Refusal, json as json_body};

/// Bytes of an event: what a record of the lineage service has room for.
const EVENT_BYTES: usize = 15 << 20;
/// Bytes of a batch.
const BATCH_BYTES: usize = 64 << 20;
/// Nodes, edges and facets of a record, each, and links between columns.
const THINGS: usize = 10_000;
const LINKS: usize = 100_000;
/// Events of a batch that are under way at a time.
const AT_ONCE: usize = 4;

/// The routes that OpenLineage's clients call.
pub(crate) fn routes(lineage: PeerChannel) -> Router {
    Router::new()
        .route("/api/v1/lineage", post(one))
        .route("/api/v1/lineage/batch", post(batch))
        .with_state(lineage)
}

async fn one(State(lineage): State<PeerChannel>, request: Request) -> Answer<StatusCode> {
    let caller = caller(&request)?;
    let body = json_body(request, EVENT_BYTES).await.map_err(Refusal::of)?;
    take(&lineage, &caller, &body).await?;
    Ok(StatusCode::CREATED)
}

/// Takes the events one by one: a wrong one keeps no other out.
async fn batch(State(lineage): State<PeerChannel>, request: Request) -> Answer<Json<Value>> {
    let caller = caller(&request)?;
    let body = json_body(request, BATCH_BYTES).await.map_err(Refusal::of)?;
    let events: Vec<&RawValue> = serde_json::from_slice(&body).map_err(|error| {
        let what = format!("must be a JSON array of events: {error}");
        Refusal::of(InvalidRequest::field("events", what))
    })?;
    let mut under_way = Vec::new();
    for event in events {
        let (lineage, caller) = (lineage.clone(), caller.clone());
        let text = body.slice_ref(event.get().as_bytes());
        under_way.push(async move { take(&lineage, &caller, &text).await });
    }
    let outcomes: Vec<Answer<()>> = stream::iter(under_way).buffered(AT_ONCE).collect().await;
    Ok(Json(summary(&outcomes)))
}

/// What became of each event, and of all.
fn summary(outcomes: &[Answer<()>]) -> Value {
    let failures = || {
        let numbered = outcomes.iter().enumerate();
        numbered.filter_map(|(index, outcome)| Some((index, outcome.as_ref().err()?)))
    };
    let failed = failures().count();
    let retriable = failures().filter(|(_, error)| error.retriable()).count();
    let status = match failed {
        0 => "success",
        _ if failed < outcomes.len() => "partial_success",
        _ => "error",
    };
    let failed_events = failures().map(|(index, refusal)| {
        json!({
            "index": index,
            "reason": refusal.to_json()["message"],
            "retriable": refusal.retriable(),
            "error": refusal.to_json(),
        })
    });
    let results = outcomes.iter().map(|outcome| match outcome {
        Ok(()) => StatusCode::CREATED.as_u16(),
        Err(refusal) => refusal.status().as_u16(),
    });
    json!({
        "status": status,
        "summary": {
            "received": outcomes.len(),
            "successful": outcomes.len() - failed,
            "failed": failed,
            "retriable": retriable,
            "non_retriable": failed - retriable,
        },
        "results": results.collect::<Vec<_>>(),
        "failed_events": failed_events.collect::<Vec<_>>(),
    })
}

fn caller(request: &Request) -> Answer<Caller> {
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| {
            tracing::error!("a door is served without the authentication layer");
            Refusal::by_service(Status::internal("the server is not set up for this call"))
        })
}

/// Keeps an event. Where what it says would close a cycle (data that is read again by what made it), it
/// is kept with that cut; see [`Cut`].
async fn take(lineage: &PeerChannel, caller: &Caller, text: &[u8]) -> Answer<()> {
    if text.len() > EVENT_BYTES {
        let what = format!("has {} bytes; at most {EVENT_BYTES} are taken", text.len());
        return Err(Refusal::of(InvalidRequest::field("event", what)));
    }
    let event = event::read(text).map_err(Refusal::of)?;
    let mut client = LineageServiceClient::new(lineage.on_behalf_of(caller));
    let mut refused = None;
    for cut in [Cut::Nothing, Cut::Reads, Cut::ReadsAndWrites] {
        let record = record(&event, cut).map_err(Refusal::of)?;
        check_size(&record).map_err(Refusal::of)?;
        match client.record(record).await.map_err(Refusal::by_service) {
            Ok(_) => {
                for (alias, node) in symlinks::of(&event).map_err(Refusal::of)? {
                    let named = symlinks::name(&mut client, alias, node).await;
                    named.map_err(Refusal::by_service)?;
                }
                return Ok(());
            }
            Err(refusal) if refusal.is_for("CYCLE") => refused = Some(refusal),
            Err(refusal) => return Err(refusal),
        }
    }
    refused.map_or(Ok(()), Err)
}

fn check_size(record: &RecordRequest) -> Result<(), InvalidRequest> {
    let links = record.column_links.iter().map(|links| links.links.len());
    for (what, count, limit) in [
        ("nodes", record.nodes.len(), THINGS),
        ("edges", record.edges.len(), THINGS),
        ("facets", record.facets.len(), THINGS),
        ("links between columns", links.sum(), LINKS),
        ("bytes of lineage", record.encoded_len(), MESSAGE_BYTES),
    ] {
        if count > limit {
            let what = format!("says {count} {what}; at most {limit} are taken at a time");
            return Err(InvalidRequest::field("event", what));
        }
    }
    Ok(())
}
