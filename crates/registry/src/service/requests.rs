//! Moves that wait for approvals.

use herdbook_core::PageToken;
use herdbook_proto::{
    Violations, fields,
    registry::v1::{self as proto, RequestState, request_service_server::RequestService},
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{RegistryError, convert, facts::Sources, store::Store};

/// How often an approval is judged anew because of what others change at the same time: more often than a
/// move has approvals, each of which may come between once.
const TRIES: usize = 30;

pub(crate) struct RequestApi {
    store: Store,
    sources: Sources,
}

impl RequestApi {
    pub(crate) fn new(store: Store, sources: Sources) -> Self {
        Self { store, sources }
    }

    async fn get(
        &self,
        caller: &Caller,
        id: i64,
    ) -> Result<proto::GetRequestResponse, RegistryError> {
        let (request, seen) = self.store.see_request(caller.workspace, id).await?;
        let decision = match request.state {
            RequestState::Open => {
                let facts = seen.gather(&self.sources, caller).await?;
                Some(self.store.judge_request(&request, seen, facts).await?)
            }
            _ => None,
        };
        Ok(proto::GetRequestResponse {
            request: Some(convert::to_request(request)),
            decision,
        })
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListRequestsRequest,
    ) -> Result<proto::ListRequestsResponse, RegistryError> {
        let size = fields::page_size(request.page_size)?;
        let proto::ListRequestsRequest {
            model,
            include_closed,
            awaiting_me,
            ..
        } = &request;
        let query = format!("requests {include_closed} {awaiting_me} {model}");
        let before = PageToken::<i64>::decode(&request.page_token, &query)?.unwrap_or(i64::MAX);
        let (store, limit) = (&self.store, size + 1);
        let found = match awaiting_me {
            true => store.requests_awaiting(caller, model, before, limit).await,
            false => {
                let closed = *include_closed;
                store
                    .requests(caller.workspace, model, closed, before, limit)
                    .await
            }
        };
        let mut found = found?;
        let next_page_token = PageToken::cut(&mut found, size, &query, |request| request.id);
        Ok(proto::ListRequestsResponse {
            requests: found.into_iter().map(convert::to_request).collect(),
            next_page_token,
        })
    }

    async fn approve(
        &self,
        caller: &Caller,
        request: proto::ApproveRequestRequest,
    ) -> Result<proto::ApproveRequestResponse, RegistryError> {
        let proto::ApproveRequestRequest {
            id,
            comment,
            digest,
        } = request;
        let mut violations = Violations::default();
        convert::check_words("comment", &comment, &mut violations);
        let digest = convert::digest("digest", &digest, &mut violations);
        violations.finish()?;
        let mut tries = 1;
        let approved = loop {
            let (_, seen) = self.store.see_request(caller.workspace, id).await?;
            let facts = seen.gather(&self.sources, caller).await?;
            let approved = self
                .store
                .approve(caller, id, &seen, facts, &comment, digest)
                .await;
            match approved {
                // It says nothing of what else may stand: what others did meanwhile is no reason to refuse.
                Err(RegistryError::Concurrent { .. }) if tries < TRIES => tries += 1,
                done => break done?,
            }
        };
        let (request, decision) = approved;
        Ok(proto::ApproveRequestResponse {
            request: Some(convert::to_request(request)),
            decision: Some(decision),
        })
    }

    async fn close(
        &self,
        caller: &Caller,
        id: i64,
        state: RequestState,
        comment: &str,
    ) -> Result<Option<proto::TransitionRequest>, RegistryError> {
        let mut violations = Violations::default();
        convert::check_words("comment", comment, &mut violations);
        violations.finish()?;
        let closed = self.store.close_request(caller, id, state, comment).await?;
        Ok(Some(convert::to_request(closed)))
    }
}

#[tonic::async_trait]
impl RequestService for RequestApi {
    async fn get_request(
        &self,
        request: Request<proto::GetRequestRequest>,
    ) -> Result<Response<proto::GetRequestResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.get(&caller, request.get_ref().id).await)
    }

    async fn list_requests(
        &self,
        request: Request<proto::ListRequestsRequest>,
    ) -> Result<Response<proto::ListRequestsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }

    async fn approve_request(
        &self,
        request: Request<proto::ApproveRequestRequest>,
    ) -> Result<Response<proto::ApproveRequestResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.approve(&caller, request.into_inner()).await)
    }

    async fn reject_request(
        &self,
        request: Request<proto::RejectRequestRequest>,
    ) -> Result<Response<proto::RejectRequestResponse>, Status> {
        let caller = Caller::of(&request)?;
        let proto::RejectRequestRequest { id, comment } = request.into_inner();
        let state = RequestState::Rejected;
        let request = self.close(&caller, id, state, &comment).await;
        answer(request.map(|request| proto::RejectRequestResponse { request }))
    }

    async fn withdraw_request(
        &self,
        request: Request<proto::WithdrawRequestRequest>,
    ) -> Result<Response<proto::WithdrawRequestResponse>, Status> {
        let caller = Caller::of(&request)?;
        let proto::WithdrawRequestRequest { id, comment } = request.into_inner();
        let state = RequestState::Withdrawn;
        let request = self.close(&caller, id, state, &comment).await;
        answer(request.map(|request| proto::WithdrawRequestResponse { request }))
    }
}
