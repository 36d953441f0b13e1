//! `runs/search`: pages of whole runs, made of pages of the service.

use std::collections::HashMap;

use axum::response::Response;
use herdbook_core::limits::MAX_PAGE_SIZE;
use herdbook_proto::tracking::v1::{Run, RunModels, SearchRunsRequest, SearchRunsResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tonic::Code;

use super::{max_results, run_filter, view};
use crate::mlflow::{
    call::Call,
    endpoint::Endpoint,
    error::{Answer, Error},
    runs::shown::{Whole, with_tags},
    wire,
};

/// Runs of a page.
const DEFAULT: usize = 1_000;
const LIMIT: usize = 50_000;

pub(in crate::mlflow) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::post("runs/search", search)]
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Search {
    #[serde(deserialize_with = "wire::texts")]
    experiment_ids: Vec<String>,
    filter: Option<String>,
    run_view_type: Option<Value>,
    #[serde(deserialize_with = "wire::int")]
    max_results: Option<i64>,
    #[serde(deserialize_with = "wire::texts")]
    order_by: Vec<String>,
    page_token: Option<String>,
}

#[derive(Serialize)]
struct Page<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Whole<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    next_page_token: &'a str,
}

async fn search(call: Call) -> Answer<Response> {
    let fields: Search = call.read()?;
    let wanted = max_results(fields.max_results, DEFAULT, LIMIT)?;
    let experiment_ids = fields.experiment_ids.iter().map(|id| {
        id.parse::<i64>().map_err(|_| {
            Error::invalid(format!(
                "Invalid experiment ID '{id}'. Experiment ID must be a valid integer."
            ))
        })
    });
    let request = SearchRunsRequest {
        experiment_ids: experiment_ids.collect::<Answer<_>>()?,
        filter: run_filter::filter(fields.filter.as_deref().unwrap_or_default())?,
        order_by: run_filter::orders(&fields.order_by)?,
        page_token: fields.page_token.unwrap_or_default(),
        view: view(fields.run_view_type.as_ref())?.into(),
        with_models: true,
        ..Default::default()
    };
    // No experiment is no experiment there, and all of them here.
    let found = match request.experiment_ids.is_empty() {
        true => SearchRunsResponse::default(),
        false => find(&call, request, wanted).await?,
    };
    let models = found.models.iter().map(|of| (of.run_id.as_str(), of));
    let models: HashMap<&str, &RunModels> = models.collect();
    let none = RunModels::default();
    let of = |run: &Run| models.get(run.id.as_str()).copied().unwrap_or(&none);
    let shown = found.runs.iter().map(|run| Whole::of(run, Some(of(run))));
    wire::json(&Page {
        runs: shown.collect(),
        next_page_token: &found.next_page_token,
    })
}

/// The first `wanted` runs of a search, and the token of those behind them.
async fn find(
    call: &Call,
    mut request: SearchRunsRequest,
    wanted: usize,
) -> Answer<SearchRunsResponse> {
    let mut all = SearchRunsResponse::default();
    let mut most = MAX_PAGE_SIZE;
    loop {
        let left = u32::try_from(wanted - all.runs.len()).unwrap_or(most);
        request.page_size = left.min(most);
        let page = match call.runs().search_runs(request.clone()).await {
            Ok(page) => page.into_inner(),
            // Runs of so many metrics that a page of them is too large for a message.
            Err(status) if status.code() == Code::OutOfRange && most > 1 => {
                most = (request.page_size / 2).max(1);
                continue;
            }
            Err(status) => return Err(status.into()),
        };
        all.runs.extend(page.runs.into_iter().map(with_tags));
        all.models.extend(page.models);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() || all.runs.len() >= wanted {
            return Ok(all);
        }
        request.page_token.clone_from(&all.next_page_token);
    }
}
