//! SearchLoggedModels.

use herdbook_core::{PageToken, WorkspaceId};
use herdbook_proto::{InvalidRequest, Violations, fields, tracking::v1 as proto};

use super::logged_models::LoggedModelApi;
use crate::{
    TrackingError,
    convert::{self, logged_model as read},
    search::{ModelField, parse_filter, parse_order},
    store::logged_models::search::{ModelCursor, ModelOrder, ModelSearch},
};

/// Orders of one search.
const ORDERS: usize = 3;
/// Experiments of one search.
const EXPERIMENTS: usize = 1_000;
/// Data sets of one search.
const DATASETS: usize = 100;

impl LoggedModelApi {
    pub(super) async fn search(
        &self,
        workspace: WorkspaceId,
        request: proto::SearchLoggedModelsRequest,
    ) -> Result<proto::SearchLoggedModelsResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!(
            "logged models {:?} {:?} {:?} {:?} {}",
            request.experiment_ids,
            request.filter,
            request.datasets,
            request.order_by,
            request.view
        );
        for (field, count, limit) in [
            ("experiment_ids", request.experiment_ids.len(), EXPERIMENTS),
            ("order_by", request.order_by.len(), ORDERS),
            ("datasets", request.datasets.len(), DATASETS),
        ] {
            if count > limit {
                let what = format!("has {count} entries; at most {limit} are taken");
                return Err(InvalidRequest::field(field, what).into());
            }
        }
        let experiments = request.experiment_ids.iter();
        let experiments = experiments.map(|id| convert::experiment_id("experiment_ids", *id));
        let filter = parse_filter(&request.filter).map_err(|error| TrackingError::Query {
            field: "filter".to_owned(),
            error,
        })?;
        let mut violations = Violations::default();
        let datasets = request.datasets.into_iter().enumerate();
        let datasets = datasets
            .map(|(index, dataset)| {
                read::dataset(&format!("datasets[{index}]"), dataset, &mut violations)
            })
            .collect();
        let orders = request.order_by.into_iter().enumerate();
        let orders = orders
            .map(|(index, given)| order(index, given, &mut violations))
            .collect::<Result<_, _>>()?;
        violations.finish()?;
        let search = ModelSearch {
            experiments: experiments.collect::<Result<_, _>>()?,
            filter,
            datasets,
            orders,
            deleted: convert::view(request.view),
            after: PageToken::<ModelCursor>::decode(&request.page_token, &query)?,
            limit: size + 1,
        };
        let mut found = self.store.search_logged_models(workspace, &search).await?;
        let next_page_token =
            PageToken::cut(&mut found, size, &query, |(_, cursor)| cursor.clone());
        Ok(proto::SearchLoggedModelsResponse {
            models: found.into_iter().map(|(model, _)| model.into()).collect(),
            next_page_token,
        })
    }
}

fn order(
    index: usize,
    given: proto::LoggedModelOrder,
    violations: &mut Violations,
) -> Result<ModelOrder, TrackingError> {
    let field = format!("order_by[{index}]");
    let parsed: herdbook_filter::Order<ModelField> =
        parse_order(&given.by).map_err(|error| TrackingError::Query {
            field: format!("{field}.by"),
            error,
        })?;
    let dataset = given
        .dataset
        .map(|dataset| read::dataset(&format!("{field}.dataset"), dataset, violations));
    let measured = matches!(parsed.field, ModelField::Metric(_));
    if dataset.is_some() && !measured {
        violations.add(
            format!("{field}.dataset"),
            "narrows metrics alone; leave it out",
        );
    }
    Ok(ModelOrder {
        field: parsed.field,
        descending: parsed.descending,
        dataset,
    })
}
