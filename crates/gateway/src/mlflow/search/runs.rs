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
    logged_models,
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
        ..Default::default()
    };
    // No experiment is no experiment there, and all of them here.
    let (runs, next_page_token) = match request.experiment_ids.is_empty() {
        true => (Vec::new(), String::new()),
        false => find(&call, request, wanted).await?,
    };
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let models = match ids.is_empty() {
        true => HashMap::new(),
        false => logged_models::of_runs(&call, &ids).await?,
    };
    let none = RunModels::default();
    let of = |run: &Run| models.get(&run.id).unwrap_or(&none);
    let shown = runs.iter().map(|run| Whole::of(run, Some(of(run))));
    wire::json(&Page {
        runs: shown.collect(),
        next_page_token: &next_page_token,
    })
}

/// The first `wanted` runs of a search, and the token of those behind them.
async fn find(
    call: &Call,
    mut request: SearchRunsRequest,
    wanted: usize,
) -> Answer<(Vec<Run>, String)> {
    let mut runs = Vec::new();
    let mut most = MAX_PAGE_SIZE;
    loop {
        let left = u32::try_from(wanted - runs.len()).unwrap_or(most);
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
        let SearchRunsResponse {
            runs: found,
            next_page_token,
        } = page;
        runs.extend(found.into_iter().map(with_tags));
        if next_page_token.is_empty() || runs.len() >= wanted {
            return Ok((runs, next_page_token));
        }
        request.page_token = next_page_token;
    }
}
