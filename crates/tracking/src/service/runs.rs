//! Runs.

use std::sync::Arc;

use chrono::Utc;
use futures::StreamExt as _;
use herdbook_core::{RunId, WorkspaceId, check_name, check_text, limits::ENTRIES_PER_REQUEST};
use herdbook_proto::{
    InvalidRequest, Violations,
    fields::{self, Mask},
    tracking::v1::{self as proto, run_service_server::RunService},
};
use herdbook_rpc::{Caller, status};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{answer, metrics::Answers};
use crate::{
    TrackingError,
    committer::{Claim, Committer, Rule},
    convert,
    creator::Creator,
    metrics::Points,
    quota::Quotas,
    run::{Fork, Run, RunStatus, Told},
    run_name,
    store::{Store, new_runs::NewRun},
};

pub(crate) struct RunApi {
    pub(super) store: Store,
    pub(super) committer: Arc<Committer>,
    pub(super) quotas: Quotas,
    pub(super) shutdown: CancellationToken,
    creator: Creator,
}

impl RunApi {
    pub(crate) fn new(
        store: Store,
        committer: Arc<Committer>,
        quotas: Quotas,
        creator: Creator,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            committer,
            quotas,
            shutdown,
            creator,
        }
    }

    async fn create(
        &self,
        caller: &Caller,
        request: proto::CreateRunRequest,
    ) -> Result<proto::Run, TrackingError> {
        let mut violations = Violations::default();
        let chosen_id = match request.run_id.as_str() {
            "" => None,
            text => violations.check("run_id", text.parse()),
        };
        let id = chosen_id.unwrap_or_else(RunId::generate);
        let status = match request.status {
            0 => RunStatus::Running,
            number => {
                convert::status("status", number, &mut violations).unwrap_or(RunStatus::Running)
            }
        };
        let now = Utc::now();
        let ended_at = violations.time("ended_at", request.ended_at.as_ref());
        let name = if request.name.is_empty() {
            run_name::made_up(id.as_uuid())
        } else {
            request.name
        };
        violations.check("name", check_name(&name));
        let user = if request.user.is_empty() {
            caller.name.to_string()
        } else {
            request.user
        };
        violations.check("user", check_name(&user));
        violations.check("description", check_text(&request.description));
        convert::based_on(&request.based_on, &mut violations);
        let parent = match request.parent_run_id.as_str() {
            "" => None,
            text => violations.check("parent_run_id", text.parse()),
        };
        let mut run = Run {
            id,
            experiment: convert::experiment_id("experiment_id", request.experiment_id)?,
            name,
            status,
            user,
            started_at: violations
                .time("started_at", request.started_at.as_ref())
                .unwrap_or(now),
            ended_at: ended_at.or_else(|| status.is_final().then_some(now)),
            description: request.description,
            params: convert::params(request.params, &mut violations),
            tags: convert::tags("tags", request.tags, &mut violations),
            inputs: Vec::new(),
            source: request
                .source
                .map(|source| convert::source(source, &mut violations)),
            environment: request
                .environment
                .map(|e| convert::environment(e, &mut violations)),
            parent,
            based_on: request.based_on,
            revision: 1,
            created_at: now,
            updated_at: now,
            deleted: false,
            forked_from: request.forked_from.and_then(|fork| {
                let run = violations.check("forked_from.run_id", fork.run_id.parse())?;
                let step = fork.step;
                Some(Fork { run, step })
            }),
            stop_requested: false,
        };
        let inputs = convert::inputs("inputs", request.inputs, &mut violations);
        let request_id = fields::request_id(request.request_id, &mut violations);
        violations.finish()?;
        run.add_inputs(inputs);
        let new = NewRun {
            workspace: caller.workspace,
            run,
            request_id,
            id_is_chosen: chosen_id.is_some(),
        };
        let run = self.creator.create(new).await?;
        if run.id == id {
            // Nothing was logged to it yet.
            return Ok(convert::to_run(run, Vec::new()));
        }
        self.with_metrics(caller.workspace, run).await
    }

    async fn with_metrics(
        &self,
        workspace: WorkspaceId,
        run: Run,
    ) -> Result<proto::Run, TrackingError> {
        let key = self.store.run_key(workspace, run.id).await?;
        let metrics = self
            .store
            .summaries(&[key])
            .await?
            .remove(&key)
            .unwrap_or_default();
        Ok(convert::to_run(run, metrics))
    }

    async fn get(&self, workspace: WorkspaceId, id: &str) -> Result<proto::Run, TrackingError> {
        let (key, run) = self.store.run(workspace, convert::run_id(id)?).await?;
        let metrics = self
            .store
            .summaries(&[key])
            .await?
            .remove(&key)
            .unwrap_or_default();
        Ok(convert::to_run(run, metrics))
    }

    async fn update(
        &self,
        workspace: WorkspaceId,
        request: proto::UpdateRunRequest,
    ) -> Result<proto::Run, TrackingError> {
        const FIELDS: [&str; 8] = [
            "name",
            "status",
            "started_at",
            "ended_at",
            "description",
            "source",
            "environment",
            "based_on",
        ];
        let mut violations = Violations::default();
        let mask = Mask::read(request.update_mask, &FIELDS, &mut violations);
        let given = violations.require("run", request.run).unwrap_or_default();
        if mask.has("name") {
            violations.check("run.name", check_name(&given.name));
        }
        violations.check("run.description", check_text(&given.description));
        convert::based_on(&given.based_on, &mut violations);
        let status = match mask.has("status") {
            true => convert::status("run.status", given.status, &mut violations),
            false => None,
        };
        let started_at = violations.time("run.started_at", given.started_at.as_ref());
        if mask.has("started_at") && started_at.is_none() {
            violations.add("run.started_at", "is required, for the mask names it");
        }
        let ended_at = violations.time("run.ended_at", given.ended_at.as_ref());
        let source = given
            .source
            .map(|source| convert::source(source, &mut violations));
        let environment = given
            .environment
            .map(|e| convert::environment(e, &mut violations));
        violations.finish()?;

        let id = convert::run_id(&given.id)?;
        let rule = move |run: &mut Run| {
            if mask.has("name") {
                run.name.clone_from(&given.name);
            }
            if mask.has("description") {
                run.description.clone_from(&given.description);
            }
            if let Some(started_at) = started_at.filter(|_| mask.has("started_at")) {
                run.started_at = started_at;
            }
            if let Some(status) = status {
                run.status = status;
                run.ended_at = match status.is_final() {
                    true => run.ended_at.or_else(|| Some(Utc::now())),
                    false => None,
                };
            }
            if mask.has("ended_at") {
                run.ended_at = ended_at;
            }
            if mask.has("source") {
                run.source.clone_from(&source);
            }
            if mask.has("environment") {
                run.environment.clone_from(&environment);
            }
            if mask.has("based_on") {
                run.based_on.clone_from(&given.based_on);
            }
            let descent = ["source", "environment", "based_on"]
                .iter()
                .any(|field| mask.has(field));
            Ok(if descent {
                Told::Everything
            } else {
                Told::Itself
            })
        };
        let run = self.change_alone(workspace, id, Box::new(rule)).await?;
        self.with_metrics(workspace, run).await
    }

    async fn delete_tags(
        &self,
        workspace: WorkspaceId,
        request: proto::DeleteTagsRequest,
    ) -> Result<(), TrackingError> {
        let keys = request.keys;
        if keys.len() > ENTRIES_PER_REQUEST {
            let what = format!(
                "has {} entries; at most {ENTRIES_PER_REQUEST} are taken",
                keys.len()
            );
            return Err(InvalidRequest::field("keys", what).into());
        }
        let id = convert::run_id(&request.run_id)?;
        let rule = move |run: &mut Run| {
            run.tags.retain(|key, _| !keys.contains(key));
            Ok(Told::Nothing)
        };
        self.change_alone(workspace, id, Box::new(rule)).await?;
        Ok(())
    }

    async fn change_alone(
        &self,
        workspace: WorkspaceId,
        id: RunId,
        rule: Rule,
    ) -> Result<Run, TrackingError> {
        let nothing = Points(Vec::new());
        self.change(workspace, id, nothing, Claim::None, rule).await
    }
}

