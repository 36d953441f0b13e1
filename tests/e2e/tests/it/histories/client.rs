//! Clients whose calls and answers make a history.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use herdbook_e2e::linearizable::Event;
use herdbook_proto::registry::v1::{
    ApproveRequestRequest, CreateVersionRequest, Decision, GetModelRequest, GetVersionRequest,
    ListModelsRequest, ListStaysRequest, Model, Outcome, RollbackStageRequest, SetAliasRequest,
    TransitionVersionRequest, model_service_client::ModelServiceClient,
    request_service_client::RequestServiceClient,
    transition_service_client::TransitionServiceClient,
    version_service_client::VersionServiceClient,
};
use herdbook_testkit::{grpc::reason, wait_until};
use rand::{RngExt as _, rngs::StdRng};
use tokio::sync::watch;
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt as _;

use super::model::{Answer, Call, Stage, What, Who};

pub(super) const ALIASES: [&str; 2] = ["champion", "challenger"];

/// The server that runs now, and the tokens of those who call it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) server: watch::Receiver<Channel>,
    pub(super) tokens: Arc<[String]>,
}

impl Place {
    pub(super) fn channel(&self) -> Channel {
        self.server.borrow().clone()
    }

    /// A call by somebody.
    pub(super) fn by<T>(&self, who: Who, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {}", self.tokens[who]);
        let metadata = request.metadata_mut();
        metadata.insert("authorization", token.parse().unwrap());
        request
    }

    /// Waits until the server and its Postgres answer.
    pub(super) async fn settle(&self) {
        wait_until("the server answers", async || {
            let mut models = ModelServiceClient::new(self.channel());
            let request = ListModelsRequest {
                page_size: 1,
                ..Default::default()
            };
            models.list_models(self.by(0, request)).await.ok()
        })
        .await;
    }
}

/// A model that is called, and all that was asked of it and answered.
#[derive(Debug)]
pub(super) struct History {
    pub(super) model: String,
    /// From which versions are registered.
    pub(super) source: String,
    pub(super) events: Mutex<Vec<Event<Call, Answer>>>,
    /// Requests that somebody was told of.
    requests: Mutex<Vec<i64>>,
    /// The newest version that somebody was told of.
    latest: Mutex<i64>,
    clock: AtomicU64,
}

impl History {
    pub(super) fn new(model: String, source: String) -> Self {
        Self {
            model,
            source,
            events: Mutex::default(),
            requests: Mutex::default(),
            latest: Mutex::default(),
            clock: AtomicU64::default(),
        }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn heard(&self, answer: &Answer) {
        match answer {
            Answer::Created { number, .. } => {
                let mut latest = self.latest.lock().unwrap();
                *latest = (*latest).max(*number);
            }
            Answer::Pending { request, .. } => self.requests.lock().unwrap().push(*request),
            _ => {}
        }
    }
}

/// An answer that was lost: what was asked may be done or not.
struct Lost;

/// One of those who call.
pub(super) struct Client {
    pub(super) who: Who,
    pub(super) place: Place,
    pub(super) history: Arc<History>,
    pub(super) random: StdRng,
    /// Calls that were answered or lost, of all clients.
    pub(super) done: Arc<watch::Sender<u64>>,
}

impl Client {
    /// Makes so many calls, one after another.
    pub(super) async fn run(mut self, calls: usize) {
        for _ in 0..calls {
            let what = self.choose();
            let history = self.history.clone();
            let key = format!("{:x}", self.random.random::<u64>());
            let called = history.tick();
            let mut answer = self.ask(&what, &key, false).await;
            // With its key a call that changes something is asked for again and done once.
            let again = matches!(what, What::Create | What::Move { .. } | What::RollBack);
            while answer.is_err() && again && self.random.random_bool(0.5) {
                self.place.settle().await;
                answer = self.ask(&what, &key, true).await;
            }
            let answered = answer.map(|answer| {
                history.heard(&answer);
                (answer, history.tick())
            });
            let lost = answered.is_err();
            history.events.lock().unwrap().push(Event {
                call: Call {
                    who: self.who,
                    what,
                },
                called,
                answered: answered.ok(),
            });
            self.done.send_modify(|done| *done += 1);
            if lost {
                self.place.settle().await;
            }
        }
    }

    fn choose(&mut self) -> What {
        let latest = *self.history.latest.lock().unwrap();
        let random = &mut self.random;
        let alias = ALIASES[random.random_range(0..ALIASES.len())];
        // One more than anybody was told of: it may be there, or not.
        let version = random.random_range(1..=latest + 1);
        match random.random_range(0..100) {
            0..12 => What::Create,
            12..28 => What::Move {
                version,
                to: Stage::Production,
            },
            28..44 => What::Move {
                version,
                to: [Stage::Staging, Stage::Staging, Stage::Archived][random.random_range(0..3)],
            },
            44..54 => What::RollBack,
            54..66 => {
                let requests = self.history.requests.lock().unwrap();
                match requests.is_empty() {
                    true => What::Get,
                    // Mostly the newest: older ones are closed.
                    false => What::Approve {
                        request: requests
                            [random.random_range(requests.len().saturating_sub(3)..requests.len())],
                    },
                }
            }
            66..74 => What::SetAlias { alias, version },
            74..82 => What::Get,
            82..88 => What::ResolveProduction,
            88..94 => What::ResolveAlias(alias),
            _ => What::Stays,
        }
    }

