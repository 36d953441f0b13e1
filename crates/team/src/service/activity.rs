//! What happened in a workspace.

use herdbook_core::PageToken;
use herdbook_proto::{
    InvalidRequest, fields,
    team::v1::{self as proto, activity_service_server::ActivityService},
    time::to_timestamp,
};
use herdbook_rpc::{Caller, answer};
use tonic::{Request, Response, Status};

use crate::{
    TeamError,
    activity::{Entry, Places, Source, Sources, merge},
    peers::Peers,
    store::Store,
};

pub(crate) struct ActivityApi {
    store: Store,
    peers: Peers,
}

impl ActivityApi {
    pub(crate) fn new(store: Store, peers: Peers) -> Self {
        Self { store, peers }
    }

    async fn list(
        &self,
        caller: &Caller,
        request: &proto::ListActivityRequest,
    ) -> Result<proto::ListActivityResponse, TeamError> {
        let size = fields::page_size(request.page_size)?;
        let mut kinds = request.kinds.clone();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.iter().any(|kind| !(1..=5).contains(kind)) {
            let what = "must be kinds from ACTIVITY_KIND_RUN to ACTIVITY_KIND_ACCESS";
            return Err(InvalidRequest::field("kinds", what).into());
        }
        let query = format!("activity {kinds:?} {}", request.principal);
        let places = PageToken::<Places>::decode(&request.page_token, &query)?;
        let places = places.unwrap_or_else(|| Source::beginnings(&kinds));
        let sources = Sources {
            store: &self.store,
            peers: &self.peers,
            caller,
            principal: &request.principal,
        };
        let told = sources.ask(&places, size).await?;
        let (entries, places) = merge(told, &places, size);
        let next_page_token = match places.is_empty() {
            true => String::new(),
            false => PageToken::new(places, &query).encode(),
        };
        Ok(proto::ListActivityResponse {
            activities: entries.into_iter().map(to_proto).collect(),
            next_page_token,
        })
    }
}

fn to_proto(entry: Entry) -> proto::Activity {
    proto::Activity {
        at: Some(to_timestamp(entry.at)),
        principal: entry.principal,
        event: Some(entry.event),
    }
}

#[tonic::async_trait]
impl ActivityService for ActivityApi {
    async fn list_activity(
        &self,
        request: Request<proto::ListActivityRequest>,
    ) -> Result<Response<proto::ListActivityResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.get_ref()).await)
    }
}
