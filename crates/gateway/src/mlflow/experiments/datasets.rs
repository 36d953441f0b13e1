//! The data sets that the runs of experiments read, as MLflow's pages offer them.

use std::collections::BTreeSet;

use axum::response::Response;
use herdbook_core::limits::MAX_PAGE_SIZE;
use herdbook_proto::{
    common::v1::View,
    tracking::v1::{Run, SearchRunsRequest},
};
use serde::{Deserialize, Serialize};

use super::number;
use crate::mlflow::{
    call::Call,
    error::{Answer, Error},
    wire,
};

/// Experiments of one question.
const EXPERIMENTS: usize = 20;
/// Data sets of an answer.
const LIMIT: usize = 1_000;
/// Pages of runs that are looked at, the newest first, so that an answer does not take minutes.
const PAGES: usize = 20;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Search {
    #[serde(deserialize_with = "wire::texts")]
    experiment_ids: Vec<String>,
}

#[derive(Serialize)]
struct Found {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    dataset_summaries: BTreeSet<Summary>,
}

/// A data set, and what it was read for.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Summary {
    experiment_id: String,
    name: String,
    digest: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    context: String,
}

/// `experiments/search-datasets`.
pub(super) async fn search(call: Call) -> Answer<Response> {
    let ids = call.read::<Search>()?.experiment_ids;
    match ids.len() {
        0 => {
            return Err(Error::invalid(
                "SearchDatasets request must specify at least one experiment_id.",
            ));
        }
        count if count > EXPERIMENTS => {
            return Err(Error::invalid(format!(
                "SearchDatasets request cannot specify more than {EXPERIMENTS} experiment_ids. Received {count} \
                 experiment_ids."
            )));
        }
        _ => {}
    }
    let mut request = SearchRunsRequest {
        experiment_ids: ids.iter().map(|id| number(id)).collect::<Answer<_>>()?,
        filter: "inputs.name IS NOT NULL".to_owned(),
        page_size: MAX_PAGE_SIZE,
        view: View::All.into(),
        columns: ["attributes.experiment_id", "inputs.name"]
            .map(str::to_owned)
            .into(),
        ..Default::default()
    };
    let mut dataset_summaries = BTreeSet::new();
    for _ in 0..PAGES {
        let page = call.runs().search_runs(request.clone()).await?.into_inner();
        dataset_summaries.extend(page.runs.into_iter().flat_map(summaries));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || dataset_summaries.len() >= LIMIT {
            break;
        }
    }
    while dataset_summaries.len() > LIMIT {
        dataset_summaries.pop_last();
    }
    wire::json(&Found { dataset_summaries })
}

fn summaries(run: Run) -> impl Iterator<Item = Summary> {
    let experiment_id = run.experiment_id.to_string();
    run.inputs.into_iter().filter_map(move |input| {
        let dataset = input.dataset?;
        Some(Summary {
            experiment_id: experiment_id.clone(),
            name: dataset.name,
            digest: dataset.digest,
            context: input.context,
        })
    })
}
