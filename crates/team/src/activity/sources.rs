//! Who tells what happened, and what they are asked.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_core::PageToken;
use herdbook_proto::{
    access::v1::{ListAccessChangesRequest, access_service_client::AccessServiceClient},
    registry::v1::{ListAuditRecordsRequest, transition_service_client::TransitionServiceClient},
    team::v1::{ActivityKind, EndedRun, activity::Event},
    time::from_timestamp,
    tracking::v1::{SearchRunsRequest, run_service_client::RunServiceClient},
};
use herdbook_rpc::Caller;
use prost_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, Place, Places, Told};
use crate::{
    TeamError,
    peers::{Peers, unanswered},
    service::{comments, reports},
    store::{Place as Row, Store, comments::Comment},
};

/// Entries that a source is asked for at a time: always the same, for a place counts from the page's first.
const PAGE: u32 = 200;
/// Pages of a source that are looked through for what one principal did, in one call.
const LOOKED_THROUGH: usize = 20;
/// Runs that ended, as the search of tracking has it.
const ENDED: &str = "attributes.ended_at IS NOT NULL";

/// Somebody who tells what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Source {
    Runs,
    Registry,
    Comments,
    Reports,
    Access,
}

impl Source {
    const ALL: [Self; 5] = [
        Self::Runs,
        Self::Registry,
        Self::Comments,
        Self::Reports,
        Self::Access,
    ];

    fn kind(self) -> ActivityKind {
        match self {
            Self::Runs => ActivityKind::Run,
            Self::Registry => ActivityKind::Registry,
            Self::Comments => ActivityKind::Comment,
            Self::Reports => ActivityKind::Report,
            Self::Access => ActivityKind::Access,
        }
    }

    /// Where those that tell of some kinds, or of all, begin.
    pub(crate) fn beginnings(kinds: &[i32]) -> Places {
        let wanted = |source: &Self| kinds.is_empty() || kinds.contains(&i32::from(source.kind()));
        let wanted = Self::ALL.into_iter().filter(wanted);
        wanted.map(|source| (source, Place::default())).collect()
    }
}

/// A page of a source: entries without their places, and the token of the next page.
type Page = (Vec<(DateTime<Utc>, String, Event)>, String);

/// The sources of a workspace, as one caller sees them.
pub(crate) struct Sources<'a> {
    pub(crate) store: &'a Store,
    pub(crate) peers: &'a Peers,
    pub(crate) caller: &'a Caller,
    /// Only what this principal did; everybody's if empty.
    pub(crate) principal: &'a str,
}

