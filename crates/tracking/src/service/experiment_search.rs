//! SearchExperiments.

use herdbook_core::{PageToken, WorkspaceId};
use herdbook_filter::{ParseError, parse_filter, parse_order};
use herdbook_proto::{InvalidRequest, fields, tracking::v1 as proto};

use super::experiments::ExperimentApi;
use crate::{
    TrackingError, convert,
    store::{
        experiment_search::{ExperimentSearch, Key, orders},
        experiments::Experiment,
    },
};

/// Orders of one search.
const ORDERS: usize = 4;

impl ExperimentApi {
    pub(super) async fn search(
        &self,
        workspace: WorkspaceId,
        request: proto::SearchExperimentsRequest,
    ) -> Result<proto::SearchExperimentsResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!(
            "experiments {:?} {:?} {}",
            request.filter, request.order_by, request.view
        );
        if request.order_by.len() > ORDERS {
            let count = request.order_by.len();
            let what = format!("has {count} entries; at most {ORDERS} are taken");
            return Err(InvalidRequest::field("order_by", what).into());
        }
        let unread = |field: String| move |error: ParseError| TrackingError::Query { field, error };
        let asked = request.order_by.iter().enumerate();
        let asked: Vec<_> = asked
            .map(|(index, text)| parse_order(text).map_err(unread(format!("order_by[{index}]"))))
            .collect::<Result<_, _>>()?;
        let by_attributes = || InvalidRequest::field("order_by", "takes attributes, not tags");
        let search = ExperimentSearch {
            filter: parse_filter(&request.filter).map_err(unread("filter".to_owned()))?,
            deleted: convert::view(request.view),
            orders: orders(&asked).ok_or_else(by_attributes)?,
            after: PageToken::<Vec<Key>>::decode(&request.page_token, &query)?,
            limit: size + 1,
        };
        let mut found = self.store.search_experiments(workspace, &search).await?;
        let keys = |last: &Experiment| -> Vec<Key> {
            let orders = search.orders.iter();
            orders.map(|by| last.key(by.attribute)).collect()
        };
        let next_page_token = PageToken::cut(&mut found, size, &query, keys);
        Ok(proto::SearchExperimentsResponse {
            experiments: found.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }
}
