//! Moves, rollbacks, the audit log and watching it.

use std::{pin::Pin, sync::Arc};

use chrono::TimeDelta;
use futures::{Stream, StreamExt as _, stream};
use herdbook_core::PageToken;
use herdbook_proto::{
    Violations, fields,
    registry::v1::{self as proto, transition_service_server::TransitionService},
};
use herdbook_rpc::{Caller, Role, status};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    RegistryError,
    checkpoint::Checkpoint,
    convert,
    facts::Sources,
    store::{
        Store,
        stages::{Position, Stay},
        transitions::Asked,
    },
    watch::{Event, Feeds, Selector, Watcher},
};

/// How long a request stays open.
const REQUEST_LASTS: TimeDelta = TimeDelta::days(7);
const REQUEST_LASTS_MOST: TimeDelta = TimeDelta::days(90);

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct TransitionApi {
    store: Store,
    sources: Sources,
    feeds: Feeds,
    shutdown: CancellationToken,
}

impl TransitionApi {
    pub(crate) fn new(
        store: Store,
        sources: Sources,
        feeds: Feeds,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            sources,
            feeds,
            shutdown,
        }
    }

    async fn transition(
        &self,
        caller: &Caller,
        request: proto::TransitionVersionRequest,
    ) -> Result<proto::Decision, RegistryError> {
        let mut violations = Violations::default();
        convert::check_words("comment", &request.comment, &mut violations);
        let reason = request.override_reason.trim();
        convert::check_words("override_reason", reason, &mut violations);
        let request_lasts = request_lasts(request.request_expires_in, &mut violations);
        let request_id = fields::request_id(request.request_id, &mut violations);
        violations.finish()?;
        let override_reason = Some(reason).filter(|reason| !reason.is_empty());
        if override_reason.is_some() && caller.role < Role::Admin {
            return Err(RegistryError::OverrideNotAllowed(caller.role));
        }
        let asked = Asked {
            action: proto::AuditAction::Transition,
            number: Some(request.version),
            to: &request.to,
            comment: &request.comment,
            expected_revision: request.expected_revision,
            request_id: request_id.as_deref(),
            dry_run: request.dry_run,
            request: request.request,
            request_lasts,
            override_reason,
            displace_to: Some(&*request.displace_to).filter(|stage| !stage.is_empty()),
        };
        self.decide(caller, &request.model, &asked).await
    }

    async fn rollback(
        &self,
        caller: &Caller,
        request: proto::RollbackStageRequest,
    ) -> Result<proto::Decision, RegistryError> {
        let mut violations = Violations::default();
        convert::check_words("comment", &request.comment, &mut violations);
        let request_id = fields::request_id(request.request_id, &mut violations);
        violations.finish()?;
        let asked = Asked {
            action: proto::AuditAction::Rollback,
            number: Some(request.version).filter(|number| *number != 0),
            to: &request.stage,
            comment: &request.comment,
            expected_revision: request.expected_revision,
            request_id: request_id.as_deref(),
            dry_run: request.dry_run,
            request: false,
            request_lasts: REQUEST_LASTS,
            override_reason: None,
            displace_to: None,
        };
        self.decide(caller, &request.model, &asked).await
    }

    /// Sees what stands, asks others for what the rules need to know, and decides.
    async fn decide(
        &self,
        caller: &Caller,
        model: &str,
        asked: &Asked<'_>,
    ) -> Result<proto::Decision, RegistryError> {
        let workspace = caller.workspace;
        // Looked for first: what was decided may since stand otherwise.
        if let Some(decided) = self.store.decided(workspace, model, asked).await? {
            return Ok(decided);
        }
        let seen = self.store.see(workspace, model, asked).await?;
        let facts = seen.gather(&self.sources, caller).await?;
        self.store.transition(caller, &seen, facts, asked).await
    }

    async fn stays(
        &self,
        caller: &Caller,
        request: proto::ListStaysRequest,
    ) -> Result<proto::ListStaysResponse, RegistryError> {
        let mut violations = Violations::default();
        let at = violations.time("at", request.at.as_ref());
        violations.finish()?;
        let size = fields::page_size(request.page_size)?;
        let proto::ListStaysRequest { model, stage, .. } = &request;
        let query = format!("stays {model} {stage} {at:?}");
        let after = PageToken::<Position>::decode(&request.page_token, &query)?;
        let mut stays = self
            .store
            .stays(caller.workspace, model, stage, at, after, size + 1)
            .await?;
        let next_page_token = PageToken::cut(&mut stays, size, &query, Stay::position);
        Ok(proto::ListStaysResponse {
            stays: stays.into_iter().map(convert::to_stay).collect(),
            next_page_token,
        })
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListAuditRecordsRequest,
    ) -> Result<proto::ListAuditRecordsResponse, RegistryError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!("audit {}", request.model);
        let before = PageToken::<i64>::decode(&request.page_token, &query)?.unwrap_or(i64::MAX);
        let mut records = self
            .store
            .audit(caller.workspace, &request.model, before, size + 1)
            .await?;
        let next_page_token = PageToken::cut(&mut records, size, &query, |record| record.revision);
        Ok(proto::ListAuditRecordsResponse {
            records,
            next_page_token,
        })
    }

    async fn verify(
        &self,
        caller: &Caller,
        request: proto::VerifyAuditRequest,
    ) -> Result<proto::VerifyAuditResponse, RegistryError> {
        let mut violations = Violations::default();
        let kept = request
            .checkpoint
            .and_then(|given| violations.check("checkpoint", Checkpoint::read(&given)));
        if kept
            .as_ref()
            .is_some_and(|kept| kept.workspace != caller.workspace)
        {
            violations.add("checkpoint.workspace", "is another than this one");
        }
        violations.finish()?;
        let verified = self
            .store
            .verify_audit(caller.workspace, None, kept.as_ref())
            .await?;
        Ok(proto::VerifyAuditResponse {
            records: verified.records,
            hash: verified
                .hash()
                .map(|hash| hash.to_string())
                .unwrap_or_default(),
            broken_at: verified.broken.map(|(revision, _)| revision),
            problem: verified
                .broken
                .map(|(_, problem)| problem.to_string())
                .unwrap_or_default(),
            checkpoints: verified.checkpoints,
        })
    }
}

