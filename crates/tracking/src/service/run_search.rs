//! SearchRuns.

use herdbook_core::{PageToken, WorkspaceId};
use herdbook_proto::{InvalidRequest, fields, tracking::v1 as proto};

use super::runs::RunApi;
use crate::{
    TrackingError, convert,
    run::RunKey,
    search::{parse_filter, parse_order, rank::Cursor},
    store::search::{Scope, Search},
};

/// Orders of one search.
const ORDERS: usize = 3;
/// Experiments of one search.
const EXPERIMENTS: usize = 1_000;

impl RunApi {
    pub(super) async fn search(
        &self,
        workspace: WorkspaceId,
        request: proto::SearchRunsRequest,
    ) -> Result<proto::SearchRunsResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        for (field, count, limit) in [
            ("order_by", request.order_by.len(), ORDERS),
            ("experiment_ids", request.experiment_ids.len(), EXPERIMENTS),
        ] {
            if count > limit {
                let what = format!("has {count} entries; at most {limit} are taken");
                return Err(InvalidRequest::field(field, what).into());
            }
        }
        let query = format!(
            "runs by columns {:?} {:?} {:?} {}",
            request.experiment_ids, request.filter, request.order_by, request.view
        );
        let read = |field: &str, error| TrackingError::Query {
            field: field.to_owned(),
            error,
        };
        let orders = request.order_by.iter().enumerate().map(|(index, text)| {
            parse_order(text).map_err(|error| read(&format!("order_by[{index}]"), error))
        });
        let experiments = request
            .experiment_ids
            .iter()
            .map(|id| convert::experiment_id("experiment_ids", *id));
        let scope = Scope {
            experiments: experiments.collect::<Result<_, _>>()?,
            filter: parse_filter(&request.filter).map_err(|error| read("filter", error))?,
            deleted: convert::view(request.view),
        };
        let search = Search {
            scope,
            orders: orders.collect::<Result<_, _>>()?,
            after: PageToken::<Cursor>::decode(&request.page_token, &query)?,
            limit: size + 1,
        };
        let mut found = self.store.search_runs(workspace, search).await?;
        let more = found.len() > size;
        found.truncate(size);
        let next = found
            .last()
            .filter(|_| more)
            .map(|(_, _, cursor)| cursor.clone());
        let keys: Vec<RunKey> = found.iter().map(|(key, ..)| *key).collect();
        let mut metrics = self.store.summaries(&keys).await?;
        let runs = found
            .into_iter()
            .map(|(key, run, _)| convert::to_run(run, metrics.remove(&key).unwrap_or_default()));
        Ok(proto::SearchRunsResponse {
            runs: runs.collect(),
            next_page_token: next
                .map(|c| PageToken::new(c, &query).encode())
                .unwrap_or_default(),
        })
    }
}