    async fn ask(&self, what: &What, key: &str, repeated: bool) -> Result<Answer, Lost> {
        let answer = self.call(what, key, repeated).await;
        answer.or_else(|status| refused(&status))
    }

    async fn call(&self, what: &What, key: &str, repeated: bool) -> Result<Answer, Status> {
        let model = self.history.model.clone();
        let channel = self.place.channel();
        let mut models = ModelServiceClient::new(channel.clone());
        let mut versions = VersionServiceClient::new(channel.clone());
        let mut moves = TransitionServiceClient::new(channel.clone());
        match what {
            What::Create => {
                let request = CreateVersionRequest {
                    model,
                    source: self.history.source.clone(),
                    request_id: key.to_owned(),
                    ..Default::default()
                };
                let made = versions.create_version(self.by(request)).await?;
                let made = made.into_inner().version.unwrap();
                Ok(Answer::Created {
                    number: made.number,
                    // That of a repeat may be of a later change.
                    revision: (!repeated).then_some(made.revision),
                })
            }
            What::Move { version, to } => {
                let request = TransitionVersionRequest {
                    model,
                    version: *version,
                    to: to.name().to_owned(),
                    request_id: key.to_owned(),
                    ..Default::default()
                };
                let decided = moves.transition_version(self.by(request)).await?;
                Ok(decision(decided.into_inner().decision))
            }
            What::RollBack => {
                let request = RollbackStageRequest {
                    model,
                    stage: Stage::Production.name().to_owned(),
                    request_id: key.to_owned(),
                    ..Default::default()
                };
                let decided = moves.rollback_stage(self.by(request)).await?;
                Ok(decision(decided.into_inner().decision))
            }
            What::Approve { request } => {
                let request = ApproveRequestRequest {
                    id: *request,
                    ..Default::default()
                };
                let mut requests = RequestServiceClient::new(channel);
                let approved = requests.approve_request(self.by(request)).await?;
                Ok(decision(approved.into_inner().decision))
            }
            What::SetAlias { alias, version } => {
                let request = SetAliasRequest {
                    model,
                    alias: (*alias).to_owned(),
                    version: *version,
                };
                models.set_alias(self.by(request)).await?;
                Ok(Answer::AliasSet)
            }
            What::Get => {
                let request = GetModelRequest {
                    name: model,
                    ..Default::default()
                };
                let found = models.get_model(self.by(request)).await?;
                Ok(shown(found.into_inner().model.unwrap()))
            }
            What::ResolveProduction => self.resolve(versions, "Production").await,
            What::ResolveAlias(alias) => self.resolve(versions, alias).await,
            What::Stays => {
                let request = ListStaysRequest {
                    model,
                    stage: Stage::Production.name().to_owned(),
                    ..Default::default()
                };
                let found = moves.list_stays(self.by(request)).await?.into_inner();
                let stays = found.stays.iter().map(|stay| stay.version);
                Ok(Answer::Stays(stays.collect()))
            }
        }
    }

    async fn resolve(
        &self,
        mut versions: VersionServiceClient<Channel>,
        name: &str,
    ) -> Result<Answer, Status> {
        let request = GetVersionRequest {
            reference: format!("{}@{name}", self.history.model),
        };
        let found = versions.get_version(self.by(request)).await?;
        let found = found.into_inner().version.unwrap();
        Ok(Answer::Version {
            number: found.number,
            stage: Stage::named(&found.stage),
        })
    }

    fn by<T>(&self, message: T) -> Request<T> {
        self.place.by(self.who, message)
    }
}

fn decision(decision: Option<Decision>) -> Answer {
    let decision = decision.unwrap();
    match decision.outcome() {
        Outcome::Allowed => Answer::Moved {
            version: decision.version,
            displaced: decision.displaced,
            revision: decision.revision,
        },
        Outcome::Pending => Answer::Pending {
            request: decision.request,
            revision: Some(decision.revision).filter(|revision| *revision != 0),
        },
        other => panic!("a move came to {other:?}"),
    }
}

fn shown(model: Model) -> Answer {
    let stages = model.stages.into_iter();
    let stages = stages.map(|content| (Stage::named(&content.stage), content.versions));
    Answer::Model {
        latest: model.latest_version,
        stages: stages.collect(),
        aliases: model.aliases.into_iter().collect(),
        revision: model.revision,
    }
}

/// What an error says; [`Lost`] where it does not say that nothing was done.
fn refused(status: &Status) -> Result<Answer, Lost> {
    let (code, why) = reason(status);
    let details = status.get_error_details();
    let metadata = details.error_info().map(|info| &info.metadata);
    match (code, why.as_str()) {
        (_, "TRANSITION_REFUSED") => Ok(Answer::Refused {
            revision: metadata.unwrap()["revision"].parse().unwrap(),
        }),
        (_, "REQUEST_OPEN") => Ok(Answer::OpenOfAnother {
            request: details
                .resource_info()
                .unwrap()
                .resource_name
                .parse()
                .unwrap(),
        }),
        (_, "REQUEST_CLOSED") => Ok(Answer::Closed),
        (_, "APPROVED_BY_AUTHOR") => Ok(Answer::ByAuthor),
        (_, "NOTHING_BEFORE") => Ok(Answer::NothingBefore),
        (_, "VERSION_NOT_FOUND") => Ok(Answer::NotFound),
        (Code::Aborted, _) => Ok(Answer::Overtaken),
        // Those of a server or a Postgres that was killed in the middle.
        (Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal, _) => Err(Lost),
        _ => Ok(Answer::Unforeseen(status.to_string())),
    }
}