/// How long a request that is opened stays open.
fn request_lasts(
    duration: Option<prost_types::Duration>,
    violations: &mut Violations,
) -> TimeDelta {
    let Some(duration) = duration else {
        return REQUEST_LASTS;
    };
    let lasts = TimeDelta::try_seconds(duration.seconds).unwrap_or(TimeDelta::MAX);
    if lasts < TimeDelta::minutes(1) || lasts > REQUEST_LASTS_MOST {
        violations.add("request_expires_in", "must be a minute to 90 days");
    }
    lasts
}

/// The events of a watcher until `shutdown`: first where it begins.
fn events(
    watcher: Watcher,
    shutdown: CancellationToken,
) -> impl Stream<Item = Result<proto::WatchResponse, Status>> {
    let begin = to_response(Event::Quiet(watcher.position()));
    let events = stream::try_unfold(watcher, async |mut watcher| {
        let event = watcher.next().await.map_err(status)?;
        Ok(Some((to_response(event), watcher)))
    });
    stream::once(async { Ok(begin) })
        .chain(events)
        .take_until(shutdown.cancelled_owned())
}

fn to_response(event: Event) -> proto::WatchResponse {
    let event = match event {
        Event::Record(record) => proto::watch_response::Event::Record(Arc::unwrap_or_clone(record)),
        Event::Quiet(revision) => proto::watch_response::Event::Bookmark(revision),
    };
    proto::WatchResponse { event: Some(event) }
}

#[tonic::async_trait]
impl TransitionService for TransitionApi {
    async fn transition_version(
        &self,
        request: Request<proto::TransitionVersionRequest>,
    ) -> Result<Response<proto::TransitionVersionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let decision = self.transition(&caller, request.into_inner()).await;
        answer(decision.map(|d| proto::TransitionVersionResponse { decision: Some(d) }))
    }

    async fn rollback_stage(
        &self,
        request: Request<proto::RollbackStageRequest>,
    ) -> Result<Response<proto::RollbackStageResponse>, Status> {
        let caller = Caller::of(&request)?;
        let decision = self.rollback(&caller, request.into_inner()).await;
        answer(decision.map(|d| proto::RollbackStageResponse { decision: Some(d) }))
    }

    async fn list_stays(
        &self,
        request: Request<proto::ListStaysRequest>,
    ) -> Result<Response<proto::ListStaysResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.stays(&caller, request.into_inner()).await)
    }

    async fn list_audit_records(
        &self,
        request: Request<proto::ListAuditRecordsRequest>,
    ) -> Result<Response<proto::ListAuditRecordsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }

    async fn verify_audit(
        &self,
        request: Request<proto::VerifyAuditRequest>,
    ) -> Result<Response<proto::VerifyAuditResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.verify(&caller, request.into_inner()).await)
    }

    type WatchStream = Answers<proto::WatchResponse>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let mut violations = Violations::default();
        let selector = request.selector.unwrap_or_default();
        let selector = Selector::read("selector", selector, &mut violations);
        violations.finish().map_err(status)?;
        let selector = selector.with_model(request.model);
        let feeds = self.feeds.clone();
        let watcher = Watcher::open(feeds, caller.workspace, selector, request.after_revision)
            .await
            .map_err(status)?;
        Ok(Response::new(Box::pin(events(
            watcher,
            self.shutdown.clone(),
        ))))
    }
}
