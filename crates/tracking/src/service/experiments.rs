//! Experiments.

use herdbook_core::{ExperimentId, PageToken, WorkspaceId, check_name, check_text};
use herdbook_proto::{
    InvalidRequest, Violations,
    fields::{self, Mask},
    tracking::v1::{
        self as proto, experiment_service_server::ExperimentService,
        get_experiment_request::Experiment as Which,
    },
};
use herdbook_rpc::Caller;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    TrackingError, convert, purger,
    store::{
        Store,
        experiments::{Experiment, ExperimentCursor, NewExperiment},
    },
};

pub(crate) struct ExperimentApi {
    pub(super) store: Store,
}

impl ExperimentApi {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    async fn create(
        &self,
        workspace: WorkspaceId,
        request: proto::CreateExperimentRequest,
    ) -> Result<Experiment, TrackingError> {
        let mut violations = Violations::default();
        violations.check("name", check_name(&request.name));
        violations.check("description", check_text(&request.description));
        let new = NewExperiment {
            id: request
                .id
                .map(|id| convert::experiment_id("id", id))
                .transpose()?,
            name: request.name,
            description: request.description,
            tags: convert::tags("tags", request.tags, &mut violations),
            created_at: violations.time("created_at", request.created_at.as_ref()),
        };
        violations.finish()?;
        self.store.create_experiment(workspace, &new).await
    }

    async fn get(
        &self,
        workspace: WorkspaceId,
        request: proto::GetExperimentRequest,
    ) -> Result<Experiment, TrackingError> {
        match request.experiment {
            Some(Which::Id(id)) => {
                self.store
                    .experiment(workspace, convert::experiment_id("id", id)?)
                    .await
            }
            Some(Which::Name(name)) => self.store.experiment_by_name(workspace, &name).await,
            None => Err(InvalidRequest::field("experiment", "name an id or a name").into()),
        }
    }

    async fn list(
        &self,
        workspace: WorkspaceId,
        request: proto::ListExperimentsRequest,
    ) -> Result<proto::ListExperimentsResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!("experiments {}", request.view);
        let after = PageToken::<ExperimentCursor>::decode(&request.page_token, &query)?;
        let deleted = convert::view(request.view);
        let mut found = self
            .store
            .experiments(workspace, deleted, after, size + 1)
            .await?;
        let cursor = |last: &Experiment| (last.updated_at.timestamp_micros(), last.id.0);
        let next_page_token = PageToken::cut(&mut found, size, &query, cursor);
        Ok(proto::ListExperimentsResponse {
            experiments: found.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    async fn update(
        &self,
        workspace: WorkspaceId,
        request: proto::UpdateExperimentRequest,
    ) -> Result<Experiment, TrackingError> {
        let mut violations = Violations::default();
        let mask = Mask::read(
            request.update_mask,
            &["name", "description", "tags"],
            &mut violations,
        );
        let given = violations
            .require("experiment", request.experiment)
            .unwrap_or_default();
        if mask.has("name") {
            violations.check("experiment.name", check_name(&given.name));
        }
        violations.check("experiment.description", check_text(&given.description));
        let tags = convert::tags("experiment.tags", given.tags, &mut violations);
        violations.finish()?;

        let id = convert::experiment_id("experiment.id", given.id)?;
        let mut experiment = self.store.experiment(workspace, id).await?;
        if mask.has("name") {
            experiment.name = given.name;
        }
        if mask.has("description") {
            experiment.description = given.description;
        }
        mask.change_tags(&mut experiment.tags, tags);
        self.store.update_experiment(workspace, &experiment).await
    }

    async fn purge(&self, workspace: WorkspaceId, id: i64) -> Result<(), TrackingError> {
        let id = convert::experiment_id("id", id)?;
        if id == ExperimentId(0) {
            return Err(TrackingError::DefaultExperiment);
        }
        self.store.start_purge(workspace, id).await?;
        purger::purge_experiment(&self.store, workspace, id).await
    }

    async fn set_deleted(
        &self,
        workspace: WorkspaceId,
        id: i64,
        deleted: bool,
    ) -> Result<Experiment, TrackingError> {
        let id = convert::experiment_id("id", id)?;
        if deleted && id == ExperimentId(0) {
            return Err(TrackingError::DefaultExperiment);
        }
        self.store
            .set_experiment_deleted(workspace, id, deleted)
            .await
    }
}

#[tonic::async_trait]
impl ExperimentService for ExperimentApi {
    async fn create_experiment(
        &self,
        request: Request<proto::CreateExperimentRequest>,
    ) -> Result<Response<proto::CreateExperimentResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let made = self.create(workspace, request.into_inner()).await;
        answer(made.map(|made| proto::CreateExperimentResponse {
            experiment: Some(made.into()),
        }))
    }

    async fn get_experiment(
        &self,
        request: Request<proto::GetExperimentRequest>,
    ) -> Result<Response<proto::GetExperimentResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let found = self.get(workspace, request.into_inner()).await;
        answer(found.map(|found| proto::GetExperimentResponse {
            experiment: Some(found.into()),
        }))
    }

    async fn list_experiments(
        &self,
        request: Request<proto::ListExperimentsRequest>,
    ) -> Result<Response<proto::ListExperimentsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.list(workspace, request.into_inner()).await)
    }

    async fn update_experiment(
        &self,
        request: Request<proto::UpdateExperimentRequest>,
    ) -> Result<Response<proto::UpdateExperimentResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let changed = self.update(workspace, request.into_inner()).await;
        answer(changed.map(|e| proto::UpdateExperimentResponse {
            experiment: Some(e.into()),
        }))
    }

    async fn delete_experiment(
        &self,
        request: Request<proto::DeleteExperimentRequest>,
    ) -> Result<Response<proto::DeleteExperimentResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let deleted = self
            .set_deleted(workspace, request.into_inner().id, true)
            .await;
        answer(deleted.map(|_| proto::DeleteExperimentResponse {}))
    }

    async fn purge_experiment(
        &self,
        request: Request<proto::PurgeExperimentRequest>,
    ) -> Result<Response<proto::PurgeExperimentResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let purged = self.purge(workspace, request.into_inner().id).await;
        answer(purged.map(|()| proto::PurgeExperimentResponse {}))
    }

    async fn search_experiments(
        &self,
        request: Request<proto::SearchExperimentsRequest>,
    ) -> Result<Response<proto::SearchExperimentsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.search(workspace, request.into_inner()).await)
    }

    async fn restore_experiment(
        &self,
        request: Request<proto::RestoreExperimentRequest>,
    ) -> Result<Response<proto::RestoreExperimentResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let restored = self
            .set_deleted(workspace, request.into_inner().id, false)
            .await;
        answer(restored.map(|e| proto::RestoreExperimentResponse {
            experiment: Some(e.into()),
        }))
    }
}