impl Sources<'_> {
    /// What each source tells from its place on, as much as a list of `size` can need.
    pub(crate) async fn ask(
        &self,
        places: &Places,
        size: usize,
    ) -> Result<BTreeMap<Source, Told>, TeamError> {
        let [runs, registry, comments, reports, access] =
            Source::ALL.map(|source| Box::pin(self.ask_one(source, places, size)));
        let told = tokio::try_join!(runs, registry, comments, reports, access)?;
        let told = [told.0, told.1, told.2, told.3, told.4];
        let told = Source::ALL.into_iter().zip(told);
        Ok(told
            .filter_map(|(source, told)| Some((source, told?)))
            .collect())
    }

    /// What `source` tells from its place on; nothing if it is at its end.
    async fn ask_one(
        &self,
        source: Source,
        places: &Places,
        size: usize,
    ) -> Result<Option<Told>, TeamError> {
        match places.get(&source) {
            Some(place) => Ok(Some(self.read(source, place.clone(), size).await?)),
            None => Ok(None),
        }
    }

    async fn read(&self, source: Source, mut place: Place, size: usize) -> Result<Told, TeamError> {
        let mut entries = Vec::new();
        for _ in 0..LOOKED_THROUGH {
            let (page, next_page_token) = self.page(source, &place.page_token).await?;
            let count = page.len();
            let after = |number: usize| match number + 1 == count && !next_page_token.is_empty() {
                true => Place {
                    page_token: next_page_token.clone(),
                    skip: 0,
                },
                false => Place {
                    page_token: place.page_token.clone(),
                    skip: number + 1,
                },
            };
            let found = page.into_iter().enumerate().skip(place.skip);
            let of_principal = found
                .filter(|(_, (_, by, _))| self.principal.is_empty() || by == self.principal)
                .map(|(number, (at, principal, event))| Entry {
                    at,
                    principal,
                    event,
                    next: after(number),
                });
            entries.extend(of_principal);
            if next_page_token.is_empty() {
                return Ok(Told {
                    entries,
                    rest: None,
                });
            }
            place = Place {
                page_token: next_page_token,
                skip: 0,
            };
            if entries.len() >= size {
                break;
            }
        }
        Ok(Told {
            entries,
            rest: Some(place),
        })
    }

    async fn page(&self, source: Source, page_token: &str) -> Result<Page, TeamError> {
        match source {
            Source::Runs => self.runs(page_token).await,
            Source::Registry => self.registry(page_token).await,
            Source::Comments => self.comments(page_token).await,
            Source::Reports => self.reports(page_token).await,
            Source::Access => self.access(page_token).await,
        }
    }

    async fn runs(&self, page_token: &str) -> Result<Page, TeamError> {
        let mut runs = RunServiceClient::new(self.peers.tracking.on_behalf_of(self.caller));
        let columns = ["name", "status", "user", "ended_at", "experiment_id"];
        let request = SearchRunsRequest {
            filter: ENDED.to_owned(),
            order_by: vec!["attributes.ended_at desc".to_owned()],
            page_size: PAGE,
            page_token: page_token.to_owned(),
            columns: columns.map(|name| format!("attributes.{name}")).to_vec(),
            ..Default::default()
        };
        let answer = runs.search_runs(request).await;
        let answer = answer
            .map_err(|said| unanswered("tracking", said))?
            .into_inner();
        let ended = answer.runs.into_iter().filter_map(|run| {
            let event = EndedRun {
                run_id: run.id,
                name: run.name,
                experiment_id: run.experiment_id,
                status: run.status,
            };
            Some((time(run.ended_at.as_ref())?, run.user, Event::Run(event)))
        });
        Ok((ended.collect(), answer.next_page_token))
    }

    async fn registry(&self, page_token: &str) -> Result<Page, TeamError> {
        let mut registry =
            TransitionServiceClient::new(self.peers.registry.on_behalf_of(self.caller));
        let request = ListAuditRecordsRequest {
            page_size: PAGE,
            page_token: page_token.to_owned(),
            ..Default::default()
        };
        let answer = registry.list_audit_records(request).await;
        let answer = answer
            .map_err(|said| unanswered("the registry", said))?
            .into_inner();
        let records = answer.records.into_iter().filter_map(|record| {
            let (at, by) = (time(record.at.as_ref())?, record.principal.clone());
            Some((at, by, Event::Record(record)))
        });
        Ok((records.collect(), answer.next_page_token))
    }

    async fn access(&self, page_token: &str) -> Result<Page, TeamError> {
        let mut access = AccessServiceClient::new(self.peers.access.on_behalf_of(self.caller));
        let request = ListAccessChangesRequest {
            page_size: PAGE,
            page_token: page_token.to_owned(),
            ..Default::default()
        };
        let answer = access.list_access_changes(request).await;
        let answer = answer
            .map_err(|said| unanswered("access", said))?
            .into_inner();
        let changes = answer.changes.into_iter().filter_map(|change| {
            let (at, by) = (time(change.at.as_ref())?, change.principal.clone());
            Some((at, by, Event::Access(change)))
        });
        Ok((changes.collect(), answer.next_page_token))
    }

    async fn comments(&self, page_token: &str) -> Result<Page, TeamError> {
        let query = "newest comments";
        let before = PageToken::<Row>::decode(page_token, query)?;
        let size = PAGE as usize;
        let mut found = self
            .store
            .newest_comments(self.caller.workspace, before, size + 1)
            .await?;
        let next = PageToken::cut(&mut found, size, query, Comment::place);
        let said = found.into_iter().map(|comment| {
            let (at, by) = (comment.created_at, comment.author.clone());
            (at, by, Event::Comment(comments::to_proto(comment)))
        });
        Ok((said.collect(), next))
    }

    async fn reports(&self, page_token: &str) -> Result<Page, TeamError> {
        let query = "newest revisions";
        let before = PageToken::<(Row, i64)>::decode(page_token, query)?;
        let size = PAGE as usize;
        let mut found = self
            .store
            .newest_revisions(self.caller.workspace, before, size + 1)
            .await?;
        let next = PageToken::cut(&mut found, size, query, |last| {
            (Row::new(last.saved_at, last.report_id), last.revision)
        });
        let saved = found.into_iter().map(|revision| {
            let (at, by) = (revision.saved_at, revision.saved_by.clone());
            (at, by, Event::Report(reports::revision_to_proto(revision)))
        });
        Ok((saved.collect(), next))
    }
}

/// The time of an entry; one without is none.
fn time(timestamp: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    timestamp.and_then(from_timestamp)
}