#[tonic::async_trait]
impl RunService for RunApi {
    async fn create_run(
        &self,
        request: Request<proto::CreateRunRequest>,
    ) -> Result<Response<proto::CreateRunResponse>, Status> {
        let caller = Caller::of(&request)?;
        let run = self.create(&caller, request.into_inner()).await;
        answer(run.map(|run| proto::CreateRunResponse { run: Some(run) }))
    }

    async fn get_run(
        &self,
        request: Request<proto::GetRunRequest>,
    ) -> Result<Response<proto::GetRunResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let run = self.get(workspace, &request.into_inner().run_id).await;
        answer(run.map(|run| proto::GetRunResponse { run: Some(run) }))
    }

    async fn update_run(
        &self,
        request: Request<proto::UpdateRunRequest>,
    ) -> Result<Response<proto::UpdateRunResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let run = self.update(workspace, request.into_inner()).await;
        answer(run.map(|run| proto::UpdateRunResponse { run: Some(run) }))
    }

    async fn search_runs(
        &self,
        request: Request<proto::SearchRunsRequest>,
    ) -> Result<Response<proto::SearchRunsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.search(workspace, request.into_inner()).await)
    }

    async fn aggregate_runs(
        &self,
        request: Request<proto::AggregateRunsRequest>,
    ) -> Result<Response<proto::AggregateRunsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.aggregate(workspace, request.into_inner()).await)
    }

    async fn list_run_fields(
        &self,
        request: Request<proto::ListRunFieldsRequest>,
    ) -> Result<Response<proto::ListRunFieldsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.list_fields(workspace, request.into_inner()).await)
    }

    type WatchRunsStream = Answers<proto::WatchRunsResponse>;

    async fn watch_runs(
        &self,
        request: Request<proto::WatchRunsRequest>,
    ) -> Result<Response<Self::WatchRunsStream>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let watched = self.watch(workspace, request.into_inner()).await;
        answer(watched.map(|messages| -> Self::WatchRunsStream {
            let messages = ReceiverStream::new(messages);
            Box::pin(messages.map(|message| message.map_err(status)))
        }))
    }

    async fn delete_run(
        &self,
        request: Request<proto::DeleteRunRequest>,
    ) -> Result<Response<proto::DeleteRunResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let deleted = async {
            let id = convert::run_id(&request.get_ref().run_id)?;
            self.store.set_run_deleted(workspace, id, true).await
        };
        answer(deleted.await.map(|()| proto::DeleteRunResponse {}))
    }

    async fn restore_run(
        &self,
        request: Request<proto::RestoreRunRequest>,
    ) -> Result<Response<proto::RestoreRunResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let restored = async {
            let id = convert::run_id(&request.get_ref().run_id)?;
            self.store.set_run_deleted(workspace, id, false).await?;
            self.get(workspace, &request.get_ref().run_id).await
        };
        answer(
            restored
                .await
                .map(|run| proto::RestoreRunResponse { run: Some(run) }),
        )
    }

    async fn purge_run(
        &self,
        request: Request<proto::PurgeRunRequest>,
    ) -> Result<Response<proto::PurgeRunResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let purged = async {
            let id = convert::run_id(&request.get_ref().run_id)?;
            self.store.purge_run(workspace, id).await
        };
        answer(purged.await.map(|()| proto::PurgeRunResponse {}))
    }

    async fn request_stop(
        &self,
        request: Request<proto::RequestStopRequest>,
    ) -> Result<Response<proto::RequestStopResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let request = request.into_inner();
        let asked = async {
            let id = convert::run_id(&request.run_id)?;
            self.store
                .request_stop(workspace, id, !request.withdraw)
                .await
        };
        answer(asked.await.map(|()| proto::RequestStopResponse {}))
    }

    async fn log_batch(
        &self,
        request: Request<proto::LogBatchRequest>,
    ) -> Result<Response<proto::LogBatchResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        answer(self.log(workspace, request.into_inner()).await)
    }

    async fn delete_tags(
        &self,
        request: Request<proto::DeleteTagsRequest>,
    ) -> Result<Response<proto::DeleteTagsResponse>, Status> {
        let workspace = Caller::of(&request)?.workspace;
        let deleted = self.delete_tags(workspace, request.into_inner()).await;
        answer(deleted.map(|()| proto::DeleteTagsResponse {}))
    }
}
