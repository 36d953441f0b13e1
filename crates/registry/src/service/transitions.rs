//! Moves, rollbacks, the audit log and watching it.

use std::{pin::Pin, sync::Arc};

use chrono::Utc;
use futures::{Stream, StreamExt as _, stream};
use herdbook_core::PageToken;
use herdbook_proto::{
    Violations, fields,
    registry::v1::{self as proto, Outcome, transition_service_server::TransitionService},
    time::to_timestamp,
};
use herdbook_rpc::{Caller, PeerChannel, status};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    RegistryError,
    checkpoint::Checkpoint,
    convert,
    facts::Facts,
    policy::Asks,
    store::{
        Store,
        transitions::{Asked, Seen},
    },
    transition::decide,
    watch::{Event, Feeds, Selector, Watcher},
};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct TransitionApi {
    store: Store,
    tracking: PeerChannel,
    feeds: Feeds,
    shutdown: CancellationToken,
}

impl TransitionApi {
    pub(crate) fn new(
        store: Store,
        tracking: PeerChannel,
        feeds: Feeds,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            tracking,
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
        let request_id = fields::request_id(request.request_id, &mut violations);
        violations.finish()?;
        let seen = self
            .store
            .see(
                caller.workspace,
                &request.model,
                request.version,
                &request.to,
            )
            .await?;
        let facts = self.facts(caller, &seen).await?;
        if request.dry_run {
            return Ok(dry_run(caller, &seen, &facts, &request.comment));
        }
        let asked = Asked {
            comment: &request.comment,
            expected_revision: request.expected_revision,
            request_id: request_id.as_deref(),
        };
        self.store.transition(caller, &seen, &facts, &asked).await
    }

    /// Facts from tracking, if a rule of the move asks for any.
    async fn facts(&self, caller: &Caller, seen: &Seen) -> Result<Facts, RegistryError> {
        let step = seen
            .model
            .policy
            .find_move(&seen.version.stage, &seen.to.name);
        let asks_tracking = step.is_some_and(|step| {
            step.rules
                .iter()
                .any(|rule| matches!(rule.asks, Asks::Metric { .. }))
        });
        if !asks_tracking {
            return Ok(Facts::unasked(seen.version.run));
        }
        Facts::gather(&self.tracking, caller, seen.version.run).await
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
            comment: &request.comment,
            expected_revision: 0,
            request_id: request_id.as_deref(),
        };
        self.store
            .rollback(caller, &request.model, &request.stage, &asked)
            .await
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
        let more = records.len() > size;
        records.truncate(size);
        let next = records
            .last()
            .filter(|_| more)
            .map(|record| record.revision);
        Ok(proto::ListAuditRecordsResponse {
            records,
            next_page_token: next
                .map(|n| PageToken::new(n, &query).encode())
                .unwrap_or_default(),
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

/// What a move would come to.
fn dry_run(caller: &Caller, seen: &Seen, facts: &Facts, comment: &str) -> proto::Decision {
    let Seen {
        model,
        version,
        to,
        occupants,
    } = seen;
    let plan = decide(&model.policy, version, to, occupants, caller.role, facts);
    let mut decision = convert::to_decision(version, &to.name, &plan, model, caller, comment);
    let outcome = if plan.allowed() {
        Outcome::WouldAllow
    } else {
        Outcome::WouldRefuse
    };
    decision.outcome = outcome.into();
    decision.decided_at = Some(to_timestamp(Utc::now()));
    decision
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
