//! Logged models.

use herdbook_core::{WorkspaceId, check_text};
use herdbook_proto::{
    Violations, fields,
    fields::Mask,
    tracking::v1::{self as proto, logged_model_service_server::LoggedModelService},
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    TrackingError,
    convert::{self, logged_model as read},
    logged_model::{LoggedModel, ModelStatus},
    store::{Store, logged_models::ModelChange},
};

pub(crate) struct LoggedModelApi {
    pub(super) store: Store,
}

impl LoggedModelApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn create(
        &self,
        workspace: WorkspaceId,
        request: proto::CreateLoggedModelRequest,
    ) -> Result<LoggedModel, TrackingError> {
        let model = read::new_model(request)?;
        self.store.create_logged_model(workspace, &model).await?;
        self.store.logged_model(workspace, model.id).await
    }

    async fn update(
        &self,
        workspace: WorkspaceId,
        request: proto::UpdateLoggedModelRequest,
    ) -> Result<LoggedModel, TrackingError> {
        const FIELDS: [&str; 2] = ["status", "status_message"];
        let mut violations = Violations::default();
        let mask = Mask::read(request.update_mask, &FIELDS, &mut violations);
        let given = violations
            .require("model", request.model)
            .unwrap_or_default();
        let status = ModelStatus::from_number(given.status);
        if status.is_none() {
            violations.add("model.status", "must be a LoggedModelStatus");
        }
        violations.check("model.status_message", check_text(&given.status_message));
        violations.finish()?;
        let id = read::model_id(&given.id)?;
        let change = ModelChange {
            status: status.filter(|_| mask.has("status")),
            status_message: mask.has("status_message").then_some(given.status_message),
        };
        self.store.update_logged_model(workspace, id, change).await
    }

    async fn log(
        &self,
        workspace: WorkspaceId,
        request: proto::LogLoggedModelRequest,
    ) -> Result<(), TrackingError> {
        let mut violations = Violations::default();
        let params = convert::params(request.params, &mut violations);
        let tags = convert::tags("tags", request.tags, &mut violations);
        violations.finish()?;
        let id = read::model_id(&request.model_id)?;
        self.store.log_to_model(workspace, id, &params, &tags).await
    }

    async fn delete_tags(
        &self,
        workspace: WorkspaceId,
        request: proto::DeleteLoggedModelTagsRequest,
    ) -> Result<u64, TrackingError> {
        let mut violations = Violations::default();
        fields::entries("keys", request.keys.len(), &mut violations);
        violations.finish()?;
        let id = read::model_id(&request.model_id)?;
        self.store
            .delete_model_tags(workspace, id, &request.keys)
            .await
    }

    async fn set_deleted(
        &self,
        workspace: WorkspaceId,
        id: &str,
        deleted: bool,
    ) -> Result<LoggedModel, TrackingError> {
        let id = read::model_id(id)?;
        self.store
            .set_logged_model_deleted(workspace, id, deleted)
            .await?;
        self.store.logged_model(workspace, id).await
    }

    async fn measure(
        &self,
        workspace: WorkspaceId,
        request: proto::LogModelMetricsRequest,
    ) -> Result<(), TrackingError> {
        let run = convert::run_id(&request.run_id)?;
        let measured = read::measurements(run, request.metrics)?;
        self.store.add_measurements(workspace, run, &measured).await
    }

    async fn link(
        &self,
        workspace: WorkspaceId,
        request: proto::LinkRunModelsRequest,
    ) -> Result<(), TrackingError> {
        let run = convert::run_id(&request.run_id)?;
        let models = read::run_models(request.input_model_ids, request.outputs)?;
        self.store.link_run_models(workspace, run, &models).await
    }

    async fn list_run_models(
        &self,
        workspace: WorkspaceId,
        request: proto::ListRunModelsRequest,
    ) -> Result<Vec<proto::RunModels>, TrackingError> {
        let mut violations = Violations::default();
        fields::entries("run_ids", request.run_ids.len(), &mut violations);
        violations.finish()?;
        let runs = request.run_ids.iter().map(|id| convert::run_id(id));
        let runs: Vec<_> = runs.collect::<Result<_, _>>()?;
        let mut found = self.store.run_models(workspace, &runs).await?;
        let listed = runs.into_iter().filter_map(|run| {
            let models = found.remove(&run)?;
            Some(read::to_run_models(run, models))
        });
        Ok(listed.collect())
    }
}

