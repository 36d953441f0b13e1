//! `logged-models/search`.

use axum::response::Response;
use herdbook_core::limits::MAX_PAGE_SIZE;
use herdbook_proto::tracking::v1::{LoggedModelOrder, MeasuredDataset, SearchLoggedModelsRequest};
use serde::Deserialize;

use super::{
    filter,
    shown::{Many, Shown},
};
use crate::mlflow::{
    call::Call,
    error::{Answer, Error},
    wire,
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Search {
    experiment_ids: Option<Vec<String>>,
    filter: Option<String>,
    datasets: Option<Vec<Dataset>>,
    #[serde(deserialize_with = "wire::int")]
    max_results: Option<i64>,
    order_by: Option<Vec<OrderBy>>,
    page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Dataset {
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OrderBy {
    field_name: Option<String>,
    #[serde(deserialize_with = "wire::flag")]
    ascending: Option<bool>,
    dataset_name: Option<String>,
    dataset_digest: Option<String>,
}

pub(super) async fn search(call: Call) -> Answer<Response> {
    let fields: Search = call.read()?;
    let experiments = fields.experiment_ids.filter(|ids| !ids.is_empty());
    let experiments = wire::required("experiment_ids", experiments)?;
    // An experiment that cannot be has no models.
    let experiments = experiments.iter().filter_map(|id| id.parse::<i64>().ok());
    let experiment_ids: Vec<i64> = experiments.filter(|id| *id >= 0).collect();
    if experiment_ids.is_empty() {
        return wire::empty();
    }
    let datasets = fields.datasets.unwrap_or_default().into_iter();
    let datasets = datasets.map(|dataset| {
        named(dataset.dataset_name, dataset.dataset_digest).ok_or_else(|| {
            Error::invalid("`dataset_name` in the `datasets` clause must be specified.")
        })
    });
    let orders = fields.order_by.unwrap_or_default().into_iter();
    let page_size = match fields.max_results.unwrap_or_default() {
        size if size < 0 => {
            let what = format!("Invalid value {size} for parameter 'max_results' supplied.");
            return Err(Error::invalid(what));
        }
        size => u32::try_from(size)
            .unwrap_or(MAX_PAGE_SIZE)
            .min(MAX_PAGE_SIZE),
    };
    let request = SearchLoggedModelsRequest {
        experiment_ids,
        filter: filter::translate(&fields.filter.unwrap_or_default())?,
        datasets: datasets.collect::<Answer<_>>()?,
        order_by: orders.map(order).collect::<Answer<_>>()?,
        page_size,
        page_token: fields.page_token.unwrap_or_default(),
        ..Default::default()
    };
    let found = call.logged_models().search_logged_models(request).await?;
    let found = found.into_inner();
    wire::json(&Many {
        models: found.models.into_iter().map(Shown::from).collect(),
        next_page_token: found.next_page_token,
    })
}

fn named(name: Option<String>, digest: Option<String>) -> Option<MeasuredDataset> {
    let name = name.filter(|name| !name.is_empty())?;
    let digest = digest.unwrap_or_default();
    Some(MeasuredDataset { name, digest })
}

fn order(given: OrderBy) -> Answer<LoggedModelOrder> {
    let name = given.field_name.unwrap_or_default();
    let way = match given.ascending {
        Some(false) => "desc",
        _ => "asc",
    };
    let field = match name.split_once('.') {
        Some(("metrics", key)) => filter::quoted("metrics", key)?,
        Some(_) => {
            return Err(Error::invalid(format!(
                "Invalid order by field name: {name}. Only metrics are supported."
            )));
        }
        None => filter::attribute(&name)
            .ok_or_else(|| Error::invalid(format!("Invalid order by field name: {name}")))?
            .to_owned(),
    };
    Ok(LoggedModelOrder {
        by: format!("{field} {way}"),
        dataset: match name.contains('.') {
            true => named(given.dataset_name, given.dataset_digest),
            false => None,
        },
    })
}
