//! Saved views.

use herdbook_core::check_name;
use herdbook_proto::{
    Violations,
    team::v1::{self as proto, view_service_server::ViewService},
    time::to_timestamp,
};
use herdbook_rpc::{Caller, answer};
use tonic::{Request, Response, Status};

use crate::{
    TeamError,
    store::{Store, views::View},
    subject::Subject,
};

/// Bytes in the query of a view.
const QUERY_BYTES: usize = 16 * 1024;

pub(crate) struct ViewApi {
    store: Store,
}

impl ViewApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn save(
        &self,
        caller: &Caller,
        request: proto::SaveViewRequest,
    ) -> Result<proto::SaveViewResponse, TeamError> {
        let mut violations = Violations::default();
        violations.check("name", check_name(&request.name));
        if request.query.len() > QUERY_BYTES || request.query.chars().any(char::is_control) {
            let what = format!("must be at most {QUERY_BYTES} bytes on one line");
            violations.add("query", what);
        }
        let subject = Subject::read(request.subject, &mut violations);
        violations.finish()?;
        let subject = subject.ok_or_else(Subject::missing)?;
        let saved = self
            .store
            .save_view(caller, &subject, &request.name, &request.query)
            .await?;
        Ok(proto::SaveViewResponse {
            view: Some(to_proto(&subject, saved)),
        })
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListViewsRequest,
    ) -> Result<proto::ListViewsResponse, TeamError> {
        let subject = Subject::required(request.subject)?;
        let found = self.store.views(caller.workspace, &subject).await?;
        let views = found.into_iter().map(|view| to_proto(&subject, view));
        Ok(proto::ListViewsResponse {
            views: views.collect(),
        })
    }

    async fn delete(
        &self,
        caller: &Caller,
        request: proto::DeleteViewRequest,
    ) -> Result<proto::DeleteViewResponse, TeamError> {
        let subject = Subject::required(request.subject)?;
        self.store
            .delete_view(caller.workspace, &subject, &request.name)
            .await?;
        Ok(proto::DeleteViewResponse {})
    }
}

fn to_proto(subject: &Subject, view: View) -> proto::SavedView {
    proto::SavedView {
        subject: Some(subject.to_proto()),
        name: view.name,
        query: view.query,
        saved_by: view.saved_by,
        saved_at: Some(to_timestamp(view.saved_at)),
    }
}

#[tonic::async_trait]
impl ViewService for ViewApi {
    async fn save_view(
        &self,
        request: Request<proto::SaveViewRequest>,
    ) -> Result<Response<proto::SaveViewResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.save(&caller, request.into_inner()).await)
    }

    async fn list_views(
        &self,
        request: Request<proto::ListViewsRequest>,
    ) -> Result<Response<proto::ListViewsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }

    async fn delete_view(
        &self,
        request: Request<proto::DeleteViewRequest>,
    ) -> Result<Response<proto::DeleteViewResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.delete(&caller, request.into_inner()).await)
    }
}