#[tonic::async_trait]
impl LoggedModelService for LoggedModelApi {
    async fn create_logged_model(
        &self,
        request: Request<proto::CreateLoggedModelRequest>,
    ) -> Result<Response<proto::CreateLoggedModelResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let model = self.create(workspace, request.into_inner()).await;
        answer(model.map(|model| proto::CreateLoggedModelResponse {
            model: Some(model.into()),
        }))
    }

    async fn get_logged_model(
        &self,
        request: Request<proto::GetLoggedModelRequest>,
    ) -> Result<Response<proto::GetLoggedModelResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let got = async {
            let id = read::model_id(&request.get_ref().model_id)?;
            self.store.logged_model(workspace, id).await
        };
        answer(got.await.map(|model| proto::GetLoggedModelResponse {
            model: Some(model.into()),
        }))
    }

    async fn update_logged_model(
        &self,
        request: Request<proto::UpdateLoggedModelRequest>,
    ) -> Result<Response<proto::UpdateLoggedModelResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let model = self.update(workspace, request.into_inner()).await;
        answer(model.map(|model| proto::UpdateLoggedModelResponse {
            model: Some(model.into()),
        }))
    }

    async fn log_logged_model(
        &self,
        request: Request<proto::LogLoggedModelRequest>,
    ) -> Result<Response<proto::LogLoggedModelResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let logged = self.log(workspace, request.into_inner()).await;
        answer(logged.map(|()| proto::LogLoggedModelResponse {}))
    }

    async fn delete_logged_model_tags(
        &self,
        request: Request<proto::DeleteLoggedModelTagsRequest>,
    ) -> Result<Response<proto::DeleteLoggedModelTagsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let deleted = self.delete_tags(workspace, request.into_inner()).await;
        answer(deleted.map(|deleted| proto::DeleteLoggedModelTagsResponse {
            deleted: i64::try_from(deleted).unwrap_or(i64::MAX),
        }))
    }

    async fn delete_logged_model(
        &self,
        request: Request<proto::DeleteLoggedModelRequest>,
    ) -> Result<Response<proto::DeleteLoggedModelResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let id = &request.get_ref().model_id;
        let deleted = self.set_deleted(workspace, id, true).await;
        answer(deleted.map(|_| proto::DeleteLoggedModelResponse {}))
    }

    async fn restore_logged_model(
        &self,
        request: Request<proto::RestoreLoggedModelRequest>,
    ) -> Result<Response<proto::RestoreLoggedModelResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let id = &request.get_ref().model_id;
        let restored = self.set_deleted(workspace, id, false).await;
        answer(restored.map(|model| proto::RestoreLoggedModelResponse {
            model: Some(model.into()),
        }))
    }

    async fn search_logged_models(
        &self,
        request: Request<proto::SearchLoggedModelsRequest>,
    ) -> Result<Response<proto::SearchLoggedModelsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.search(workspace, request.into_inner()).await)
    }

    async fn log_model_metrics(
        &self,
        request: Request<proto::LogModelMetricsRequest>,
    ) -> Result<Response<proto::LogModelMetricsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let logged = self.measure(workspace, request.into_inner()).await;
        answer(logged.map(|()| proto::LogModelMetricsResponse {}))
    }

    async fn link_run_models(
        &self,
        request: Request<proto::LinkRunModelsRequest>,
    ) -> Result<Response<proto::LinkRunModelsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let linked = self.link(workspace, request.into_inner()).await;
        answer(linked.map(|()| proto::LinkRunModelsResponse {}))
    }

    async fn list_run_models(
        &self,
        request: Request<proto::ListRunModelsRequest>,
    ) -> Result<Response<proto::ListRunModelsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let runs = self.list_run_models(workspace, request.into_inner()).await;
        answer(runs.map(|runs| proto::ListRunModelsResponse { runs }))
    }
}
