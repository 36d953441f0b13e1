//! Moves, rollbacks, the audit log and watching it.

use std::{pin::Pin, time::Duration};

use chrono::TimeDelta;
use futures::Stream;
use herdbook_core::PageToken;
use herdbook_proto::{
    Violations, fields,
    registry::v1::{
        self as proto, transition_service_server::TransitionService, watch_response::Event,
    },
};
use herdbook_rpc::{Caller, Role, status};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::answer;
use crate::{
    RegistryError, convert,
    facts::{Facts, Sources},
    store::{
        Store,
        stages::{Position, Stay},
        transitions::Asked,
    },
};

/// How long a watcher hears nothing before it is sent a bookmark.
const QUIET: Duration = Duration::from_secs(10);
/// How long a request stays open.
const REQUEST_LASTS: TimeDelta = TimeDelta::days(7);
const REQUEST_LASTS_MOST: TimeDelta = TimeDelta::days(90);
/// Events on their way to a watcher.
const EVENTS: usize = 256;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct TransitionApi {
    store: Store,
    sources: Sources,
    shutdown: CancellationToken,
}

impl TransitionApi {
    pub(crate) fn new(store: Store, sources: Sources, shutdown: CancellationToken) -> Self {
        Self {
            store,
            sources,
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
        let rules = seen.way.rules(&seen.model.policy, &seen.version, &seen.to);
        let facts = Facts::gather(
            &self.sources,
            caller,
            &rules.unwrap_or_default(),
            &seen.version,
            &seen.standing,
        )
        .await?;
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
        let more = stays.len() > size;
        stays.truncate(size);
        let next = stays.last().filter(|_| more).map(Stay::position);
        Ok(proto::ListStaysResponse {
            stays: stays.into_iter().map(convert::to_stay).collect(),
            next_page_token: next
                .map(|n| PageToken::new(n, &query).encode())
                .unwrap_or_default(),
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

    /// Where a watch begins.
    async fn watch_from(&self, caller: &Caller, after: Option<i64>) -> Result<i64, RegistryError> {
        let now = self.store.revision(caller.workspace).await?;
        match after {
            Some(asked) if asked > now => Err(RegistryError::RevisionAhead { asked, now }),
            Some(asked) => Ok(asked.max(0)),
            None => Ok(now),
        }
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

type Events = mpsc::Sender<Result<proto::WatchResponse, Status>>;

/// Sends every record after `after`, then those that come, until the listener leaves.
async fn send_events(
    store: Store,
    caller: Caller,
    model: String,
    mut after: i64,
    events: &Events,
) -> Result<(), RegistryError> {
    let mut listener = store.pulse().listen();
    let send = async |event| {
        events
            .send(Ok(proto::WatchResponse { event: Some(event) }))
            .await
            .is_ok()
    };
    if !send(Event::Bookmark(after)).await {
        return Ok(());
    }
    loop {
        // Read before the records: none between the two can be missed, for a revision is visible only
        // with its record.
        let now = store.revision(caller.workspace).await?;
        loop {
            let records = store.audit_after(caller.workspace, &model, after).await?;
            if records.is_empty() {
                break;
            }
            for record in records {
                after = record.revision;
                if !send(Event::Record(record)).await {
                    return Ok(());
                }
            }
        }
        after = after.max(now);
        if tokio::time::timeout(QUIET, listener.past(caller.workspace, after))
            .await
            .is_err()
            && !send(Event::Bookmark(after)).await
        {
            return Ok(());
        }
    }
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
        let verified = self.store.verify_audit(caller.workspace).await;
        answer(verified.map(|verifier| {
            proto::VerifyAuditResponse {
                records: verifier.records,
                hash: herdbook_core::Digest::try_from(verifier.last.as_slice())
                    .map(|hash| hash.to_string())
                    .unwrap_or_default(),
                broken_at: verifier.broken_at,
            }
        }))
    }

    type WatchStream = Answers<proto::WatchResponse>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let after = self
            .watch_from(&caller, request.after_revision)
            .await
            .map_err(status)?;
        let (events, receiver) = mpsc::channel(EVENTS);
        let (store, shutdown) = (self.store.clone(), self.shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = events.closed() => {}
                sent = send_events(store, caller, request.model, after, &events) => {
                    if let Err(error) = sent {
                        let _ = events.send(Err(status(error))).await;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}
