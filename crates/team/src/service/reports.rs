//! Reports.

use herdbook_core::{PageToken, check_name, limits::NAME_CHARS};
use herdbook_proto::{
    Violations,
    common::v1::{Lifecycle, View},
    fields,
    team::v1::{self as proto, report_service_server::ReportService},
    time::to_timestamp,
};
use herdbook_rpc::{Caller, answer};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    TeamError,
    store::{
        Place, Store,
        reports::{Report, Revision, Saved},
    },
};

/// Bytes in the text of a report.
const TEXT_BYTES: usize = 1024 * 1024;

pub(crate) struct ReportApi {
    store: Store,
}

impl ReportApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn create(
        &self,
        caller: &Caller,
        request: proto::CreateReportRequest,
    ) -> Result<proto::Report, TeamError> {
        let mut violations = Violations::default();
        check_content(&request.title, &request.text, &mut violations);
        let request_id = fields::request_id(request.request_id, &mut violations);
        violations.finish()?;
        let saved = Saved {
            title: &request.title,
            text: &request.text,
            comment: "",
        };
        let created = self
            .store
            .create_report(caller, saved, request_id.as_deref())
            .await?;
        Ok(to_proto(created))
    }

    async fn get(
        &self,
        caller: &Caller,
        request: &proto::GetReportRequest,
    ) -> Result<proto::Report, TeamError> {
        let id = report_id(&request.id)?;
        let revision = (request.revision != 0).then_some(request.revision);
        let report = self.store.report(caller.workspace, id, revision).await?;
        Ok(to_proto(report))
    }

    async fn list(
        &self,
        caller: &Caller,
        request: &proto::ListReportsRequest,
    ) -> Result<proto::ListReportsResponse, TeamError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!("reports {}", request.view);
        let before = PageToken::<Place>::decode(&request.page_token, &query)?;
        let view = View::try_from(request.view).unwrap_or(View::Active);
        let mut found = self
            .store
            .reports(caller.workspace, view, before, size + 1)
            .await?;
        let place = |last: &Report| Place::new(last.updated_at, last.id);
        let next_page_token = PageToken::cut(&mut found, size, &query, place);
        Ok(proto::ListReportsResponse {
            reports: found.into_iter().map(to_proto).collect(),
            next_page_token,
        })
    }

    async fn update(
        &self,
        caller: &Caller,
        request: proto::UpdateReportRequest,
    ) -> Result<proto::Report, TeamError> {
        let mut violations = Violations::default();
        check_content(&request.title, &request.text, &mut violations);
        if request.comment.chars().count() > NAME_CHARS
            || request.comment.chars().any(char::is_control)
        {
            let what = format!("must be at most {NAME_CHARS} characters on one line");
            violations.add("comment", what);
        }
        if request.expected_revision < 1 {
            violations.add(
                "expected_revision",
                "must be the revision that you have read",
            );
        }
        violations.finish()?;
        let saved = Saved {
            title: &request.title,
            text: &request.text,
            comment: &request.comment,
        };
        let id = report_id(&request.id)?;
        let updated = self
            .store
            .update_report(caller, id, request.expected_revision, saved)
            .await?;
        Ok(to_proto(updated))
    }

    async fn delete(&self, caller: &Caller, id: &str) -> Result<(), TeamError> {
        let id = report_id(id)?;
        self.store
            .set_report_deleted(caller.workspace, id, true)
            .await
    }

    async fn restore(&self, caller: &Caller, id: &str) -> Result<proto::Report, TeamError> {
        let id = report_id(id)?;
        self.store
            .set_report_deleted(caller.workspace, id, false)
            .await?;
        let report = self.store.report(caller.workspace, id, None).await?;
        Ok(to_proto(report))
    }

    async fn list_revisions(
        &self,
        caller: &Caller,
        request: &proto::ListReportRevisionsRequest,
    ) -> Result<proto::ListReportRevisionsResponse, TeamError> {
        let size = fields::page_size(request.page_size)?;
        let id = report_id(&request.id)?;
        let query = format!("revisions {id}");
        let before = PageToken::<i64>::decode(&request.page_token, &query)?.unwrap_or(i64::MAX);
        let mut found = self
            .store
            .report_revisions(caller.workspace, id, before, size + 1)
            .await?;
        if found.is_empty() && request.page_token.is_empty() {
            return Err(TeamError::ReportNotFound(request.id.clone()));
        }
        let next_page_token = PageToken::cut(&mut found, size, &query, |last| last.revision);
        Ok(proto::ListReportRevisionsResponse {
            revisions: found.into_iter().map(revision_to_proto).collect(),
            next_page_token,
        })
    }
}

fn check_content(title: &str, text: &str, violations: &mut Violations) {
    violations.check("title", check_name(title));
    if text.len() > TEXT_BYTES {
        let bytes = text.len();
        let what = format!("has {bytes} bytes; at most {TEXT_BYTES} are allowed");
        violations.add("text", what);
    } else if text.contains('\0') {
        violations.add("text", "has a NUL character; remove it");
    }
}

fn report_id(id: &str) -> Result<Uuid, TeamError> {
    Uuid::try_parse(id).map_err(|_| TeamError::ReportNotFound(id.chars().take(64).collect()))
}

fn to_proto(report: Report) -> proto::Report {
    let lifecycle = match report.deleted_at {
        Some(_) => Lifecycle::Deleted,
        None => Lifecycle::Active,
    };
    proto::Report {
        id: report.id.simple().to_string(),
        title: report.title,
        text: report.text,
        revision: report.revision,
        created_by: report.created_by,
        created_at: Some(to_timestamp(report.created_at)),
        updated_by: report.updated_by,
        updated_at: Some(to_timestamp(report.updated_at)),
        lifecycle: lifecycle.into(),
    }
}

pub(crate) fn revision_to_proto(revision: Revision) -> proto::ReportRevision {
    proto::ReportRevision {
        report_id: revision.report_id.simple().to_string(),
        revision: revision.revision,
        title: revision.title,
        saved_by: revision.saved_by,
        saved_at: Some(to_timestamp(revision.saved_at)),
        comment: revision.comment,
    }
}

#[tonic::async_trait]
impl ReportService for ReportApi {
    async fn create_report(
        &self,
        request: Request<proto::CreateReportRequest>,
    ) -> Result<Response<proto::CreateReportResponse>, Status> {
        let caller = Caller::of(&request)?;
        let created = self.create(&caller, request.into_inner()).await;
        answer(created.map(|report| proto::CreateReportResponse {
            report: Some(report),
        }))
    }

    async fn get_report(
        &self,
        request: Request<proto::GetReportRequest>,
    ) -> Result<Response<proto::GetReportResponse>, Status> {
        let caller = Caller::of(&request)?;
        let report = self.get(&caller, request.get_ref()).await;
        answer(report.map(|report| proto::GetReportResponse {
            report: Some(report),
        }))
    }

    async fn list_reports(
        &self,
        request: Request<proto::ListReportsRequest>,
    ) -> Result<Response<proto::ListReportsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.get_ref()).await)
    }

    async fn update_report(
        &self,
        request: Request<proto::UpdateReportRequest>,
    ) -> Result<Response<proto::UpdateReportResponse>, Status> {
        let caller = Caller::of(&request)?;
        let updated = self.update(&caller, request.into_inner()).await;
        answer(updated.map(|report| proto::UpdateReportResponse {
            report: Some(report),
        }))
    }

    async fn delete_report(
        &self,
        request: Request<proto::DeleteReportRequest>,
    ) -> Result<Response<proto::DeleteReportResponse>, Status> {
        let caller = Caller::of(&request)?;
        let deleted = self.delete(&caller, &request.get_ref().id).await;
        answer(deleted.map(|()| proto::DeleteReportResponse {}))
    }

    async fn restore_report(
        &self,
        request: Request<proto::RestoreReportRequest>,
    ) -> Result<Response<proto::RestoreReportResponse>, Status> {
        let caller = Caller::of(&request)?;
        let restored = self.restore(&caller, &request.get_ref().id).await;
        answer(restored.map(|report| proto::RestoreReportResponse {
            report: Some(report),
        }))
    }

    async fn list_report_revisions(
        &self,
        request: Request<proto::ListReportRevisionsRequest>,
    ) -> Result<Response<proto::ListReportRevisionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list_revisions(&caller, request.get_ref()).await)
    }
}
